"""What stands in the files under monitors/, drawn from a running engine."""

from __future__ import annotations

import datetime as dt

import pytest

from daemon.engine.shown.monitors import gap_monitor, window_monitor
from domain.actions import Place
from domain.clock import NS_PER_MS, NS_PER_S, Now
from guards.calendar import NyseCalendar
from guards.windows import WindowPlan, WindowSettings
from ops.freshness import freshness_document
from tests.daemon.exchange import BASE
from tests.daemon.stand import FREEZE_S, OPEN_S, START_S, STRICT_S, Stand

S, MS = NS_PER_S, NS_PER_MS
CONTRACT = {
    *("ops_window_name", "ops_window_start_et", "ops_window_end_et", "ops_window_cancel_buffer_seconds"),
    *("ops_seconds_to_cancel", "ops_window_cancel_at", "ops_window_timezone", "ops_window_target_et"),
    "ops_window_target_unix",
}
SHAPE = {
    *("label", "target_type", "series", "start_et", "target_et", "freeze_et", "freshness_strict_et"),
    "flatten_at_et",
}


def windows(stand: Stand) -> dict[str, object]:
    return window_monitor(stand.engine.state.desks.values(), stand.engine.state.ladders.lead_ns, stand.now())


def instant(text: object) -> int:
    return round(dt.datetime.fromisoformat(str(text)).timestamp() * 1000)


@pytest.mark.step("H10")
def test_the_window_stands_in_its_file_and_counts_down_to_the_freeze() -> None:
    stand = Stand()
    stand.quote_both()
    stand.run_before_target(30 * S)
    told = windows(stand)
    assert told.keys() >= CONTRACT
    window = told["scheduler_window"]
    assert isinstance(window, dict)
    assert set(window) == SHAPE
    target_ms = stand.target_ns // MS
    assert list(window["series"]) == sorted(BASE)
    assert instant(window["start_et"]) == target_ms - OPEN_S * 1000
    assert instant(window["freshness_strict_et"]) == target_ms - STRICT_S * 1000
    assert (
        instant(window["flatten_at_et"]) == (stand.target_ns - FREEZE_S * S - stand.engine.state.ladders.lead_ns) // MS
    )
    assert instant(window["freeze_et"]) == instant(told["ops_window_cancel_at"]) == target_ms - FREEZE_S * 1000
    assert instant(window["target_et"]) == instant(told["ops_window_target_et"]) == target_ms
    assert told["ops_window_target_unix"] == stand.target_ns // S
    assert told["ops_seconds_to_cancel"] == told["seconds_to_freeze"] == 28.0
    assert told["phase"] == "quoting"


@pytest.mark.step("H10")
def test_nothing_is_submitted_while_two_seconds_or_less_remain() -> None:
    stand = Stand()
    stand.quote_both()
    stand.run_before_target((FREEZE_S + 4) * S)
    placed: dict[bool, int] = {True: 0, False: 0}
    while stand.utc_ns < stand.target_ns:
        # The index leaps, so that every price is wrong and a new one is wanted.
        for series, value in BASE.items():
            stand.moves[series] = value // 500 if stand.moves[series] <= 0 else -value // 500
        stand.forget()
        left_s = windows(stand)["ops_seconds_to_cancel"]
        assert isinstance(left_s, float | int)
        stand.run(50 * MS)
        placed[left_s > 2] += len(stand.sent(Place))
    assert placed[True], "with more time left new prices are placed: the leaps are worth something"
    assert placed[False] == 0


def test_between_windows_the_next_one_is_counted_down_to_and_none_is_scheduled() -> None:
    stand = Stand()
    stand.utc_ns = (START_S + 2) * S  # behind one target, before the next window opens
    told = windows(stand)
    assert told["scheduler_window"] is None
    assert told["seconds_to_freeze"] is None
    assert told["ops_window_target_unix"] == stand.target_ns // S
    assert told["ops_seconds_to_cancel"] == 116.0


def test_the_window_is_scheduled_from_its_opening_to_its_target_and_no_longer() -> None:
    stand = Stand()
    seen = {}
    for before_s in (OPEN_S + 1, OPEN_S, 1, 0, -1):
        stand.utc_ns = stand.target_ns - before_s * S
        seen[before_s] = windows(stand)["scheduler_window"] is not None
    assert seen == {OPEN_S + 1: False, OPEN_S: True, 1: True, 0: True, -1: False}


def test_with_no_window_in_sight_no_second_is_left() -> None:
    stand = Stand()
    for desk in stand.engine.state.desks.values():
        desk.plan = WindowPlan(WindowSettings(), NyseCalendar(None))
    far = Now(stand.mono_ns, int(dt.datetime(2040, 1, 1, tzinfo=dt.UTC).timestamp()) * S)
    told = window_monitor(stand.engine.state.desks.values(), stand.engine.state.ladders.lead_ns, far)
    assert told.keys() >= CONTRACT
    assert (told["ops_window_name"], told["ops_seconds_to_cancel"], told["scheduler_window"]) == (None, 0, None)


@pytest.mark.step("H04")
def test_a_dead_index_is_told_with_its_own_stamp_while_the_other_ticks() -> None:
    stand = Stand()
    stand.quote_both()
    stand.silence("INXU")
    stopped_ns = stand.engine.state.desks["INXU"].freshness(stand.now()).received_utc_ns
    stand.run(20 * S)
    rows = [(desk.phase, desk.freshness(stand.now())) for desk in stand.engine.state.desks.values()]
    told = freshness_document(stand.now(), 1, stand.engine.state.failover.active, rows)
    dead, alive = told.series
    assert (dead.series, dead.symbol, dead.received_utc_ns) == ("INXU", "I:SPX", stopped_ns)
    assert dead.age_seconds is not None
    assert dead.age_seconds > 19.7
    assert alive.age_seconds is not None
    assert alive.age_seconds <= 0.25
    assert told.polygon_index.websocket.age_seconds == dead.age_seconds
    assert dead.verdict == "polygon_ws_stale"


def test_the_pair_of_feeds_is_told() -> None:
    stand = Stand()
    stand.quote_both()
    told = gap_monitor(stand.engine.state.failover, stand.now())
    assert (told["active_feed"], told["failover_state"], told["switches"]) == ("massive", "primary", 0)
