"""Every alert that the code raises has a subject of its own and a section in the runbook."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.alerts.subjects import SUBJECTS, subject

ROOT = Path(__file__).resolve().parents[3]
PRODUCT = ("daemon", "execution", "feeds", "guards", "journal", "ops", "pricing")


def names(argument: ast.expr) -> Iterator[str]:
    """The kinds that a first argument can be; one that cannot be read is told as such."""
    if isinstance(argument, ast.IfExp):
        yield from names(argument.body)
        yield from names(argument.orelse)
    elif isinstance(argument, ast.Constant):
        yield str(argument.value)
    else:
        yield f"not a plain name: {ast.unparse(argument)}"


def raised() -> set[str]:
    """Every kind of alert in the product's sources: what `Alert(...)` and `alerts.send(...)` are called with."""
    found: set[str] = set()
    for folder in PRODUCT:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("Alert", "alerts.send")):
                    found.update(name for name in names(node.args[0]) if name != "not a plain name: action.action")
    return found


def test_every_alert_has_a_subject_and_no_subject_is_left_over() -> None:
    assert raised() == set(SUBJECTS)


def test_every_alert_has_its_section_in_the_runbook() -> None:
    page = (ROOT / "docs" / "runbooks" / "alerts.md").read_text(encoding="utf-8")
    sections = {line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")}
    assert sections == set(SUBJECTS)


def test_the_way_back_is_another_switch() -> None:
    there = {"from_feed": "massive", "to_feed": "polygon", "why": "stale", "age_ms": 1201.0}
    back = {"from_feed": "polygon", "to_feed": "massive", "why": "fresh again", "age_ms": 10.0}
    assert subject("feed_switch", there) != subject("feed_switch", back)
    assert subject("feed_switch", there) == subject("feed_switch", there | {"age_ms": 1300.0})


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("index_stale", {"series": "INXU"}, {"series": "NASDAQ100U"}),
        ("feed_down", {"feed": "massive", "reason": "I:SPX"}, {"feed": "massive", "reason": "I:NDX"}),
        ("feed_divergence", {"symbol": "I:SPX"}, {"symbol": "I:NDX"}),
        ("paused", {"cause": "ann: lunch"}, {"cause": "bob: news"}),
        ("places_refused", {"ticker": "A"}, {"ticker": ""}),
        ("reconcile_drift", {"drift": "FOREIGN_ORDER a"}, {"drift": "COUNT_MISMATCH b"}),
        ("settlement_disagrees", {"ticker": "A"}, {"ticker": "B"}),
        ("taker_fill", {"trade_id": "1"}, {"trade_id": "2"}),
        ("order_group_lost", {"group_id": "1"}, {"group_id": "2"}),
        ("job_failed", {"job": "health", "problem": "x"}, {"job": "report", "problem": "x"}),
        ("final_minute_stale", {"series": "A", "window": 1, "count": 1}, {"series": "A", "window": 2, "count": 2}),
        ("health_check", {"late": ["runner"], "closed": []}, {"late": [], "closed": ["clock"]}),
    ],
)
def test_what_is_about_something_else_is_another_alert(
    kind: str, one: dict[str, object], other: dict[str, object]
) -> None:
    assert subject(kind, one) != subject(kind, other)
    assert subject(kind, one) == subject(kind, one | {"detail": "more words"})


def test_a_kind_that_nobody_knows_or_that_lacks_a_field_is_about_all_it_says() -> None:
    assert subject("new_kind", {"a": 1}) != subject("new_kind", {"a": 2})
    assert subject("index_stale", {"age_ms": 1}) != subject("index_stale", {"age_ms": 2})
    assert subject("new_kind", {"a": {1}}), "whatever it says can be written"
