"""What is ours at the exchange: unknown outcomes, late news, drift, groups, tokens, and what flat means."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from daemon.engine.holdings import RESTING
from domain.actions import Ask, CancelAll, CancelOrders, CreateGroup, Place, Read, TriggerGroup
from domain.clock import NS_PER_MS, NS_PER_S
from domain.events import (
    CancelOutcome,
    Command,
    Filled,
    GroupOp,
    GroupOutcome,
    GroupUpdated,
    OrdersRead,
    PlaceOutcome,
    Verdict,
)
from domain.ids import ClientOrderId, GroupId, OrderId, RequestId, Ticker
from domain.market import Side
from domain.money import Count
from execution.list_lag import SETTLE_NS
from execution.orders import OrderStatus
from execution.positions import MarketAccount
from tests.daemon.exchange import BASE
from tests.daemon.stand import CANCELLING, Stand
from tests.heard import heard

MS, S = NS_PER_MS, NS_PER_S


def quoting() -> Stand:
    stand = Stand()
    stand.quote_both()
    stand.run(500 * MS)
    stand.forget()
    return stand


def names(stand: Stand) -> list[str]:
    return [p.client_order_id for p in stand.sent(Place) if isinstance(p, Place)]


# --- unknown outcomes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arrived", [True, False])
def test_an_unknown_place_is_resolved_by_listing_and_never_sent_again(arrived: bool) -> None:  # noqa: FBT001 - a case
    stand = Stand()
    stand.exchange.bad.lose, stand.exchange.bad.deaf = (Place,), not arrived
    stand.exchange.bad.silent_stream = True
    while not stand.sent(Place):
        stand.run(50 * MS)
    stand.run(11 * MS)
    first = names(stand)
    assert all(stand.engine.state.held.book.live[ClientOrderId(n)].state is OrderStatus.PLACING for n in first)
    stand.exchange.bad.lose = ()
    stand.run(10 * S)
    assert len(names(stand)) == len(set(names(stand)))
    book = stand.engine.state.held.book
    if arrived:
        assert {book.live[ClientOrderId(n)].state for n in first} == {OrderStatus.OPEN}
        assert names(stand) == first
    else:
        assert all(ClientOrderId(n) in book.gone for n in first)
        assert len(stand.exchange.resting()) == 4


@pytest.mark.parametrize("arrived", [True, False])
def test_a_place_that_nobody_ever_answers_is_unknown_after_a_while_and_said_aloud(arrived: bool) -> None:  # noqa: FBT001
    stand = Stand()
    stand.exchange.bad.mute = (Place,)
    stand.exchange.bad.lose, stand.exchange.bad.deaf = ((), False) if arrived else ((Place,), True)
    while not stand.sent(Place):
        stand.run(50 * MS)
    first, sent_ns = names(stand), stand.last(Place)
    stand.exchange.bad.unreadable, stand.exchange.bad.silent_stream = (Read.RESTING,), True
    stand.run_to(sent_ns + 3_900 * MS)
    stand.exchange.bad.mute = stand.exchange.bad.lose = stand.exchange.bad.unreadable = ()
    book = stand.engine.state.held.book
    assert {book.live[ClientOrderId(n)].state for n in first} == {OrderStatus.PLACING}
    stand.run(10 * S)
    raised = heard(stand.acts, "never_answered")
    assert [(a.severity, a.payload["orders"]) for a in raised] == [("error", len(first))]
    assert len(names(stand)) == len(set(names(stand)))
    if arrived:
        assert {book.live[ClientOrderId(n)].state for n in first} == {OrderStatus.OPEN}
    else:
        assert all(ClientOrderId(n) in book.gone for n in first)


def test_an_unknown_place_is_not_buried_by_a_listing_that_is_too_young() -> None:
    stand = Stand()
    stand.exchange.bad.lose, stand.exchange.bad.list_lag_ns = (Place,), 400 * MS
    stand.exchange.bad.silent_stream = True
    while not stand.sent(Place):
        stand.run(50 * MS)
    stand.run(3 * S)
    assert sorted(stand.live()) == sorted(o.client_order_id for o in stand.exchange.resting())
    assert len(names(stand)) == 4


def test_a_second_place_never_leaves_for_a_side_that_may_be_live() -> None:
    stand = Stand()
    stand.exchange.bad.lose, stand.exchange.bad.deaf = (Place,), True
    while not stand.sent(Place):
        stand.run(50 * MS)
    stand.exchange.bad.unreadable = (Read.RESTING, Read.ORDERS)
    stand.run(10 * S)
    assert len(names(stand)) == 4


def test_a_refused_place_cools_its_side_down() -> None:
    stand = Stand()
    stand.exchange.bad.refuse_places = "post_only_cross"
    stand.run(7 * S)
    stand.forget()
    stand.run(4 * S)
    assert 4 <= len(names(stand)) <= 12
    assert stand.exchange.resting() == []


def test_an_answer_to_nobody_changes_nothing() -> None:
    stand = quoting()
    before = stand.live()
    stand.step(PlaceOutcome(RequestId(9_999), Verdict.ACCEPTED, 201, client_order_id=ClientOrderId("ladderd-1-1")))
    assert stand.live() == before


def test_a_cancel_answered_404_proves_nothing_and_the_listing_decides() -> None:
    stand = quoting()
    stand.exchange.bad.cancel_404 = stand.exchange.bad.refuse_triggers = True
    stand.operator(Command.PAUSE)
    stand.run(3 * S)
    assert len(stand.live()) == 4
    assert len(stand.sent(CancelOrders)) > 4
    stand.exchange.bad.cancel_404 = False
    stand.run(4 * S)
    assert stand.exchange.resting() == []
    assert stand.live() == []
    assert stand.engine.state.held.flattenings == {}


def test_a_refused_trigger_is_overtaken_by_cancels_by_id() -> None:
    stand = quoting()
    stand.exchange.bad.refuse_triggers = stand.exchange.bad.groups_lost = True
    stand.operator(Command.PAUSE)
    stand.run(700 * MS)
    assert stand.exchange.resting() == []


def cancels_of_one(stand: Stand) -> list[int]:
    """When (monotonic) the first of the orders that were cancelled was cancelled, time and again."""
    sent = [(s.now.mono_ns, a) for s in stand.story for a in s.actions if isinstance(a, CancelOrders)]
    name = sent[0][1].orders[0].order_id
    return [at_ns for at_ns, action in sent if name in {ref.order_id for ref in action.orders}]


def test_a_refused_cancel_is_tried_again_ever_more_rarely_and_works_when_it_may() -> None:
    stand = quoting()
    stand.story.clear()
    stand.exchange.bad.refuse_cancels = stand.exchange.bad.refuse_triggers = True
    stand.operator(Command.PAUSE)
    stand.run(12 * S)
    at_ns = cancels_of_one(stand)
    pauses_ms = [(later - earlier) // MS for earlier, later in itertools.pairwise(at_ns)]
    assert [round(ms, -1) for ms in pauses_ms[:6]] == [160, 310, 610, 1_210, 2_010, 2_010]
    triggers = [s.now.mono_ns for s in stand.story if s.did(TriggerGroup)]
    assert max(b - a for a, b in itertools.pairwise(triggers)) >= 1_200 * MS
    stand.exchange.bad.refuse_cancels = False
    stand.run(2_100 * MS)
    assert stand.exchange.resting() == []


def test_a_cancel_all_that_is_refused_for_ever_does_not_keep_the_list_from_proving_that_we_are_flat() -> None:
    stand = quoting()
    stand.exchange.bad.refuse_cancel_alls = True
    stand.operator(Command.CANCEL_ALL)
    stand.run(6 * S)
    assert stand.exchange.resting() == []
    assert [row["reason"] for row in stand.records("cancel_all_done")] == ["operator_cli", "key_refused"]
    assert 5 < len(stand.sent(CancelAll)) <= 11
    listings = [a for a in stand.sent(Ask) if isinstance(a, Ask) and a.what is Read.RESTING]
    assert len(listings) < 6 * S // (200 * MS), "no faster than the pace of a flattening"


def test_in_the_last_second_before_the_freeze_a_refused_cancel_is_tried_hard() -> None:
    stand = Stand()
    stand.quote_both()
    stand.exchange.bad.no_expiry = True
    stand.run_before_target(15 * S)
    stand.story.clear()
    stand.exchange.bad.refuse_cancels = stand.exchange.bad.refuse_triggers = True
    stand.operator(Command.PAUSE)
    stand.run_before_target(2 * S)
    freeze_ns = stand.mono_ns
    at_ns = cancels_of_one(stand)
    assert len([ns for ns in at_ns if freeze_ns - 3 * S < ns <= freeze_ns - S]) <= 2
    assert len([ns for ns in at_ns if freeze_ns - S < ns]) >= 5


def test_cancels_go_on_when_every_answer_is_429() -> None:
    stand = quoting()
    stand.exchange.bad.storm_429 = True
    stand.operator(Command.CANCEL_ALL)
    stand.run(2 * S)
    assert len(stand.sent(CancelAll)) > 10
    stand.exchange.bad.storm_429 = False
    stand.run(500 * MS)
    assert stand.exchange.resting() == []


# --- late news -------------------------------------------------------------------------------------------------------


def test_a_late_fill_of_a_gone_order_is_booked_once() -> None:
    stand = quoting()
    order = stand.exchange.resting("INXU")[0]
    stand.exchange.bad.silent_stream = True
    stand.exchange.execute(order.order_id)
    stand.exchange.bad.silent_stream = False
    stand.stream(up=False)
    stand.run(9 * S)
    assert ClientOrderId(order.client_order_id) in stand.engine.state.held.book.gone
    fill = stand.exchange.fills[0]
    stand.step(Filled(fill))
    stand.step(Filled(fill))
    stand.stream(up=True)
    stand.run(5 * S)
    assert len(stand.records("order_filled")) == 1
    assert stand.records("order_filled")[0]["client_order_id"] == order.client_order_id
    assert stand.engine.state.held.ledger.open_positions() == {order.ticker: 100}
    assert stand.engine.state.books.drift == ""


def test_a_fill_that_only_the_listing_tells_is_booked() -> None:
    stand = quoting()
    stand.exchange.bad.silent_stream = True
    stand.exchange.execute(stand.exchange.resting("INXU")[0].order_id)
    stand.run(40 * S)
    assert len(stand.records("order_filled")) == 1
    assert stand.engine.state.books.drift == ""


def test_a_taker_fill_wakes_people() -> None:
    stand = quoting()
    stand.exchange.execute(stand.exchange.resting()[0].order_id)
    fill = stand.exchange.fills[0]
    stand.step(Filled(type(fill)(**{f: getattr(fill, f) for f in fill.__struct_fields__} | {"is_taker": True})))
    assert [alert.severity for alert in heard(stand.acts, "taker_fill")] == ["critical"]


def test_an_order_accepted_after_its_series_was_pulled_is_cancelled_at_once() -> None:
    stand = Stand()
    stand.latency_ns = 60 * MS
    while not stand.sent(Place):
        stand.run(10 * MS)
    stand.operator(Command.CANCEL_ALL)
    stand.run(1 * S)
    assert stand.exchange.resting() == []
    assert stand.live() == []


# --- fills that were told, and are not in the ledger yet -------------------------------------------------------------


def hit(stand: Stand, *, told: str) -> None:
    """A taker hits our bids for 20 s. `told`: which way tells of it at once; every other is late, or lost."""
    bad = stand.exchange.bad
    bad.fill_lag_ns = 8 * S
    bad.silent_fills = told == "update"
    bad.silent_stream = told not in {"update", "fill"}
    for _ in range(28):
        bids = [o for o in stand.exchange.resting() if o.side is Side.BID]
        if bids:
            for event in stand.exchange.execute(bids[0].order_id):
                stand.step(event)
        stand.run(700 * MS)


@pytest.mark.parametrize("told", ["update", "fill", "list"])
def test_fills_that_come_late_on_any_channel_pass_no_limit(told: str) -> None:
    stand = quoting()
    hit(stand, told=told)
    held = stand.exchange.positions()
    assert held, "somebody was hit"
    assert max(abs(count) for count in held.values()) <= 5 * 100
    assert abs(sum(count for ticker, count in held.items() if ticker.startswith("KXINXU"))) <= 20 * 100
    if told == "list":
        return  # what nobody told of comes to rest in no window's books until the lists are young again
    assert stand.engine.state.held.positions() == held, "what was told counts before the ledger has it"
    stand.exchange.bad.fill_lag_ns = 0
    stand.run(3 * S)
    assert stand.engine.state.held.ledger.open_positions() == held
    assert stand.engine.state.held.untold == {}


def test_a_fill_that_an_order_update_tells_of_is_exposure_at_once_and_read_at_once() -> None:
    stand = quoting()
    order = next(o for o in stand.exchange.resting("INXU") if o.side is Side.BID)
    used = stand.engine.state.risk.used(stand.engine.state.held)
    stand.exchange.bad.silent_fills, stand.exchange.bad.fill_lag_ns = True, 3 * S
    for event in stand.exchange.execute(order.order_id):
        stand.step(event)
    held = stand.engine.state.held
    assert held.positions() == {order.ticker: 100}
    assert held.ledger.open_positions() == {}
    assert stand.engine.state.risk.used(held) >= used, "what was held by the order is held by its fill"
    assert [a.what for a in stand.sent(Ask) if isinstance(a, Ask)] == [Read.FILLS]
    stand.forget()
    stand.run(2 * S)
    asked = [a for a in stand.sent(Ask) if isinstance(a, Ask) and a.what is Read.FILLS]
    assert len(asked) >= 3, "a list that lags is asked until it tells"
    stand.run(2 * S)
    assert held.ledger.open_positions() == {order.ticker: 100}


def test_a_fill_that_a_cancels_answer_tells_of_is_exposure() -> None:
    stand = quoting()
    order = next(iter(stand.engine.state.held.book.live.values()))
    part = CancelOutcome(RequestId(1), Verdict.ACCEPTED, 200, order_id=order.order_id, reduced_by=Count(40))
    stand.step(part)
    sign = 1 if order.side is Side.BID else -1
    assert stand.engine.state.held.positions() == {order.ticker: sign * 60}


def test_a_cancel_whose_answer_says_nothing_of_the_rest_tells_of_no_fill() -> None:
    stand = quoting()
    order = next(iter(stand.engine.state.held.book.live.values()))
    stand.step(CancelOutcome(RequestId(1), Verdict.ACCEPTED, 200, order_id=order.order_id))
    assert stand.engine.state.held.positions() == {}


def test_a_fill_that_the_answer_to_a_place_tells_of_is_exposure() -> None:
    stand = Stand()
    while not stand.sent(Place):
        stand.run(10 * MS)
    place = next(a for a in stand.sent(Place) if isinstance(a, Place))
    stand.exchange.bad.silent_stream = True
    stand.step(
        PlaceOutcome(
            place.request_id,
            Verdict.ACCEPTED,
            201,
            client_order_id=place.client_order_id,
            order_id=OrderId("early"),
            filled=Count(30),
            remaining=Count(70),
        )
    )
    sign = 1 if place.side is Side.BID else -1
    assert stand.engine.state.held.positions() == {place.ticker: sign * 30}


def test_an_order_that_vanished_without_a_word_counts_until_the_fills_say_what_became_of_it() -> None:
    stand = quoting()
    order = stand.exchange.resting("INXU")[0]
    held, used = stand.engine.state.held, stand.engine.state.risk.used(stand.engine.state.held)
    stand.exchange.bad.silent_stream, stand.exchange.bad.fill_lag_ns = True, 60 * S
    stand.exchange.execute(order.order_id)
    while order.client_order_id in held.book.live:
        stand.run(500 * MS)
    assert held.untold[ClientOrderId(order.client_order_id)].doubted == 100
    assert stand.engine.state.risk.used(held) >= used
    stand.exchange.bad.fill_lag_ns = 0
    stand.run(9 * S)
    assert held.ledger.open_positions() == stand.exchange.positions()
    assert held.untold == {}


def test_what_was_told_and_not_booked_survives_a_restart() -> None:
    stand = quoting()
    order = next(o for o in stand.exchange.resting("INXU") if o.side is Side.BID)
    stand.exchange.bad.silent_fills, stand.exchange.bad.fill_lag_ns = True, 60 * S
    for event in stand.exchange.execute(order.order_id):
        stand.step(event)
    stand.crash(1 * S)
    assert stand.engine.state.held.positions() == {order.ticker: 100}


# --- groups ----------------------------------------------------------------------------------------------------------


def test_a_group_triggered_by_its_own_limit_flattens_only_its_series_which_goes_on_through_the_spare() -> None:
    stand = quoting()
    group = stand.exchange.resting("INXU")[0].group_id
    stand.exchange.groups[group] = True
    stand.step(GroupUpdated(group, "triggered"))
    assert stand.closed("INXU") == ("order_group_lost",)
    assert stand.closed("NASDAQ100U") == ()
    stand.run(700 * MS)
    assert stand.exchange.resting("INXU") == [], "orders that outlive their group are cancelled by id"
    assert len(stand.exchange.resting("NASDAQ100U")) == 2
    assert stand.sent(CancelAll, TriggerGroup) == []
    stand.run(4 * S)
    assert {o.group_id for o in stand.exchange.resting("INXU")} - {group}
    assert len(stand.exchange.resting("INXU")) == 2


def test_a_group_that_another_series_never_had_is_nobodys_loss() -> None:
    stand = quoting()
    for what in ("created", "deleted", "reset", "triggered"):
        stand.step(GroupUpdated(stand.exchange.resting()[0].group_id.__class__("nobody"), what))
    assert stand.closed("INXU") == stand.closed("NASDAQ100U") == ()


def test_a_create_that_nobody_ever_answers_is_asked_again_and_its_group_deleted() -> None:
    stand = Stand(begin=False)
    stand.exchange.bad.mute = (CreateGroup,)
    stand.begin()
    stand.run(3 * S)
    assert stand.exchange.groups
    assert stand.engine.state.held.groups.known == {}
    stand.exchange.bad.mute = ()
    stand.run(12 * S)
    assert len(stand.exchange.resting()) == 4
    assert set(stand.exchange.groups) <= set(stand.engine.state.held.groups.known)
    late = GroupOutcome(RequestId(1), Verdict.ACCEPTED, 201, op=GroupOp.CREATE, group_id=GroupId("late"))
    stand.exchange.groups[GroupId("late")] = False
    stand.step(late)
    stand.run(1 * S)
    assert GroupId("late") not in stand.exchange.groups


def test_a_group_whose_create_answer_was_lost_is_found_and_deleted() -> None:
    stand = Stand(begin=False)
    stand.exchange.bad.lose = (CreateGroup,)
    stand.begin()
    stand.run(1 * S)
    stand.exchange.bad.lose = ()
    stand.run_before_target(-15 * S)
    assert set(stand.exchange.groups) <= set(stand.engine.state.held.groups.known)


# --- the private stream ----------------------------------------------------------------------------------------------


def test_after_the_private_stream_was_away_the_books_are_read_again_before_anything_is_quoted() -> None:
    stand = quoting()
    stand.stream(up=False)
    stand.run(2 * S)
    assert stand.exchange.resting() == []
    stand.exchange.bad.unreadable = (Read.FILLS,)
    stand.forget()
    stand.stream(up=True)
    stand.run(3 * S)
    asked = {a.what for a in stand.sent(Ask) if isinstance(a, Ask)}
    assert asked >= {Read.RESTING, Read.FILLS, Read.POSITIONS, Read.BALANCE}
    assert "not_reconciled" in stand.closed()
    assert stand.sent(Place) == []
    stand.exchange.bad.unreadable = ()
    stand.quote_both()


def test_a_read_that_was_asked_before_the_stream_came_back_proves_nothing() -> None:
    stand = quoting()
    stand.stream(up=False)
    stand.run(1_500 * MS)
    key = next(k for k in stand.engine.state.held.reads.slots if k.what is Read.FILLS)
    stand.engine.state.held.reads.soon(key, stand.mono_ns)
    stand.latency_ns = 100 * MS
    stand.run(20 * MS)
    slot = stand.engine.state.held.reads.slots[key]
    assert slot.request is not None, "the read is under way"
    asked_ns = slot.asked_ns
    stand.stream(up=True)
    up_ns = stand.mono_ns
    while key not in stand.engine.state.held.reconciled:
        stand.run(10 * MS)
    assert slot.asked_ns > asked_ns, "it must be asked again, not in thirty seconds"
    assert up_ns + 2 * stand.latency_ns < stand.mono_ns < up_ns + 1 * S


def test_what_the_stream_missed_just_before_it_came_back_is_found_past_the_lag_of_reads() -> None:
    stand = quoting()
    stand.stream(up=False)
    stand.run(1_500 * MS)
    stand.forget()
    stand.stream(up=True)
    since_ns = stand.mono_ns
    # What is asked at once may lag behind: it is asked again when the lag is over, not in thirty seconds.
    stand.run(3 * S)
    for what in (Read.FILLS, Read.RESTING, Read.POSITIONS, Read.BALANCE):
        slot = next(slot for key, slot in stand.engine.state.held.reads.slots.items() if key.what is what)
        assert slot.asked_ns >= since_ns + SETTLE_NS, what


# --- drift -----------------------------------------------------------------------------------------------------------


def test_a_strangers_order_closes_the_gate_while_it_rests() -> None:
    stand = quoting()
    stranger = stand.exchange.stranger("KXINXU-1800000120-T05")
    stand.run(31 * S)
    assert stand.closed("INXU")[0] == "reconcile_drift"
    assert stand.closed("NASDAQ100U")[0] == "reconcile_drift"
    assert "FOREIGN_ORDER" in stand.engine.state.books.drift
    assert [o.order_id for o in stand.exchange.resting()] == [stranger]
    stand.exchange.end(stranger, "gone")
    stand.run(31 * S)
    assert stand.engine.state.books.drift == ""


@pytest.mark.parametrize("ticker", ["KXINXU-1800000120-T07", "KXOTHER-1"])
def test_an_orphan_of_ours_is_adopted_cancelled_and_told(ticker: str) -> None:
    stand = quoting()
    stand.exchange.stranger(ticker, "ladderd-17-3")
    stand.run(31 * S)
    assert all(o.client_order_id != "ladderd-17-3" for o in stand.exchange.resting())
    assert heard(stand.acts, "orphan_order_adopted")
    assert stand.engine.state.books.drift == ""


def test_a_position_that_two_listings_agree_on_and_we_do_not_pauses_quoting() -> None:
    stand = quoting()
    held = {stand.exchange.resting()[0].ticker: 700}
    stand.exchange.positions = lambda: held  # type: ignore[method-assign]
    stand.run(35 * S)
    assert "reconcile_drift" in stand.closed()
    assert "MISSING_LOCALLY" in stand.engine.state.books.drift


# --- tokens ----------------------------------------------------------------------------------------------------------


def test_without_tokens_nothing_is_placed_but_every_cancel_leaves() -> None:
    stand = quoting()
    budget = stand.engine.state.held.budget
    budget.capacity = budget.tokens_milli = budget.quoting_milli = budget.refill_per_s = 0
    for series in BASE:
        stand.moves[series] = BASE[series] // 300
    stand.run(2 * S)
    assert stand.sent(Place) == []
    stand.operator(Command.CANCEL_ALL)
    stand.run(2 * S)
    assert stand.exchange.resting() == []
    assert stand.sent(*CANCELLING)


@pytest.mark.step("X12")
def test_what_is_left_in_the_bucket_is_for_cancels_alone() -> None:
    stand = quoting()
    budget = stand.engine.state.held.budget
    placed = []
    for tokens_milli in (budget.tokens_milli, 24_000):  # by their price, two places are left
        budget.refill_per_s, budget.tokens_milli = 0, tokens_milli
        budget.quoting_milli = max(budget.quoting_milli, 100_000)
        stand.forget()
        for leap in (500, -500):
            stand.moves = {series: value // leap for series, value in BASE.items()}
            stand.run(S)
        placed.append(len(stand.sent(Place)))
    assert placed[0], "with tokens to spare the leaps are worth new quotes"
    assert placed[1] == 0
    stand.operator(Command.CANCEL_ALL)
    stand.run(2 * S)
    assert stand.exchange.resting() == []
    assert stand.sent(*CANCELLING)


def test_markets_of_days_long_past_are_forgotten_but_not_what_is_still_held() -> None:
    state = quoting().engine.state
    held = state.held
    for ticker, target_ns, settled in (("KXINXU-A", 100, True), ("KXINXU-B", 100, False), ("KXINXU-C", 300, True)):
        held.target_of[Ticker(ticker)] = target_ns
        held.ledger.markets[Ticker(ticker)] = MarketAccount("INXU", target_ns, result="yes" if settled else "")
    held.target_of[Ticker("KXINXU-D")] = 100
    state.account.forget(200)
    assert {t for t in held.target_of if t.startswith("KXINXU-") and len(t) == len("KXINXU-A")} == {
        "KXINXU-B",
        "KXINXU-C",
    }
    assert Ticker("KXINXU-A") not in held.ledger.markets
    assert Ticker("KXINXU-B") in held.ledger.markets


# --- lists that lag --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lag_s", [0.4, 2, 4, 7.5])
@pytest.mark.parametrize("lost", [True, False])
def test_there_is_one_order_a_side_however_late_the_list(lag_s: float, *, lost: bool) -> None:
    stand = Stand()
    stand.exchange.bad.list_lag_ns = round(lag_s * S)
    stand.exchange.bad.lose = (Place,) if lost else ()
    stand.exchange.bad.silent_stream = True
    for _ in range(60):
        stand.run(500 * MS)
        sides = [(order.ticker, order.side) for order in stand.exchange.resting()]
        assert len(sides) == len(set(sides))
    assert stand.exchange.resting()


def test_what_a_late_list_shows_is_learned_and_one_too_late_keeps_new_orders_waiting_with_an_alert() -> None:
    stand = quoting()
    lag = stand.engine.state.held.book.lag
    order = stand.exchange.resting("INXU")[0]
    stand.operator(Command.PAUSE)
    stand.run(50 * MS)
    shown = msgspec.structs.replace(stand.exchange.orders[order.order_id].state, status="resting")
    for wait_s, settle_s in ((4, 4), (6, 8)):
        stand.run(wait_s * S)
        stand.step(OrdersRead(ask_list(stand), stand.now(), 0, resting_only=True, orders=(shown,)))
        assert settle_s * S <= lag.settle_ns <= settle_s * S + S
    assert lag.behind(stand.mono_ns)
    assert [alert.severity for alert in heard(stand.acts, "list_behind")] == ["error"]


def ask_list(stand: Stand) -> RequestId:
    """The request of a list of what rests that is under way, whose answer the test gives itself."""
    reads = stand.engine.state.held.reads
    stand.exchange.bad.mute = (Ask,)
    reads.soon(RESTING, stand.mono_ns)
    while reads.slots[RESTING].request is None:
        stand.run(10 * MS)
    stand.exchange.bad.mute = ()
    request = reads.slots[RESTING].request
    assert request is not None
    return request
