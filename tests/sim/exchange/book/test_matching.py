"""The matching engine held to its invariants: by a plain second implementation, and by random histories."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sim.exchange.book.fixed import PRICE_ONE, show_price
from sim.exchange.book.matching import rolling
from sim.exchange.book.notices import Traded
from sim.exchange.book.objects import Group, Order
from sim.exchange.trade import groups, orders
from sim.exchange.wire.rejects import Reject
from tests.sim.exchange.rig import S, rig

SIDES = st.sampled_from(["bid", "ask"])
CENTS = st.integers(46, 54)
COUNTS = st.one_of(st.sampled_from([100, 200, 500]), st.integers(1, 900))


@dataclass
class Plain:
    """One resting order of the plain model."""

    number: int
    side: str
    price: int
    left: int


def meet(book: list[Plain], one: Plain) -> list[tuple[int, int]]:
    """Match one order against the plain book, by looking through all of it each time; (price, count) of each match."""
    done: list[tuple[int, int]] = []
    sign = 1 if one.side == "bid" else -1
    while one.left:
        meets = [o for o in book if o.side != one.side and sign * (one.price - o.price) >= 0]
        if not meets:
            book.append(one)
            break
        best = min(meets, key=lambda o: (sign * o.price, o.number))
        size = min(best.left, one.left)
        best.left, one.left = best.left - size, one.left - size
        done.append((best.price, size))
        if not best.left:
            book.remove(best)
    return done


@given(st.lists(st.tuples(SIDES, st.integers(45, 55), COUNTS), max_size=40))
@settings(max_examples=150)
def test_price_time_priority_agrees_with_a_plain_model(sent: list[tuple[str, int, int]]) -> None:
    made = rig()
    # One account a side, so that nobody ever meets himself.
    account = {side: made.exchange.state.account(side, is_member=False) for side in ("bid", "ask")}
    plain: list[Plain] = []
    numbers: dict[str, int] = {}
    for number, (side, cents, count) in enumerate(sent):
        expected = meet(plain, Plain(number, side, cents, count))
        made.heard.clear()
        order = made.exchange.place(account[side], made.market, side, cents * 100, count, made.now)
        if order is not None:
            numbers[order.id] = number
        trades = [notice.trade for notice in made.heard if isinstance(notice, Traded)]
        assert [(trade.price // 100, trade.count) for trade in trades] == expected
        rest = {numbers[o.id]: o.state.remaining for a in account.values() for o in a.resting.values()}
        assert rest == {one.number: one.left for one in plain}


class History(RuleBasedStateMachine):
    """Anything anybody may do, in any order, with time passing."""

    def __init__(self) -> None:
        super().__init__()
        self.rig = rig(tail_s=3.0)
        self.start = sum(p.value for a in self.rig.exchange.state.accounts.values() for p in a.cash.values())
        self.groups: list[Group] = []
        self.number = 0

    def _order(self, pick: int) -> Order | None:
        resting = list(self.rig.member.resting.values())
        return resting[pick % len(resting)] if resting else None

    @rule(
        side=SIDES,
        cents=CENTS,
        count=COUNTS,
        kind=st.sampled_from(["good_till_canceled", "immediate_or_cancel", "fill_or_kill"]),
        prevention=st.sampled_from(["taker_at_cross", "maker"]),
        post_only=st.booleans(),
        expires=st.sampled_from([None, 1, 5]),
        grouped=st.booleans(),
        reduce_only=st.booleans(),
    )
    def create(  # noqa: PLR0913 - one argument for each freedom
        self,
        side: str,
        cents: int,
        count: int,
        kind: str,
        prevention: str,
        *,
        post_only: bool,
        expires: int | None,
        grouped: bool,
        reduce_only: bool,
    ) -> None:
        self.number += 1
        fields = self.rig.fields(
            side=side,
            price=show_price(cents * 100),
            count=f"{count // 100}.{count % 100:02d}",
            time_in_force=kind,
            self_trade_prevention_type=prevention,
            client_order_id=f"n{self.number}",
            post_only=post_only and kind == "good_till_canceled",
            reduce_only=reduce_only and kind == "immediate_or_cancel",
        )
        if expires and kind == "good_till_canceled":
            fields["expiration_time"] = self.rig.now // S + expires
        if grouped and self.groups:
            fields["order_group_id"] = self.groups[-1].id
        try:
            answer = orders.create(self.rig.exchange.state, self.rig.member, fields, self.rig.now)
        except Reject as refused:
            assert refused.status in (400, 404, 409)  # noqa: PT017 - the other way out of a create
            return
        order = self.rig.member.orders[answer["order_id"]]
        if kind != "good_till_canceled":
            assert order.id not in self.rig.member.resting
        if kind == "fill_or_kill":
            assert order.state.filled in (0, order.state.initial) or order.state.reason == "SelfTradeCancel"

    @rule(side=SIDES, cents=CENTS, count=COUNTS, who=st.sampled_from(["x", "y"]), take=st.booleans())
    def others(self, side: str, cents: int, count: int, who: str, *, take: bool) -> None:
        account = self.rig.exchange.state.account(who, is_member=False)
        act = self.rig.exchange.take if take else self.rig.exchange.place
        act(account, self.rig.market, side, cents * 100, count, self.rig.now)

    @rule(pick=st.integers(0, 99))
    def cancel(self, pick: int) -> None:
        order = self._order(pick)
        if order is not None and order.market.status == "active":
            self.rig.cancel(order)
            assert order.state.status == "canceled"

    @rule(pick=st.integers(0, 99), cents=CENTS, count=st.integers(1, 9))
    def amend(self, pick: int, cents: int, count: int) -> None:
        order = self._order(pick)
        if order is None:
            return
        try:
            self.rig.amend(order, price=show_price(cents * 100), count=str(count))
        except Reject as refused:
            assert refused.status in (400, 409)  # noqa: PT017 - the other way out of an amend

    @rule(pick=st.integers(0, 99), less=COUNTS)
    def decrease(self, pick: int, less: int) -> None:
        order = self._order(pick)
        if order is not None and less <= order.state.remaining and order.market.status == "active":
            self.rig.decrease(order, reduce_by=f"{less // 100}.{less % 100:02d}")

    @rule(limit=st.integers(1, 6))
    def make_group(self, limit: int) -> None:
        self.groups.append(self.rig.group(limit))

    @rule()
    def trigger(self) -> None:
        if self.groups:
            groups.trigger(self.rig.exchange.state, self.groups[-1], self.rig.now)
            assert not self.groups[-1].resting

    @rule()
    def reset(self) -> None:
        if self.groups:
            groups.reset(self.rig.exchange.state, self.groups[-1], self.rig.now)

    @rule()
    def cancel_all(self) -> None:
        orders.cancel_all(self.rig.exchange.state, self.rig.member, None, self.rig.now)
        assert not [o for o in self.rig.member.resting.values() if o.market.status == "active"]

    @rule(pick=st.integers(0, 99))
    def force_fill(self, pick: int) -> None:
        order = self._order(pick)
        if order is not None:
            self.rig.exchange.force_fill(order.id, None, self.rig.now)

    @rule(seconds=st.sampled_from([0.01, 0.5, 1.0, 16.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.rig.wait(seconds)

    @invariant()
    def cash_is_conserved(self) -> None:
        state = self.rig.exchange.state
        cash = sum(purse.value for account in state.accounts.values() for purse in account.cash.values())
        escrow = sum(market.open_interest for market in state.markets.values()) * PRICE_ONE
        assert cash + escrow + state.fees_collected == self.start

    @invariant()
    def contracts_are_conserved(self) -> None:
        state = self.rig.exchange.state
        for market in state.markets.values():
            held = [position.count.value for _, position in market.holders]
            assert sum(held) == 0
            assert sum(count for count in held if count > 0) == market.open_interest
            for _, position in market.holders:
                assert 0 <= position.cost.value <= abs(position.count.value) * PRICE_ONE

    @invariant()
    def no_book_is_crossed_and_levels_add_up(self) -> None:
        for market in self.rig.exchange.state.markets.values():
            bid, ask = market.book.best_bid(), market.book.best_ask()
            assert bid is None or ask is None or bid < ask
            for side in (market.book.bids, market.book.asks):
                assert side.prices == sorted(side.levels)
                for price, level in side.levels.items():
                    assert level.total == sum(order.state.remaining for order in level.orders.values()) > 0
                    assert all(o.state.price == price and o.state.status == "resting" for o in level.orders.values())

    @invariant()
    def no_order_fills_beyond_its_size(self) -> None:
        for order in self.rig.member.orders.values():
            state = order.state
            assert state.remaining >= 0 and state.filled >= 0  # noqa: PT018 - one fact
            if state.status != "canceled":
                assert state.filled + state.remaining <= state.initial
            assert (state.status == "resting") == (order.id in self.rig.member.resting)
        by_order: dict[str, int] = {}
        for fill in self.rig.member.fills:
            by_order[fill.order.id] = by_order.get(fill.order.id, 0) + fill.trade.count
        assert all(self.rig.member.orders[name].state.filled == count for name, count in by_order.items())

    @invariant()
    def the_group_counter_holds(self) -> None:
        for group in self.groups:
            assert group.triggered or rolling(self.rig.exchange.state, group, self.rig.now) < group.limit
            assert not (group.triggered and group.resting)

    @invariant()
    def collateral_and_the_record_agree_with_what_rests(self) -> None:
        member = self.rig.member
        held = sum(amount.value for amount in member.reserved.values())
        assert held == sum(order.reserved for order in member.resting.values())
        for order in member.resting.values():
            assert order.reserved == order.reserve_full * order.state.remaining // order.reserve_count
        for event in self.rig.exchange.state.events.values():
            assert event.own_resting == sum(order.market.event is event for order in member.resting.values())


History.TestCase.settings = settings(max_examples=80, stateful_step_count=40)
TestHistory = History.TestCase
