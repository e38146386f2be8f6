from __future__ import annotations

import pytest

from domain.actions import AnyAction, CancelAll, CancelOrders, Place, TriggerGroup
from domain.clock import NS_PER_MS, NS_PER_S
from domain.counts import Counted, Counts
from domain.events import CancelOutcome, PlaceOutcome, Verdict
from domain.ids import ClientOrderId, GroupId, OrderId, RequestId
from domain.market import Side
from domain.money import Count
from domain.records import Entry, OrderCreatedEntry
from execution.budget import Budget
from execution.converge import BATCH_MAX, CANCEL_RETRY_NS, CANCEL_UNSENT_NS, GROUP_PATIENCE_NS, Converger
from execution.groups import Group, Groups
from execution.numbers import Numbers
from execution.orders import OrderBook, OrderStatus
from execution.quoter import Want
from tests.execution.made import TICKER, cleared, opened, order, quote

MS = NS_PER_MS


def made(*, groups: tuple[str, ...] = ("g", "spare"), capacity: int = 10_000) -> Converger:
    numbers, budget, book = Numbers(), Budget(), OrderBook()
    numbers.epoch = 17
    budget.learn(0, refill_per_s=1000, capacity=capacity, place_cost=10, cancel_cost=2, group_cost=10)
    known = Groups(numbers, budget, 20)
    for name in groups:
        known.known[GroupId(name)] = Group(GroupId(name), "INXU", 1, 0)
    return Converger(book, known, budget, numbers, Counts())


def quoted(converger: Converger, want: Want, now_ns: int = 0, *, allowed: bool = True) -> tuple[list[AnyAction], bool]:
    out: list[AnyAction] = []
    done = converger.quote("INXU", want, cleared(), 1, 99, now_ns, out, lambda _: allowed)
    return out, done


def both() -> Want:
    return {(TICKER, Side.BID): quote(), (TICKER, Side.ASK): quote(Side.ASK, 5_800)}


def accepted(converger: Converger, action: AnyAction, remaining: int = 100) -> list[AnyAction]:
    assert isinstance(action, Place)
    out: list[AnyAction] = []
    name, order_id = action.client_order_id, OrderId(f"o-{action.client_order_id}")
    event = PlaceOutcome(
        action.request_id, Verdict.ACCEPTED, 201, client_order_id=name, order_id=order_id, remaining=Count(remaining)
    )
    converger.placed(event, 0, out)
    return out


# --- quoting ---------------------------------------------------------------------------------------------------------


def test_what_is_wanted_is_placed_once_with_group_expiry_and_permission() -> None:
    converger = made()
    out, done = quoted(converger, both())
    places = [a for a in out if isinstance(a, Place)]
    assert done
    assert [(p.side, p.price, p.group_id, p.expiration_s) for p in places] == [
        (Side.BID, 4_200, "g", 99), (Side.ASK, 5_800, "g", 99),
    ]  # fmt: skip
    assert len({p.client_order_id for p in places}) == 2
    assert [type(a) for a in out if isinstance(a, Entry)] == [OrderCreatedEntry] * 2
    assert quoted(converger, both()) == ([], True)


def test_an_order_that_is_good_is_left_alone_and_one_that_is_not_is_cancelled_before_its_successor() -> None:
    converger = made()
    for action in [a for a in quoted(converger, both())[0] if isinstance(a, Place)]:
        accepted(converger, action)
    moved = {(TICKER, Side.BID): quote(price=4_100), (TICKER, Side.ASK): quote(Side.ASK, 5_800)}
    out, _ = quoted(converger, moved)
    assert [type(a) for a in out] == [CancelOrders]
    assert quoted(converger, moved)[0] == [], "nothing is placed on a side that may be live"
    (cancel,) = (a for a in out if isinstance(a, CancelOrders))
    converger.cancelled(CancelOutcome(cancel.request_id, Verdict.ACCEPTED, 200, order_id=cancel.orders[0].order_id), 0)
    assert [a.price for a in quoted(converger, moved)[0] if isinstance(a, Place)] == [4_100]


