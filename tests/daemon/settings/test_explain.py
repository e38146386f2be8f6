"""Every setting can be explained in words that are not Python's."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from daemon.settings.explain import explain, unit_of
from daemon.settings.keys import every_key
from daemon.settings.tree import Settings
from domain.errors import UsageError

STEP_IDS = tomllib.loads((Path(__file__).parents[3] / "docs" / "steps.toml").read_text("utf-8")).keys()


@pytest.mark.step("K16")
@pytest.mark.parametrize(
    ("key", "told"),
    [
        (
            "freshness.strict_limit_ms",
            "is over. A whole number, at least 50, at most 60000; default 700; unit: milliseconds. Runbook: H14.",
        ),
        ("mode", 'One of paper, live; default "paper".'),
        ("windows.hourly_targets", "A list, each a whole number; default [10,11,12,13,14,15]."),
        ("freshness", "A section with basis, arm_limit_ms, soft_limit_ms, strict_limit_ms."),
        ("risk.per_market_contracts", "unit: contracts."),
        ("http.control_token", "A secret, or left out; default none."),
    ],
)
def test_a_setting_is_told_in_words(key: str, told: str) -> None:
    assert explain(key).startswith(f"{key}: ")
    assert told in explain(key)


@pytest.mark.step("K16")
@pytest.mark.parametrize("key", sorted(every_key(Settings)))
def test_every_setting_has_its_meaning_and_the_steps_it_serves(key: str) -> None:
    field = every_key(Settings)[key]
    meaning = field.meaning
    assert re.fullmatch(r"[A-Z].{19,}\.", meaning), f"{key}: a sentence that says what it means"
    assert meaning in explain(key)
    assert field.steps, f"{key}: the runbook steps that use it"
    assert set(field.steps) <= STEP_IDS
    assert field.required or "default" in explain(key)


def test_a_number_says_its_unit_by_its_name_or_is_a_plain_one() -> None:
    numbers = {key for key, field in every_key(Settings).items() if field.kind is int}
    plain = {"http.port", "selection.top_n", "selection.minimum_score"}
    assert {key for key in numbers if not unit_of(key.rpartition(".")[2])} == plain


def test_no_setting_shows_a_type_of_the_language() -> None:
    keys = [*every_key(Settings), *Settings.model_fields]
    assert len(keys) > 40
    for key in keys:
        assert not any(word in explain(key) for word in ("class", "typing", "Union", "None", "<", "Annotated")), key


@pytest.mark.parametrize("key", ["nonsense", "mode.x", "freshness.strict"])
def test_an_unknown_one_says_where_it_stops(key: str) -> None:
    with pytest.raises(UsageError, match=key):
        explain(key)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("risk.per_day_dolars", "did you mean risk.per_day_dollars?"),
        ("strict_limit_ms", "did you mean freshness.strict_limit_ms?"),
        ("freshness.nothing_like_it", "at freshness there are: arm_limit_ms"),
    ],
)
def test_a_wrong_name_is_answered_with_the_one_that_was_meant(key: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        explain(key)
    assert told in str(caught.value)
