from __future__ import annotations

from daemon.engine.shown.gates import flat_of
from domain.clock import NS_PER_MS
from domain.events import Stop
from domain.reasons import Reason
from execution.cancel_all import Scope
from execution.flatten import Flattening
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
