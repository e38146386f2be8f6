"""A whole close-all against the simulated exchange: closed, exact about what is left, and never beyond zero."""

from __future__ import annotations

import pytest

from domain.clock import NS_PER_S
from domain.events import CloseOutTold
from execution.closeout.asks import Heard
from execution.closeout.permission import CloseOut, permit
from execution.closeout.run import CloseOutLimits, CloseOutRun, Ending
from execution.kalshi.wire import KalshiAccount
from sim.exchange.trade import orders
from tests.execution.closeout.market import Floor, Terms, Wild

FAR_NS = 400 * NS_PER_S


def run_of(floor: Floor, *, cap_cents: int = 20, wrong: str = "") -> tuple[CloseOutRun, CloseOut]:
    told = CloseOutTold("1800000000000-7", "ada", "why", cap_cents, floor.now.utc_ns)
    leave = permit(told.ident, told.by, told.cause, floor.now, confirmed=True, recorded=True)
    assert isinstance(leave, CloseOut)
    return CloseOutRun(KalshiAccount(), told, Terms(wrong), CloseOutLimits(), floor.now), leave


def close(floor: Floor, **how: object) -> Ending:
    run, leave = run_of(floor, **how)  # type: ignore[arg-type]  # by field name
    ending = floor.carry_out(run.close(leave))
    assert floor.told is not None
    return ending