def test_a_requote_is_an_order_that_another_price_replaces_counted_once() -> None:
    converger = made()
    out, _ = quoted(converger, both())
    for action in [a for a in out if isinstance(a, Place)]:
        accepted(converger, action)
    assert converger.counts[Counted.REQUOTES] == 0
    moved = {(TICKER, Side.BID): quote(price=4_300), (TICKER, Side.ASK): quote(Side.ASK, 5_800)}
    for again in range(3):
        quoted(converger, moved, (again + 1) * CANCEL_RETRY_NS)
        assert converger.counts[Counted.REQUOTES] == 1
    quoted(converger, {(TICKER, Side.BID): quote(price=4_300)}, 9 * CANCEL_RETRY_NS)
    assert converger.counts[Counted.REQUOTES] == 1, "nothing follows the ask: it is only withdrawn"


def test_an_order_still_placing_is_never_cancelled_by_id_but_on_acceptance() -> None:
    converger = made()
    (place,) = (a for a in quoted(converger, {(TICKER, Side.BID): quote()})[0] if isinstance(a, Place))
    assert quoted(converger, {})[0] == []
    out = accepted(converger, place)
    assert [type(a) for a in out] == [CancelOrders]


@pytest.mark.parametrize("lacking", ["group", "tokens"])
def test_a_place_waits_for_a_group_and_for_tokens(lacking: str) -> None:
    converger = made(groups=()) if lacking == "group" else made(capacity=10)
    out, done = quoted(converger, both())
    assert (out, done) == ([], False)
    assert converger.book.live == {}


def test_what_risk_does_not_allow_leaves_no_trace_in_the_book() -> None:
    converger = made()
    assert quoted(converger, both(), allowed=False) == ([], True)
    assert converger.book.live == {}


def test_quoting_goes_on_in_the_group_that_was_begun() -> None:
    converger = made()
    quoted(converger, {(TICKER, Side.BID): quote()})
    converger.groups.known = dict(reversed(converger.groups.known.items()))
    (place,) = (a for a in quoted(converger, both())[0] if isinstance(a, Place))
    assert place.group_id == "g"


def test_not_even_with_an_order_id_is_it_cancelled_before_its_answer() -> None:
    converger = made()
    one = order()
    converger.book.add(one)
    converger.book.name(one, OrderId("o"))
    out: list[AnyAction] = []
    converger.cancel([one], "why", 0, out)
    assert out == []
    assert one.unwanted


# --- cancelling ------------------------------------------------------------------------------------------------------


def test_pulling_a_series_triggers_its_groups_and_touches_no_other_series() -> None:
    converger = made()
    opened(converger.book, "ladderd-1-1")
    opened(converger.book, "ladderd-1-2", series="NASDAQ100U", group="other")
    out: list[AnyAction] = []
    assert converger.pull("INXU", "why", 0, out)
    assert [(type(a), getattr(a, "group_id", "")) for a in out] == [(TriggerGroup, "g")]
    assert [o.unwanted for o in converger.book.live.values()] == [True, False]


def test_what_outlives_its_group_is_cancelled_by_id() -> None:
    converger = made()
    opened(converger.book)
    out: list[AnyAction] = []
    converger.pull("INXU", "why", 0, out)
    converger.pull("INXU", "why", GROUP_PATIENCE_NS - 1, out)
    assert CancelOrders not in {type(a) for a in out}
    converger.pull("INXU", "why", GROUP_PATIENCE_NS, out)
    assert CancelOrders in {type(a) for a in out}


def test_an_order_without_a_known_group_is_killed_through_it_all_the_same() -> None:
    converger = made(groups=())
    opened(converger.book, group="of an earlier run")
    out: list[AnyAction] = []
    converger.pull("INXU", "why", 0, out)
    assert [type(a) for a in out] == [TriggerGroup]


def test_an_order_outside_any_group_is_cancelled_by_id_at_once() -> None:
    converger = made(groups=())
    opened(converger.book, group="")
    out: list[AnyAction] = []
    converger.pull("INXU", "why", 0, out)
    assert [type(a) for a in out] == [CancelOrders]


