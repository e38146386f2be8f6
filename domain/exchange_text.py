"""Orders and fills as the exchange spells them, whichever way it tells them: counts, prices and cash are text.

REST and the stream each add a few fields of their own; what they have in common becomes ours here once
(docs/exchange.md 3.9, 5 and 11).
"""

from __future__ import annotations

import msgspec

from domain.door import Name
from domain.events import Fill, OrderState
from domain.ids import ClientOrderId, GroupId, OrderId, Ticker, TradeId
from domain.market import Side
from domain.money import parse_cash, parse_count, parse_price


class OrderText(msgspec.Struct, kw_only=True):
    """An order. Prices in dollars of YES, counts in contracts."""

    order_id: Name
    client_order_id: Name | None  # null where a person ordered at the exchange's own page
    ticker: Name
    book_side: Name
    status: Name
    yes_price_dollars: Name
    fill_count_fp: Name
    remaining_count_fp: Name
    initial_count_fp: Name
    order_group_id: Name | None = None

    def as_ours(self, exchange_index: int, expiration_ms: int, last_update_reason: str = "") -> OrderState:
        """As ours, with what each way tells in its own fields. Raises ValueError."""
        return OrderState(
            order_id=OrderId(self.order_id),
            client_order_id=ClientOrderId(self.client_order_id or ""),
            ticker=Ticker(self.ticker),
            side=Side(self.book_side),
            price=parse_price(self.yes_price_dollars),
            status=self.status,
            initial=parse_count(self.initial_count_fp),
            filled=parse_count(self.fill_count_fp),
            remaining=parse_count(self.remaining_count_fp),
            group_id=GroupId(self.order_group_id or ""),
            exchange_index=exchange_index,
            last_update_reason=last_update_reason,
            expiration_ms=expiration_ms,
        )


class FillText(msgspec.Struct, kw_only=True):
    """A fill. Price in dollars of YES, count in contracts, fee in dollars."""

    trade_id: Name
    order_id: Name
    book_side: Name
    yes_price_dollars: Name
    count_fp: Name
    fee_cost: Name
    is_taker: bool

    def as_ours(self, ticker: str, client_order_id: str, at_ms: int) -> Fill:
        """As ours, with what each way tells in its own fields. Raises ValueError."""
        return Fill(
            trade_id=TradeId(self.trade_id),
            order_id=OrderId(self.order_id),
            client_order_id=ClientOrderId(client_order_id),
            ticker=Ticker(ticker),
            side=Side(self.book_side),
            price=parse_price(self.yes_price_dollars),
            count=parse_count(self.count_fp),
            fee=parse_cash(self.fee_cost),
            is_taker=self.is_taker,
            exchange_ms=at_ms,
        )