def filled(floor: Floor, seed_of: int) -> None:
    """Positions in all rungs, of fractions too; books with less or more than what is held; orders that rest."""
    for market in floor.rig.event.markets:
        market.event.close_ns = floor.rig.now + FAR_NS
        count = floor.rng.choice([1, 37, 100, 250, 999, 2000]) * floor.rng.choice([-1, 1])
        floor.hold(market, count)
        for step in range(floor.rng.randint(1, 3)):
            size = max(1, abs(count) * floor.rng.choice([10, 50, 100, 300]) // 100)
            floor.book(market, "bid", 4_800 - 100 * step, size)
            floor.book(market, "ask", 5_200 + 100 * step, size)
        floor.rest(market, "bid", f"0.0{1 + seed_of % 3}")
    floor.rig.wait(5)  # every list knows it


def exact(floor: Floor, ending: Ending) -> None:
    """What it says is what is so."""
    left = {each.ticker: each.count for each in ending.left}
    if ending.flat:
        assert (floor.held(), floor.rig.member.resting, left) == ({}, {}, {})
    elif not floor.travelling and not any("is not known" in each.why for each in ending.left):
        assert left == floor.held()
    assert all(each.why for each in ending.left)
    names = [body["client_order_id"] for body in floor.sent]
    assert len(set(names)) == len(names), "a name was sent twice"
    assert all(body["reduce_only"] and body["time_in_force"] == "immediate_or_cancel" for body in floor.sent)


@pytest.mark.step("K13")
@pytest.mark.parametrize("seed", range(40))
def test_no_position_ever_crosses_zero_whatever_is_lost_or_late(seed: int) -> None:
    wild = Wild(lost=6, late=8, unanswered=8) if seed % 4 else Wild()
    floor = Floor(seed, wild, list_lag_ms=(0, 400, 900, 3_000)[seed % 4])
    filled(floor, seed)
    exact(floor, close(floor))


@pytest.mark.step("K13")
@pytest.mark.parametrize("seed", range(20))
def test_our_own_count_is_enough_where_the_exchange_does_not_cap(seed: int) -> None:
    # Answers are lost and lists lag for seconds; nothing arrives later than it is looked for.
    floor = Floor(seed, Wild(lost=8, unanswered=12), reduce_only=False, list_lag_ms=(400, 900, 1_900)[seed % 3])
    filled(floor, seed)
    exact(floor, close(floor))


@pytest.mark.step("K13")
@pytest.mark.parametrize("seed", range(6))
def test_inside_the_tail_it_sends_again_until_flat_and_says_so(seed: int) -> None:
    floor = Floor(seed, Wild(), list_lag_ms=400, tail_voids_percent=80)
    market = floor.rig.market
    market.event.close_ns = floor.rig.now + FAR_NS
    floor.hold(market, 300)
    floor.book(market, "bid", 4_900, 1_000)
    floor.book(market, "ask", 5_100, 1_000)
    orders.cancel_all(floor.rig.exchange.state, floor.rig.member, None, floor.rig.now)
    ending = close(floor)
    assert ending.flat
    exact(floor, ending)
    if len(floor.sent) > 1:
        assert any("sent again with a new id" in line for line in floor.said)


@pytest.mark.step("K13")
def test_a_tail_that_voids_everything_ends_after_65_seconds_and_says_what_is_left() -> None:
    floor = Floor(1, Wild(), list_lag_ms=400, tail_voids_percent=100, tail_s=300.0)
    market = floor.rig.market
    market.event.close_ns = floor.rig.now + FAR_NS
    floor.hold(market, -250)
    floor.book(market, "bid", 4_900, 1_000)
    floor.book(market, "ask", 5_100, 1_000)
    orders.cancel_all(floor.rig.exchange.state, floor.rig.member, None, floor.rig.now)
    begun_ns = floor.rig.now
    ending = close(floor)
    assert not ending.flat
    assert [(each.ticker, each.count) for each in ending.left] == [(market.ticker, -250)]
    assert "voided by the exchange" in ending.left[0].why
    assert "time is up" in ending.outcome
    assert 60 * NS_PER_S < floor.rig.now - begun_ns < 70 * NS_PER_S
    exact(floor, ending)


@pytest.mark.step("K13")
def test_an_unknown_answer_is_looked_for_and_never_sent_again() -> None:
    floor = Floor(3, Wild(unanswered=0), list_lag_ms=400)
    market = floor.rig.market
    market.event.close_ns = floor.rig.now + FAR_NS
    floor.hold(market, 100)
    floor.book(market, "bid", 4_900, 1_000)
    floor.book(market, "ask", 5_100, 1_000)
    run, leave = run_of(floor)
    script = run.close(leave)
    heard = None
    while True:
        act = next(script) if heard is None else script.send(heard)
        heard = floor._act(act)  # noqa: SLF001 - the road, with one answer taken away
        if floor.sent:
            heard = Heard(heard.now, None, heard.kept)  # what came of it is not told
            break
    try:
        while True:
            heard = floor._act(script.send(heard))  # noqa: SLF001
    except StopIteration as end:
        ending = end.value
    assert ending.flat
    assert len(floor.sent) == 1
    assert any("it is looked for, and not sent again" in line for line in floor.said)
    assert any("found in the list: 1.00 filled" in line for line in floor.said)


@pytest.mark.step("K13")
def test_nothing_is_sent_that_could_not_be_written_down_first() -> None:
    floor = Floor(2, Wild())
    market = floor.rig.market
    market.event.close_ns = floor.rig.now + FAR_NS
    floor.hold(market, 100)
    floor.book(market, "bid", 4_900, 1_000)
    floor.book(market, "ask", 5_100, 1_000)
    floor.refuse_to_keep = True
    run, leave = run_of(floor)
    ending = floor.carry_out(run.close(leave))
    assert floor.sent == []
    assert "could not be written down first" in ending.left[0].why


@pytest.mark.step("K13")
def test_terms_that_differ_keep_every_order_back() -> None:
    floor = Floor(2, Wild())
    market = floor.rig.market
    market.event.close_ns = floor.rig.now + FAR_NS
    floor.hold(market, 100)
    floor.book(market, "bid", 4_900, 1_000)
    ending = close(floor, wrong="the taker's fee differs")
    assert floor.sent == []
    assert ending.left[0].why == "the taker's fee differs"
    assert ending.outcome == "nothing that is left may be closed"


@pytest.mark.step("K13")
@pytest.mark.parametrize(
    ("by", "cause", "confirmed", "recorded"),
    [("", "why", True, True), ("ada", " ", True, True), ("ada", "why", False, True), ("ada", "why", True, False)],
)
def test_leave_wants_a_person_a_reason_a_confirmation_and_a_record(
    by: str, cause: str, confirmed: bool, recorded: bool  # noqa: FBT001 - a case
) -> None:
    floor = Floor(0, Wild())
    assert not isinstance(permit("1", by, cause, floor.now, confirmed=confirmed, recorded=recorded), CloseOut)