def test_cancel_all_is_sent_once_until_it_may_have_failed() -> None:
    converger = made()
    opened(converger.book)
    out: list[AnyAction] = []
    assert converger.cancel_all("why", 0, out)
    assert not converger.cancel_all("why", 149 * MS, out)
    assert converger.cancel_all("why", 150 * MS, out)
    assert [type(a) for a in out] == [CancelAll, CancelAll]
    assert all(o.state is OrderStatus.CANCELLING for o in converger.book.live.values())


def test_cancels_leave_in_batches_and_however_empty_the_bucket() -> None:
    converger = made()
    orders = [opened(converger.book, f"ladderd-1-{n}") for n in range(BATCH_MAX + 1)]
    converger.budget.tokens_milli = converger.budget.refill_per_s = 0
    out: list[AnyAction] = []
    converger.cancel(orders, "why", 0, out)
    assert [len(a.orders) for a in out if isinstance(a, CancelOrders)] == [BATCH_MAX, 1]
    assert converger.budget.starved == 2


@pytest.mark.parametrize(
    ("verdict", "status", "again_ns"),
    [(Verdict.UNKNOWN, 404, CANCEL_RETRY_NS), (Verdict.REFUSED, 429, 150 * MS), (Verdict.UNSENT, 0, CANCEL_UNSENT_NS)],
)
def test_a_cancel_that_proves_nothing_is_sent_again(verdict: Verdict, status: int, again_ns: int) -> None:
    converger = made()
    one = opened(converger.book)
    out: list[AnyAction] = []
    converger.cancel([one], "why", 0, out)
    converger.cancelled(CancelOutcome(RequestId(1), verdict, status, order_id=one.order_id), 0)
    assert one.state is OrderStatus.CANCELLING
    out.clear()
    converger.cancel([one], "why", again_ns - 1, out)
    assert out == []
    converger.cancel([one], "why", again_ns, out)
    assert len(out) == 1


def test_only_a_cancel_that_was_refused_before_waits_for_tokens() -> None:
    converger = made(capacity=100)
    again, first = opened(converger.book, "ladderd-1-1"), opened(converger.book, "ladderd-1-2")
    converger.budget.refused(0)
    again.refusals = 1
    out: list[AnyAction] = []
    converger.cancel([again, first], "why", 0, out)
    assert [[ref.order_id for ref in a.orders] for a in out if isinstance(a, CancelOrders)] == [[first.order_id]]
    converger.cancel([again], "why", 3 * MS, out)
    assert len(out) == 2


def test_the_next_deadline_is_when_a_cancel_is_due_again() -> None:
    converger = made()
    one = opened(converger.book)
    assert converger.next_deadline(0) is None
    converger.cancel([one], "why", 5, [])
    assert converger.next_deadline(5) == 5 + CANCEL_RETRY_NS


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "state"),
    [(Verdict.ACCEPTED, OrderStatus.OPEN), (Verdict.REFUSED, OrderStatus.GONE), (Verdict.UNSENT, OrderStatus.GONE),
     (Verdict.UNKNOWN, OrderStatus.PLACING)],
)  # fmt: skip
def test_each_verdict_on_a_place_has_its_own_end(verdict: Verdict, state: OrderStatus) -> None:
    converger = made()
    one = order()
    converger.book.add(one)
    event = PlaceOutcome(
        RequestId(1), verdict, client_order_id=one.client_order_id, order_id=OrderId("o"), remaining=Count(100)
    )
    converger.placed(event, 0, [])
    assert one.state is state
    assert not one.in_flight


def test_a_place_accepted_with_nothing_left_was_cancelled_or_filled_on_arrival() -> None:
    converger = made()
    (place,) = (a for a in quoted(converger, {(TICKER, Side.BID): quote()})[0] if isinstance(a, Place))
    accepted(converger, place, remaining=0)
    assert ClientOrderId(place.client_order_id) in converger.book.gone


def test_nothing_is_remembered_of_requests_that_were_answered() -> None:
    converger = made()
    for number in range(50):
        one = opened(converger.book, f"ladderd-1-{number}")
        out: list[AnyAction] = []
        converger.cancel([one], "why", number * NS_PER_S, out)
        converger.cancelled(CancelOutcome(RequestId(number), Verdict.ACCEPTED, 200, order_id=one.order_id), 0)
    held = [value for value in vars(converger).values() if isinstance(value, dict) and len(value) > 20]
    assert held == []
