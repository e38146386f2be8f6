"""I:VIX in the engine: what it allows reaches size, edge, gate, record and alert at once."""

from __future__ import annotations

from typing import Any

import pytest

from domain.actions import Place
from domain.clock import NS_PER_S
from domain.events import FeedState, FeedStatus
from domain.reasons import Reason, RungReason, VixBand
from tests.daemon.stand import Stand
from tests.heard import heard


def quoting(**changes: Any) -> Stand:  # noqa: ANN401 - values of any setting
    """A stand that quotes both series under a calm market."""
    stand = Stand(**changes)
    stand.run(20 * NS_PER_S)
    assert stand.live(), "the stand should quote"
    return stand


def sizes(stand: Stand) -> set[int]:
    return {order.count for order in stand.engine.state.held.book.live.values()}


def told(stand: Stand) -> list[tuple[str, str]]:
    alerts = heard(stand.acts, "volatility_level")
    return [(alert.payload["band"], alert.severity.value) for alert in alerts]


@pytest.mark.step("K05")
def test_half_the_size_and_twice_the_edge_from_25_on() -> None:
    stand = quoting()
    needed = stand.engine.state.desks["INXU"].edge_needed
    assert (sizes(stand), needed) == ({100}, 501)
    stand.vix_points = None
    stand.step(stand.vix(25.0))
    assert stand.engine.state.desks["INXU"].edge_needed == 1001
    stand.run(5 * NS_PER_S)
    assert sizes(stand) == {50}
    assert told(stand) == [("half", "warning")]
    (_, record) = stand.records("volatility_level")
    assert (record["band"], record["value"], record["factor_ppm"]) == ("half", 25_000_000, 500_000)
    assert stand.engine.state.level.vote(stand.now()).open


@pytest.mark.step("K05")
@pytest.mark.parametrize("points", [35.01, 80.0])
def test_above_35_the_gate_closes_in_the_step_of_the_value(points: float) -> None:
    stand = quoting()
    stand.vix_points = None
    stand.step(stand.vix(points))
    assert stand.engine.state.closed["INXU"] == (Reason.VIX_TOO_HIGH,)
    stand.run(5 * NS_PER_S)
    assert not stand.live()
    assert told(stand) == [("stop", "error")]
    stand.vix_points = 18.0
    stand.run(20 * NS_PER_S)
    assert sizes(stand) == {100}
    assert told(stand)[-1] == ("normal", "info")


@pytest.mark.step("K05")
def test_a_level_older_than_a_minute_stops_quoting_by_timer() -> None:
    stand = quoting()
    stand.vix_points = None
    last_ns = stand.next_vix_ns - 15 * NS_PER_S
    stand.run_to(last_ns + 60 * NS_PER_S)
    assert stand.live()
    stand.run(NS_PER_S)
    assert stand.engine.state.closed["INXU"] == (Reason.VIX_UNKNOWN,)
    assert not any(isinstance(a, Place) for s in stand.story[-3:] for a in s.actions)
    assert told(stand) == [("unknown", "warning")]


@pytest.mark.step("K05")
def test_without_any_level_nothing_is_quoted_and_its_refusal_is_named() -> None:
    stand = Stand(begin=False)
    stand.vix_points = None
    stand.begin()
    stand.step(FeedStatus("massive", FeedState.LIVE, "not authorized: I:VIX; the indices go on", ("I:VIX",)))
    stand.run(65 * NS_PER_S)
    assert not any(isinstance(a, Place) for a in stand.acts)
    assert stand.engine.state.closed["INXU"] == (Reason.VIX_UNKNOWN,)
    assert "not authorized on massive" in stand.engine.state.level.vote(stand.now()).detail
    assert told(stand) == [("unknown", "warning")]


@pytest.mark.step("K05")
def test_left_out_by_configuration_it_changes_nothing() -> None:
    stand = Stand(vix={"enabled": False})
    stand.vix_points = None
    stand.run(20 * NS_PER_S)
    assert sizes(stand) == {100}
    assert stand.engine.state.level.band is VixBand.LEFT_OUT


def test_where_only_whole_contracts_may_be_sent_half_of_one_is_no_order_and_says_so() -> None:
    stand = quoting(quoting={"fractions": False})
    stand.vix_points = 26.0
    stand.run(20 * NS_PER_S)
    assert not stand.live()
    desk = stand.engine.state.desks["INXU"]
    assert set(desk.unquoted.values()) == {RungReason.FRACTION}
