"""Every setting can be explained in words that are not Python's."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from daemon.settings.explain import explain
from daemon.settings.tree import Settings
from domain.errors import UsageError


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("freshness.strict_limit_ms", "a whole number, at least 50, at most 60000; default 700"),
        ("mode", 'one of paper, live; default "paper"'),
        ("windows.hourly_targets", "a list, each a whole number; default [10,11,12,13,14,15]"),
        ("freshness", "a section with basis, arm_limit_ms, soft_limit_ms, strict_limit_ms"),
    ],
)
def test_a_setting_is_told_in_words(key: str, told: str) -> None:
    assert explain(key) == f"{key}: {told}"


def every_key(model: type[BaseModel], before: str = "") -> list[str]:
    keys = []
    for name, field in model.model_fields.items():
        keys.append(before + name)
        inside = field.annotation
        if isinstance(inside, type) and issubclass(inside, BaseModel):
            keys += every_key(inside, f"{before}{name}.")
    return keys


def test_no_setting_shows_a_type_of_the_language() -> None:
    keys = every_key(Settings)
    assert len(keys) > 40
    for key in keys:
        assert not any(word in explain(key) for word in ("class", "typing", "Union", "None", "<", "Annotated")), key


@pytest.mark.parametrize("key", ["nonsense", "mode.x", "freshness.strict"])
def test_an_unknown_one_says_where_it_stops(key: str) -> None:
    with pytest.raises(UsageError, match=key):
        explain(key)
