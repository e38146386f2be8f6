from __future__ import annotations

from daemon.engine.shown.gates import flat_of, gates_of, orders_wait
from domain.clock import NS_PER_MS, NS_PER_S
from domain.events import Command, Stop
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


def test_while_a_cancel_all_is_proven_the_operator_sees_how_long_it_waits_and_for_what() -> None:
    stand = quoting()
    stand.operator(Command.CANCEL_ALL)
    told: list[str] = []
    while not (flat := flat_of(stand.engine.state)).proven:
        told.append(flat.why.removeprefix("not proven flat yet: "))
        stand.run(100 * NS_PER_MS)
    assert "orders may be live; " in told[0]
    waits = [line for line in told if "more until a list can know: it may lag 2.0 s behind our last act" in line]
    left_s = [float(line.partition(" s more")[0].rpartition(" ")[2]) for line in waits]
    assert left_s == sorted(left_s, reverse=True)
    assert 1 < max(left_s) <= 2
    assert any(line.startswith("1 of 2 lists that can know of our last act") for line in told), told


def test_lists_that_are_too_far_behind_are_told_with_the_time_that_new_orders_wait() -> None:
    stand = quoting()
    state = stand.engine.state
    assert orders_wait(state) == ""
    state.held.book.lag.learn(9 * NS_PER_S, stand.mono_ns)
    stand.run(10 * NS_PER_S)
    assert orders_wait(state) == (
        "the exchange's lists of orders were seen more than 8 s behind: "
        "new orders wait 20 s more, if no other such list comes"
    )
    stand.run(20 * NS_PER_S)
    assert orders_wait(state) == ""


def test_in_an_open_window_a_volatility_level_that_is_not_known_yet_is_no_matter_of_time() -> None:
    state = quoting().engine.state
    missing = unknown(Reason.VIX_UNKNOWN, f"{SYMBOL}: no value has been seen yet")
    state.account_votes = [(name, missing if name == "vix" else vote) for name, vote in state.account_votes]
    state.level.session(state.last_now, market_open=True)  # as after a restart: a value is due in a minute
    assert [gate.waits for gate in gates_of(state) if gate.name == "vix"] == [False]
    for desk in state.desks.values():
        desk.phase = Phase.PREFLIGHT
    assert [gate.waits for gate in gates_of(state) if gate.name == "vix"] == [True]
