"""Topics beside the indices: asked for alone, and nothing that happens to them touches the two."""

from __future__ import annotations

import pytest

from domain.events import FeedState, FeedStatus
from feeds.massive import MassiveSession
from feeds.session import SessionStep
from tests.feeds.test_massive import AUTHED, CONNECTED, SYMBOLS, ack, at, states, ticks, values

ASKS = '{"action":"subscribe","params":"V.I:VIX"}'
REFUSED = b'[{"ev":"status","status":"error","message":"not authorized"}]'


def live_with_vix() -> tuple[MassiveSession, SessionStep]:
    machine = MassiveSession("massive", "KEY", SYMBOLS, beside=("I:VIX",))
    machine.connected(at(0))
    machine.received(CONNECTED, at(0))
    machine.received(AUTHED, at(0))
    machine.received(ack("V.I:SPX", "V.I:NDX"), at(0))
    assert machine.received(values(0, ("I:SPX", "6700.1")), at(0)).outgoing == ()
    return machine, machine.received(values(0, ("I:NDX", "25000.1")), at(0))


@pytest.mark.step("K05")
def test_it_is_asked_for_alone_once_both_indices_are_live() -> None:
    machine, step = live_with_vix()
    assert machine.state is FeedState.LIVE
    assert step.outgoing == (ASKS,)
    assert machine.received(values(1, ("I:SPX", "6700.2")), at(1)).outgoing == ()
    (tick,) = ticks(machine.received(values(1, ("I:VIX", "17.25")), at(1)))
    assert (tick.symbol, tick.value) == ("I:VIX", 17_250_000)


@pytest.mark.step("K05")
def test_a_refusal_is_laid_to_it_and_hurts_neither_index() -> None:
    machine, _ = live_with_vix()
    told = machine.received(REFUSED, at(0.1))
    assert told.events == (
        FeedStatus("massive", FeedState.LIVE, "not authorized: I:VIX; the indices go on", ("I:VIX",)),
    )
    assert told.outgoing == ()
    assert machine.state is FeedState.LIVE
    assert len(ticks(machine.received(values(1, ("I:SPX", "6700.2"), ("I:NDX", "25000.2")), at(1)))) == 2


def test_its_silence_is_no_silence_of_the_session_and_is_asked_about_once_a_minute() -> None:
    machine, _ = live_with_vix()
    machine.received(ack("V.I:VIX"), at(0))
    for second in range(1, 60):
        moved = values(second, ("I:SPX", f"6700.{second}"), ("I:NDX", f"25000.{second}"))
        assert states(machine.received(moved, at(second))) == []
    assert machine.tick(at(59.9)).outgoing == ()
    machine.received(values(60, ("I:SPX", "6701"), ("I:NDX", "25001")), at(60))
    assert machine.tick(at(60)).outgoing == (ASKS,)
    assert machine.tick(at(60.1)).outgoing == ()
    assert machine.state is FeedState.LIVE


def test_an_old_value_of_it_is_dropped_and_the_session_stays_live() -> None:
    machine, _ = live_with_vix()
    assert machine.received(values(-900, ("I:VIX", "17.25")), at(0.2)).events == ()
    assert machine.counts["delayed"] == 1
    assert machine.state is FeedState.LIVE


def test_a_new_connection_asks_anew() -> None:
    machine, _ = live_with_vix()
    machine.closed("lost", at(5))
    machine.connected(at(6))
    machine.received(CONNECTED, at(6))
    machine.received(AUTHED, at(6))
    machine.received(ack("V.I:SPX", "V.I:NDX"), at(6))
    assert machine.received(values(6, ("I:SPX", "6700.3"), ("I:NDX", "25000.3")), at(6)).outgoing == (ASKS,)
