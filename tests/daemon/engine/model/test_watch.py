"""The breakers in the engine: fed by settled windows, shut until a person resumes, through a restart."""

from __future__ import annotations

import pytest

from daemon.engine.memory import read_memory, remember
from domain.actions import Place
from domain.clock import NS_PER_S
from domain.events import Command
from domain.reasons import Reason
from domain.records import BreachEntry, IncidentOpenedEntry
from guards.model.breakers import Breaker
from tests.daemon.stand import PERIOD_S, Stand
from tests.heard import heard

S = NS_PER_S
RIGHT, LOW = 800_000, 1_100_000


def quoting() -> Stand:
    stand = Stand()
    stand.quote_both()
    assert stand.live()
    return stand


def settle(stand: Stand) -> None:
    """Let the present window pass until both series are settled and reported."""
    stand.run_before_target(-8 * S)


@pytest.mark.step("K20")
def test_settled_windows_feed_z_expected_and_realised() -> None:
    stand = quoting()
    order = stand.exchange.resting("INXU")[0]
    stand.tell(*stand.exchange.execute(order.order_id))
    stand.run(2 * S)
    result = stand.engine.state.results.by_window["INXU", stand.target_ns]
    [stake] = result.stakes
    assert (stake.ticker, abs(stake.count), stake.price) == (order.ticker, 100, order.price)
    assert stake.count * (stake.fair - stake.price) > 0
    settle(stand)
    record = stand.engine.state.breakers.record()
    assert len(record.events) == 2  # one interval of each series: this window opens less than two minutes ahead
    [window] = record.windows
    assert (window.expected, window.realised) == (stake.count * (stake.fair - stake.price), result.pnl)
    stand.run(PERIOD_S * S)
    assert len(stand.engine.state.breakers.record().windows) == 1


@pytest.mark.step("K20")
def test_a_volatility_too_low_closes_the_gate_opens_an_incident_and_waits_for_a_person() -> None:
    stand = quoting()
    for _ in range(59):
        stand.engine.state.breakers.event((LOW,) * 5)
    for desk in stand.engine.state.desks.values():
        desk.sigma._settings = desk.sigma._settings.__class__(floor_ppm=0.01, cap_ppm=0.01)  # noqa: SLF001 - planted
    stand.moves["INXU"] += 2_000_000
    settle(stand)
    assert Breaker.FORECAST_ERROR in stand.engine.state.breakers.tripped
    [alert] = heard(stand.acts, "breaker_tripped")
    assert alert.payload["breaker"] == "forecast_error"
    [breach] = [act for act in stand.acts if isinstance(act, BreachEntry)]
    assert breach.why.startswith("forecast_error: mean abs z")
    assert any(isinstance(act, IncidentOpenedEntry) for act in stand.acts)
    stand.forget()
    stand.crash(S)
    stand.run(PERIOD_S * S)
    assert not any(isinstance(act, Place) for act in stand.acts)
    assert Reason.BREAKER_TRIPPED in stand.engine.state.closed["INXU"]
    stand.operator(Command.RESUME)
    stand.run(30 * S)
    assert stand.engine.state.breakers.vote().open
    assert any(isinstance(act, Place) for act in stand.acts)


@pytest.mark.step("K20")
def test_a_trip_pulls_what_rests() -> None:
    stand = quoting()
    for _ in range(60):
        stand.engine.state.breakers.event((LOW,) * 5)
    stand.run(2 * S)
    assert stand.engine.state.closed["INXU"] == (Reason.BREAKER_TRIPPED,)
    assert not stand.exchange.resting()


@pytest.mark.step("K20")
def test_prices_that_stand_still_while_we_quote_trip() -> None:
    stand = quoting()
    desk = stand.engine.state.desks["INXU"]
    fixed = desk.basis
    # Planted: prices no longer follow the index.
    desk.reprice = lambda: setattr(desk, "basis", fixed)  # type: ignore[method-assign]
    stand.run(62 * S)
    assert Breaker.CONFIDENCE_COLLAPSE in stand.engine.state.breakers.tripped


@pytest.mark.step("K20")
def test_prices_that_move_do_not_trip_over_whole_windows() -> None:
    stand = quoting()
    stand.run(3 * PERIOD_S * S)
    assert stand.engine.state.breakers.vote().open


def test_what_is_reported_and_not_yet_weighed_survives_a_restart() -> None:
    stand = quoting()
    stand.run_before_target(1 * S)
    results = stand.engine.state.results.by_window.values()
    for result in results:
        result.reported = True
    assert len(read_memory(remember(stand.engine.state)).results) == len(results)
    for result in results:
        result.weighed = True
    assert not read_memory(remember(stand.engine.state)).results
