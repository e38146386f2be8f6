"""The index goes silent in the final minute: quotes are pulled by timer, the window stays flat, the daemon says why."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from domain.actions import Place, TriggerGroup
from domain.clock import NS_PER_MS, NS_PER_S
from domain.events import Tick
from domain.records import FeedSwitchEntry, GuardTripEntry, OrderCreatedEntry, payload_of
from journal.reader import Step
from tests.heard import heard
from tests.live.stage import Stage, assert_flat_and_maker, assert_journal, playing, until, until_instant

LIMIT_NS = 700 * NS_PER_MS
REACTION_NS = 50 * NS_PER_MS
SYMBOLS = {"INXU": "I:SPX", "NASDAQ100U": "I:NDX"}


@dataclass(frozen=True)
class Pulled:
    """One trip as the journal tells it: when the last tick had come, and the step in which the guard tripped."""

    series: str
    target_ns: int
    last_tick: Tick
    step: Step
    payload: dict[str, Any]
    places_after: int


def trips(stage: Stage) -> list[Pulled]:
    """Every trip of the strict limit, with the last tick of the active feed before it, by the journal's own stamps."""
    steps = list(stage.steps())
    found: list[Pulled] = []
    active = "massive"
    last: dict[str, Tick] = {}
    for number, step in enumerate(steps):
        for record in step.actions:
            if isinstance(record, FeedSwitchEntry):
                active = record.to_feed
            if not isinstance(record, GuardTripEntry) or not record.limit_ms:
                continue
            series, target_ns = str(record.series), int(record.window or 0)
            placed = [a for s in steps[number:] for a in s.actions if isinstance(a, OrderCreatedEntry)]
            again = sum(told.series == series and told.window == target_ns for told in placed)
            found.append(Pulled(series, target_ns, last[SYMBOLS[series]], step, payload_of(record), again))
        if isinstance(step.event, Tick) and step.event.feed == active:
            last[step.event.symbol] = step.event
    return found


def active_feed(stage: Stage) -> str:
    """The feed that `monitors/ev_gap.json` names."""
    told = json.loads((stage.state_dir / "monitors" / "ev_gap.json").read_text(encoding="utf-8"))
    return str(told["active_feed"])


def rested_ns(event: dict[str, Any], last_tick: Tick) -> int:
    """How long after the last tick an order rested; 0 for a series that had no rung worth quoting."""
    last_ms = event["last_resting_ms"]
    return int(last_ms * NS_PER_MS - last_tick.received_utc_ns) if last_ms else 0


def flat_windows(stage: Stage) -> int:
    """How many windows are over, all of them flat; a series may have had no rung worth quoting in one of them."""
    seen = stage.truth()
    assert assert_flat_and_maker(seen), "nothing was quoted: nothing is shown"
    return sum(window["freeze_time_ms"] <= seen["now_ms"] for window in seen["windows"])


@pytest.mark.step("H14", "H15", "H17")
def test_feeds_fall_silent_in_the_final_minute(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, period_s=12, strict_s=7, cadence_ms=100)) as stage:
        # First window: the primary falls silent, the secondary lives. The trip comes first, then the failover.
        first = stage.window_ahead()
        until_instant(stage.target_s(first) - stage.open_lead_s)
        stage.until_quoting()
        until_instant(stage.target_s(first) - 6.5)
        stage.feed_fault("silence", host=1)
        until("nothing rests", lambda: not stage.truth()["resting"], 3)
        until("the secondary is active", lambda: active_feed(stage) == "polygon", 3)
        # Second window: quoted from the secondary; the primary heals and is active again; then both fall silent.
        until_instant(stage.target_s(first) + 1)
        stage.until_quoting()
        assert active_feed(stage) == "polygon"
        stage.heal()
        until("back to the primary", lambda: active_feed(stage) == "massive", 8)
        until_instant(stage.target_s(first + 1) - 6.5)
        assert stage.truth()["resting"]
        stage.feed_fault("silence")
        until("nothing rests", lambda: not stage.truth()["resting"], 3)
        until("no feed is fresh", lambda: "both" in (tmp_path / "monitors" / "ev_gap.json").read_text("utf-8"), 3)
        until_instant(stage.target_s(first + 1) - 1)
        assert flat_windows(stage) >= 4
        stage.heal()
        # Third window: two trips freeze the session until an operator resumes, however fresh the index is.
        until_instant(stage.target_s(first + 1) + 1.5)
        until("the index is fresh", lambda: (stage.series()["freshness"]["age_ms"] or 1e9) < 700, 5)
        assert "polygon_ws_final_minute_stale" in stage.reasons()
        assert not stage.truth()["resting"]
        stage.until_only("polygon_ws_final_minute_stale")
        resumed = stage.ladderd("resume", "--by", "drill", "--cause", "feeds are back", "--state-dir", str(tmp_path))
        assert resumed.returncode == 0, resumed.stdout + resumed.stderr
        stage.until_quoting()
        assert stage.stop(signal.SIGTERM) == 0
        truth = stage.truth()
        assert not truth["resting"]
        assert_flat_and_maker(truth)
        assert_journal(stage)
    pulled = trips(stage)
    assert sorted((p.target_ns // NS_PER_S, p.series) for p in pulled) == [
        (stage.target_s(number), series) for number in (first, first + 1) for series in sorted(SYMBOLS)
    ]
    for number in (first, first + 1):
        acted = [a for p in pulled if p.target_ns // NS_PER_S == stage.target_s(number) for a in p.step.actions]
        assert any(isinstance(action, TriggerGroup) for action in acted), "the trip's own step pulls the quotes"
    for trip in pulled:
        silent_ns = trip.step.now.mono_ns - trip.last_tick.received_mono_ns
        assert LIMIT_NS < silent_ns <= LIMIT_NS + REACTION_NS, trip
        assert trip.payload["age_ms"] == silent_ns / NS_PER_MS
        assert not trip.places_after, trip
        assert not any(isinstance(action, Place) for action in trip.step.actions)
        second = trip.target_ns == stage.target_s(first + 1) * NS_PER_S
        [alert] = [a for a in heard(trip.step.actions, "final_minute_stale") if a.payload["series"] == trip.series]
        assert alert.severity == ("critical" if second else "warning")
        assert alert.payload["session_frozen"] is second
        assert set(alert.payload["feeds"]) == {"massive", "polygon"}
        # What the exchange saw: its last order of that window went within the limit, our reaction and a round trip.
        event = next(
            w for w in truth["windows"]
            if w["close_time_ms"] * NS_PER_MS == trip.target_ns and f"KX{trip.series}-" in w["event_ticker"]
        )  # fmt: skip
        assert rested_ns(event, trip.last_tick) <= LIMIT_NS + 3 * REACTION_NS
