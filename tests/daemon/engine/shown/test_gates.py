from __future__ import annotations

from daemon.engine.shown.gates import flat_of, gates_of
from domain.clock import NS_PER_MS
from domain.events import Stop
from domain.reasons import Reason
from domain.window import Phase
from execution.cancel_all import Scope
from execution.flatten import Flattening
from guards.volatility import SYMBOL
from guards.vote import unknown
from tests.daemon.scenes import quoting
from tests.daemon.stand import Stand


def stopped() -> Stand:
    """The process may end: the account was read empty twice."""
    stand = quoting()
    stand.step(Stop("SIGTERM"))
    while stand.exit is None:
        assert not flat_of(stand.engine.state).proven, "flat before the process may end"
        stand.run(20 * NS_PER_MS)
    return stand


def test_when_the_process_may_end_it_is_proven_flat() -> None:
    stand = stopped()
    assert flat_of(stand.engine.state).proven


def test_a_series_that_still_counts_its_listings_does_not_take_the_account_s_proof_away() -> None:
    state = stopped().engine.state
    state.held.flattenings["INXU"] = Flattening("INXU", Reason.SHUTDOWN.value, 0, 1, 0)
    assert flat_of(state).proven
    state.held.flattenings[Scope.ACCOUNT] = Flattening(Scope.ACCOUNT, Reason.SHUTDOWN.value, 0, 1, 0)
    assert not flat_of(state).proven


def test_a_series_on_its_way_to_flat_is_not_proven_while_the_daemon_goes_on() -> None:
    state = quoting().engine.state
    state.held.book.live.clear()
    assert flat_of(state).proven
    state.held.flattenings["INXU"] = Flattening("INXU", Reason.PAUSED.value, 0, 1, 0)
    assert not flat_of(state).proven


def test_in_an_open_window_a_volatility_level_that_is_not_known_yet_is_no_matter_of_time() -> None:
    state = quoting().engine.state
    missing = unknown(Reason.VIX_UNKNOWN, f"{SYMBOL}: no value has been seen yet")
    state.account_votes = [(name, missing if name == "vix" else vote) for name, vote in state.account_votes]
    state.level.session(state.last_now, market_open=True)  # as after a restart: a value is due in a minute
    assert [gate.waits for gate in gates_of(state) if gate.name == "vix"] == [False]
    for desk in state.desks.values():
        desk.phase = Phase.PREFLIGHT
    assert [gate.waits for gate in gates_of(state) if gate.name == "vix"] == [True]
