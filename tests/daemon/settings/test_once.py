"""A default stands once, in the settings class of its machine, and nobody copies a setting into another class."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from daemon.settings.explain import unit_of
from daemon.settings.keys import every_key
from daemon.settings.tree import Settings
from tests.test_rooms import product
from tests.tidy.source import Source

# Names that say their unit are names of one thing; a `mode` or a `host` may be anybody's.
NAMES = {leaf for name in every_key(Settings) if unit_of(leaf := name.rpartition(".")[2])}


def given(src: Source) -> Iterator[str]:
    """Every setting that gets a value here: a field or constant, an argument's default, a part of a settings class."""
    for node in ast.walk(src.tree):
        if isinstance(node, ast.AnnAssign | ast.Assign):
            targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            if _is_fixed(node.value):
                yield from (target.id.lower() for target in targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.arguments):
            plain = [*node.posonlyargs, *node.args][-len(node.defaults) :] if node.defaults else []
            named = zip([*plain, *node.kwonlyargs], [*node.defaults, *node.kw_defaults], strict=True)
            yield from (arg.arg for arg, default in named if _is_fixed(default))
        elif isinstance(node, ast.Call):
            makes = ast.unparse(node.func).endswith("Settings")
            for keyword in node.keywords:
                copied = isinstance(keyword.value, ast.Attribute) and keyword.value.attr == keyword.arg
                if keyword.arg and makes and (copied or _is_fixed(keyword.value)):
                    yield keyword.arg


def _is_fixed(value: ast.expr | None) -> bool:
    """Whether a value is written out: nothing is looked up for it."""
    return (
        value is not None
        and not any(isinstance(part, ast.Name | ast.Attribute | ast.Call | ast.Subscript) for part in ast.walk(value))
        and any(isinstance(part, ast.Constant) and part.value is not None for part in ast.walk(value))
    )


def places(sources: list[Source]) -> dict[str, list[str]]:
    """Where each setting gets a value."""
    found: dict[str, list[str]] = {name: [] for name in NAMES}
    for src in sources:
        for name in given(src):
            if name in found:
                found[name].append(src.path)
    return found


def in_the_daemon() -> list[Source]:
    """What runs; the simulator writes configurations, as an operator does."""
    return [src for src in product() if src.shop != "sim"]


def test_every_default_stands_once() -> None:
    found = places(in_the_daemon())
    assert len(found) > 25
    assert {name: where for name, where in found.items() if len(where) != 1} == {}, "take the settings class itself"


@pytest.mark.parametrize(
    "text",
    [
        "class Limits:\n    strict_limit_ms: int = 700",
        "STRICT_LIMIT_MS = 700",
        "STRICT_LIMIT_MS: Final = 700",
        "def judge(age_ms: int, strict_limit_ms: int = 700): ...",
        "def judge(*, strict_limit_ms: int = 700): ...",
        "limits = FreshnessSettings(strict_limit_ms=7 * 100)",
        "limits = LimitSettings(strict_limit_ms=settings.freshness.strict_limit_ms)",
    ],
)
def test_a_second_one_is_found(text: str) -> None:
    found = places([*in_the_daemon(), Source("journal/reports/planted.py", text)])["strict_limit_ms"]
    assert found == ["guards/freshness.py", "journal/reports/planted.py"]


@pytest.mark.parametrize(
    "text",
    [
        "limit_ms = settings.freshness.strict_limit_ms",
        "def judge(age_ms: int, strict_limit_ms: int): ...",
        "class Limits:\n    strict_limit_ms: int",
        "shown = Shown(strict_limit_ms=settings.freshness.strict_limit_ms)",
        "SOFT_LIMIT_S = 3",
    ],
)
def test_a_near_miss_is_left_alone(text: str) -> None:
    assert list(filter(NAMES.__contains__, given(Source("journal/reports/planted.py", text)))) == []
