"""The one order that takes, and its spelling: immediate-or-cancel and reduce-only, never anything else.

Beside `execution/kalshi/wire.py`, whose orders cannot take. What makes it take stands in the constants of `_Taking`:
it never rests, and the exchange caps it by what is held (docs/exchange.md 3.2).
"""

from __future__ import annotations

from typing import Final

import msgspec

from domain.clock import Now
from domain.ids import ClientOrderId, Ticker
from domain.market import Side
from domain.money import PRICE_PER_DOLLAR, Count, Price, print_count, print_price
from execution.closeout.permission import CloseOut
from execution.kalshi.wire import KalshiAccount, KalshiRequest


class ClosingOrder(msgspec.Struct, frozen=True):
    """Sell (ask) or buy back (bid) at most `count` of what is held, at `price` or better, at once or not at all."""

    client_order_id: ClientOrderId
    ticker: Ticker
    side: Side
    price: Price
    count: Count
    exchange_index: int
    leave: CloseOut


class _Taking(msgspec.Struct, frozen=True, omit_defaults=False):
    ticker: str
    side: str
    count: str
    price: str
    client_order_id: str
    exchange_index: int
    subaccount: int | msgspec.UnsetType = msgspec.UNSET
    time_in_force: str = "immediate_or_cancel"
    self_trade_prevention_type: str = "taker_at_cross"
    reduce_only: bool = True
    post_only: bool = False


_encode: Final = msgspec.json.Encoder().encode


def closing_request(account: KalshiAccount, order: ClosingOrder, now: Now) -> KalshiRequest:
    """Spell it. Asserts what only a bug of ours could break."""
    assert now.mono_ns <= order.leave.not_after_mono_ns, "leave to take has run out"
    assert 0 < order.price < PRICE_PER_DOLLAR, "a price lies strictly between 0 and 1 dollar"
    assert order.count > 0, "an order has a count"
    body = _Taking(
        ticker=order.ticker,
        side=order.side.value,
        count=print_count(order.count),
        price=print_price(order.price),
        client_order_id=order.client_order_id,
        exchange_index=order.exchange_index,
        subaccount=msgspec.UNSET if account.subaccount is None else account.subaccount,
    )
    return KalshiRequest("POST", account.orders_path, "", _encode(body))
