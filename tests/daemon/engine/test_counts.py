"""What is too frequent for a record is counted, each where it happens and by as much as happened."""

from __future__ import annotations

from daemon.engine.memory import remember, restore
from domain.clock import NS_PER_MS, NS_PER_S
from domain.counts import Counted, Counts
from domain.events import Command
from tests.daemon.engine.test_step import quoting
from tests.daemon.stand import Stand

S, MS = NS_PER_S, NS_PER_MS


def counts(stand: Stand) -> Counts:
    return stand.engine.state.held.counts


def test_a_stale_index_is_counted_once_however_long_it_lasts_and_again_when_it_comes_again() -> None:
    stand = quoting()
    assert counts(stand)[Counted.STALES] == 0
    for times in (1, 2):
        stand.silence("INXU")
        stand.run(5 * S)
        assert counts(stand)[Counted.STALES] == times
        for fed in stand.feeding.values():
            fed.add("INXU")
        stand.run(2 * S)
        assert stand.exchange.resting("INXU")
    assert stand.engine.state.desks["INXU"].sentry.trips == 0, "and none of them was a trip of the final minute"


def test_a_cycle_is_worked_out_or_held_back_and_outside_a_window_there_is_none() -> None:
    stand = quoting()
    worked, held = counts(stand)[Counted.CYCLES], counts(stand)[Counted.CYCLES_SKIPPED]
    stand.run(2 * S)
    assert counts(stand)[Counted.CYCLES] > worked
    assert counts(stand)[Counted.CYCLES_SKIPPED] == held
    stand.operator(Command.PAUSE)
    worked = counts(stand)[Counted.CYCLES]
    stand.run(2 * S)
    assert counts(stand)[Counted.CYCLES] == worked
    assert counts(stand)[Counted.CYCLES_SKIPPED] > held
    stand.run_before_target(-1 * S)
    held = counts(stand)[Counted.CYCLES_SKIPPED]
    stand.run(2 * S)
    assert counts(stand)[Counted.CYCLES_SKIPPED] == held


def test_ticks_are_counted_by_feed_and_what_is_refused_by_reason() -> None:
    stand = quoting()
    before = counts(stand).values()
    stand.step(stand.tick("INXU"))
    again = stand.tick("INXU", "polygon")
    stand.step(again)
    stand.step(again)
    moved = [after - was for was, after in zip(before, counts(stand).values(), strict=True)]
    assert (moved[Counted.TICKS_PRIMARY], moved[Counted.TICKS_SECONDARY]) == (1, 2)


def test_an_order_that_risk_refuses_is_a_proposal_too() -> None:
    stand = Stand(risk={"per_market_contracts": 1})
    stand.quote_both()
    proposed, refused = counts(stand)[Counted.PROPOSALS], counts(stand)[Counted.RISK_REFUSALS]
    assert proposed - refused == len(stand.records("order_created")) > 0


def test_a_restart_counts_on() -> None:
    stand, other = quoting(), Stand(begin=False)
    restore(other.engine.state, remember(stand.engine.state).decode(), other.now())
    assert counts(other).values() == counts(stand).values()
    assert sum(counts(other).values())
