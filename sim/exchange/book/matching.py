"""Orders meeting orders: the one place where contracts and cash change hands.

Invariants (the property tests hold them): a trade takes equal counts from both sides; buyer and seller together pay
exactly one dollar a contract, into or out of the market's escrow; the book is never crossed when a call returns; nobody
trades with himself; an order never fills beyond its count; better price first, earlier arrival first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from sim.exchange.book import fees
from sim.exchange.book.fixed import NS, PRICE_ONE
from sim.exchange.book.notices import Delta, Filled, GroupChanged, OrderChanged, PositionChanged, Traded
from sim.exchange.book.objects import Fill, Group, Market, Order, Trade

if TYPE_CHECKING:
    from sim.exchange.book.state import State


def own_price(side: str, price: int) -> int:
    """What the order's owner pays a contract: the YES price for a bid, the NO price for an ask."""
    return price if side == "bid" else PRICE_ONE - price


def _reserve(order: Order, at_ns: int) -> None:
    """Set aside the share of the collateral that the rest of a resting order needs."""
    if order.account.is_member and order.reserve_count:
        _set_aside(order, order.reserve_full * order.state.remaining // order.reserve_count, at_ns)


def _set_aside(order: Order, want: int, at_ns: int) -> None:
    if want != order.reserved:
        held = order.account.held(order.subaccount, order.market.exchange_index)
        held.set(at_ns, held.value + want - order.reserved)
        order.reserved = want


def _count_own(event_change: int, order: Order, at_ns: int) -> None:
    """Keep the record of what the account had resting in this event, for `/sim/state`."""
    event = order.market.event
    event.own_resting += event_change
    event.own_last_resting_ns = at_ns
    if at_ns >= event.freeze_ns:
        event.own_resting_after_freeze_max = max(event.own_resting_after_freeze_max, event.own_resting)


def rest(state: State, order: Order, at_ns: int) -> None:
    """Put an order that meets nothing on the book."""
    count = order.state.remaining
    assert count > 0, "only something can rest"
    order.market.book.side(order.side).add(order.state.price, order, count)
    state.orders[order.id] = order
    order.account.resting[order.id] = order
    if order.group is not None:
        order.group.resting[order.id] = order
    if order.account.is_member:
        _reserve(order, at_ns)
        _count_own(+1, order, at_ns)
    state.emit(Delta(order.market, order.side, order.state.price, count, order, at_ns))


def _departs(state: State, order: Order, at_ns: int) -> None:
    """Book-keeping for an order that has just left the book."""
    order.account.resting.pop(order.id, None)
    if order.group is not None:
        order.group.resting.pop(order.id, None)
    if order.account.is_member:
        order.account.departed.append((at_ns, order))
        _count_own(-1, order, at_ns)
    else:
        state.orders.pop(order.id, None)
    _set_aside(order, 0, at_ns)


def unrest(state: State, order: Order, at_ns: int) -> None:
    """Take an order off the book without deciding its fate (an amendment moves it)."""
    side, price, count = order.market.book.side(order.side), order.state.price, order.state.remaining
    side.remove(price, order, count)
    _departs(state, order, at_ns)
    state.emit(Delta(order.market, order.side, price, -count, order, at_ns))


def cancel(state: State, order: Order, at_ns: int, reason: str = "") -> int:
    """Cancel a resting order; the count taken off."""
    count = order.state.remaining
    side, price = order.market.book.side(order.side), order.state.price
    side.remove(price, order, count)
    retire(state, order, at_ns, reason)
    _departs(state, order, at_ns)
    state.emit(Delta(order.market, order.side, price, -count, order, at_ns))
    return count


def retire(state: State, order: Order, at_ns: int, reason: str) -> None:
    """Mark an order that is not on the book as canceled."""
    changed = replace(order.state, status="canceled", remaining=0, updated_ns=at_ns, reason=reason)
    order.become(at_ns, changed)
    if order.account.is_member:
        state.emit(OrderChanged(order, changed))


def shrink(state: State, order: Order, at_ns: int, less: int, **changes: object) -> None:
    """A resting order loses `less` of its count and keeps its place."""
    assert 0 < less < order.state.remaining, "shrinking leaves something"
    order.market.book.side(order.side).shrink(order.state.price, less)
    order.become(at_ns, replace(order.state, remaining=order.state.remaining - less, updated_ns=at_ns, **changes))
    _reserve(order, at_ns)
    if order.account.is_member:
        state.emit(OrderChanged(order, order.state))
    state.emit(Delta(order.market, order.side, order.state.price, -less, order, at_ns))


def available(order: Order) -> int:
    """The count that an incoming order could fill now (fill-or-kill asks first)."""
    total = 0
    for resting in order.market.book.facing(order.side, order.state.price):
        if resting.account is order.account:
            if order.self_trade_prevention == "taker_at_cross":
                break
            continue
        total += resting.state.remaining
    return total


def match(state: State, order: Order, at_ns: int) -> None:
    """Trade an incoming order against the book until one of them ends, or it meets its owner."""
    book = order.market.book
    while order.state.remaining > 0 and order.state.status == "resting":
        if order.group is not None and order.group.triggered:
            retire(state, order, at_ns, "")
            return
        resting = book.front(order.side, order.state.price)
        if resting is None:
            return
        if resting.account is order.account:
            if order.self_trade_prevention == "taker_at_cross":
                retire(state, order, at_ns, "SelfTradeCancel")
                return
            cancel(state, resting, at_ns, "SelfTradeCancel")
            continue
        trade(state, resting, order, min(resting.state.remaining, order.state.remaining), at_ns)


def trade(state: State, resting: Order, taker: Order, count: int, at_ns: int) -> Trade:
    """Match `count` at the resting order's price."""
    market, price = resting.market, resting.state.price
    done = Trade(state.new_id(), state.next_serial(), market, price, count, taker.side, at_ns)
    market.volume += count
    market.dollar_volume += price * count
    market.last_price, market.last_size = price, count
    state.trades.append(done)
    state.emit(Traded(done))
    side = market.book.side(resting.side)
    gone = count == resting.state.remaining
    if gone:
        side.remove(price, resting, count)
    else:
        side.shrink(price, count)
    _give(state, resting, done, at_ns, is_taker=False)
    if gone:
        _departs(state, resting, at_ns)
    else:
        _reserve(resting, at_ns)
    _give(state, taker, done, at_ns, is_taker=True)
    state.emit(Delta(market, resting.side, price, -count, resting, at_ns))
    for order in (resting, taker):
        if order.group is not None:
            _count_group(state, order.group, count, at_ns)
    return done


def _give(state: State, order: Order, done: Trade, at_ns: int, *, is_taker: bool) -> None:
    """One side's half of a match: fee, cash, position, order state, fill."""
    account, count, was = order.account, done.count, order.state
    cost = own_price(order.side, done.price) * count
    fee_type, multiplier = effective_fee(done.market)
    fee = fees.trade_fee(fee_type, multiplier, is_taker=is_taker, price=done.price, count=count)
    closing = _closing(order, count)
    fee, order.fee_carry = fees.charged(fee, cost - closing * PRICE_ONE, order.fee_carry)
    purse = account.purse(order.subaccount, done.market.exchange_index)
    purse.set(at_ns, purse.value + closing * PRICE_ONE - cost - fee)
    state.fees_collected += fee
    post = _move_position(order, done, closing, fee, at_ns)
    remaining = was.remaining - count
    order.become(
        at_ns,
        replace(
            was,
            status="resting" if remaining else "executed",
            remaining=remaining,
            filled=was.filled + count,
            maker_cost=was.maker_cost + (0 if is_taker else cost),
            taker_cost=was.taker_cost + (cost if is_taker else 0),
            maker_fees=was.maker_fees + (0 if is_taker else fee),
            taker_fees=was.taker_fees + (fee if is_taker else 0),
            updated_ns=at_ns,
            reason="Trade",
        ),
    )
    if account.is_member:
        fill = Fill(done, order, is_taker, fee, post, at_ns)
        account.fills.append(fill)
        state.emit(Filled(fill))
        state.emit(OrderChanged(order, order.state))
        state.emit(PositionChanged(account, account.position(order.subaccount, done.market)))


def _closing(order: Order, count: int) -> int:
    """How much of `count` closes contracts of the other leg; each such pair is worth one dollar at once."""
    held = order.account.position(order.subaccount, order.market).count.value
    return min(count, max(0, -held if order.side == "bid" else held))


def _move_position(order: Order, done: Trade, closing: int, fee: int, at_ns: int) -> int:
    """Net the position, its cost basis (average) and realized profit; the position afterwards."""
    market, count = done.market, done.count
    position = order.account.position(order.subaccount, market)
    before, own = position.count.value, own_price(order.side, done.price)
    after = before + (count if order.side == "bid" else -count)
    released = position.cost.value * closing // abs(before) if closing else 0
    position.realized += closing * (PRICE_ONE - own) - released
    position.cost.set(at_ns, position.cost.value - released + own * (count - closing))
    position.count.set(at_ns, after)
    position.fees += fee
    position.traded += own * count
    position.shares += count - closing
    position.volume += count
    position.updated_ns = at_ns
    market.open_interest += max(after, 0) - max(before, 0)
    return after


def effective_fee(market: Market) -> tuple[str, str]:
    """(fee type, multiplier as text): the event's override if it has one, else the series' terms."""
    event = market.event
    if event.fee_type_override is not None:
        multiplier = event.fee_multiplier_override
        return event.fee_type_override, str(event.series.fee_multiplier if multiplier is None else multiplier)
    return event.series.fee_type, str(event.series.fee_multiplier)


def _count_group(state: State, group: Group, count: int, at_ns: int) -> None:
    """Add to the rolling window; reaching the limit triggers (create text: "hits")."""
    group.filled.append((at_ns, count))
    if not group.triggered and rolling(state, group, at_ns) >= group.limit:
        trigger(state, group, at_ns)


def rolling(state: State, group: Group, at_ns: int) -> int:
    """Contracts of the group filled in the last 15 s."""
    since = at_ns - state.config.group_window_s * NS
    while group.filled and group.filled[0][0] <= since:
        group.filled.popleft()
    return sum(count for _, count in group.filled)


def trigger(state: State, group: Group, at_ns: int) -> None:
    """Cancel every resting order of the group and refuse new ones until a reset."""
    group.triggered = True
    for order in list(group.resting.values()):
        cancel(state, order, at_ns)
    state.emit(GroupChanged(group, "triggered", at_ns))
