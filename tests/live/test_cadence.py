"""Windows at the feed's real cadence, a value a second: STRICT as a planned stand-down, and STRICT by lateness."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from domain.clock import NS_PER_MS, NS_PER_S
from tests.heard import heard
from tests.live.stage import Stage, assert_flat_and_maker, assert_journal, playing, until_instant

PERIOD_S = 18
STRICT_S = 6
CADENCE_KNOWN_S = 11.5


def real_cadence(state_dir: Path, basis: str, anchor_s: int = 0) -> Stage:
    """One account, one socket, a value a second: as the vendor sells it."""
    return Stage(
        state_dir,
        period_s=PERIOD_S,
        strict_s=STRICT_S,
        first_open_s=8,
        anchor_s=anchor_s,
        cadence_ms=1000,
        feeds="standby",
        settings={"freshness.basis": basis},
    )


def pulled_before_flattening(stage: Stage, number: int) -> set[str]:
    """The series whose gate closed in the window's STRICT, before its flattening began."""
    strict, pulled = set[str](), set[str]()
    for told in stage.records("window_phase", "risk_decision"):
        if told.get("phase") == "strict" and told["target_ns"] == stage.target_s(number) * NS_PER_S:
            strict.add(told["series"])
        elif told.get("phase"):
            strict.discard(told["series"])
        elif told["decision"] != "allow" and told.get("series") in strict:
            pulled.add(told["series"])
    return pulled


@pytest.mark.step("H14", "H13")
def test_strict_phase_at_the_real_cadence(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        by_age = stack.enter_context(playing(real_cadence(tmp_path / "age", "age")))
        by_lateness = stack.enter_context(playing(real_cadence(tmp_path / "late", "lateness", by_age.anchor_s)))
        number = by_lateness.window_ahead(CADENCE_KNOWN_S)
        for stage in (by_age, by_lateness):
            until_instant(stage.target_s(number) - stage.open_lead_s)
            stage.until_quoting()
        # By age the limit of 700 ms cannot hold: the window is flat from the first instant of STRICT, by plan.
        until_instant(by_age.target_s(number) - STRICT_S + 0.7)
        assert not by_age.truth()["resting"]
        assert "strict_stand_down" in by_age.reasons()
        # By lateness quotes go on until flattening, which begins the earlier the less sure the exchange's clock is.
        until_instant(by_lateness.target_s(number) - STRICT_S + 1)
        by_lateness.until_quoting(limit_s=2, least=1)  # a trip here would stay flat
        for stage in (by_age, by_lateness):
            until_instant(stage.target_s(number) - 1.9)
            assert assert_flat_and_maker(stage.truth())
            assert stage.stop() == 0
            assert_flat_and_maker(stage.truth())
            assert_journal(stage)
        assert_planned(by_age, number)
    assert not by_lateness.records("strict_stand_down")
    # A value that did not change is not sent: twice the cadence is late by more than the limit, and may trip. It
    # happens to the S&P 500, at two digits, about once in fifty values; hardly ever to the Nasdaq-100.
    assert not [r for r in tripped(by_lateness, number) if r["series"] == "NASDAQ100U"]
    assert "NASDAQ100U" not in pulled_before_flattening(by_lateness, number)


def tripped(stage: Stage, number: int) -> list[dict[str, Any]]:
    """The trips of one window. An earlier one, begun before the cadence was known, may have tripped."""
    return [r for r in stage.records("guard_trip") if r.get("window") == stage.target_s(number) * NS_PER_S]


def assert_planned(stage: Stage, number: int) -> None:
    """Announced with its numbers, in the step that enters STRICT; nothing placed from then on; no trip counted."""
    target_ns = stage.target_s(number) * NS_PER_S
    strict_ns = target_ns - STRICT_S * NS_PER_S
    told = [s for s in stage.steps() if heard(s.actions, "strict_stand_down")]
    assert told, "announced"
    assert all((step.now.utc_ns - strict_ns) % (PERIOD_S * NS_PER_S) < 100 * NS_PER_MS for step in told)
    for record in stage.records("strict_stand_down"):
        assert record["cadence_p99_ms"] > record["limit_ms"] == 700
    assert not tripped(stage, number)
    placed = [r for r in stage.records("order_created") if r["window"] == target_ns]
    assert placed, "quoted before"
    events = [w for w in stage.truth()["windows"] if w["close_time_ms"] * NS_PER_MS == target_ns]
    assert all((w["last_resting_ms"] or 0) * NS_PER_MS < strict_ns + 500 * NS_PER_MS for w in events)
