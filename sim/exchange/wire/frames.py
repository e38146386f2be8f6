"""Notices of the core as websocket payloads, and which channel carries them.

Sequenced: orderbook_delta, trade, market_lifecycle_v2, order_group_updates. Not sequenced: fill, user_orders,
market_positions, ticker; their loss cannot be seen on the wire. Field lists: docs/exchange.md 11.5.
"""

from __future__ import annotations

from typing import Any

from sim.exchange.book.fixed import CASH_ONE, NS, PRICE_ONE, rfc3339, rfc3339_ms, show_cash, show_count, show_price
from sim.exchange.book.lifecycle import describe
from sim.exchange.book.notices import Delta
from sim.exchange.book.objects import Event, Fill, Group, Market, Order, OrderState, Position, Trade
from sim.exchange.wire import views

NS_PER_MS = 1_000_000
SEQUENCED = frozenset({"orderbook_delta", "trade", "market_lifecycle_v2", "order_group_updates"})
CHANNELS = (
    "orderbook_delta",
    "ticker",
    "trade",
    "fill",
    "market_positions",
    "market_lifecycle_v2",
    "multivariate_market_lifecycle",
    "communications",
    "order_group_updates",
    "user_orders",
    "cfbenchmarks_value",
    "cfbenchmarks_value_5hz",
    "pyth_value",
)


def snapshot(market: Market, *, use_yes_price: bool) -> dict[str, Any]:
    """A whole book; the key of an empty side is absent."""
    ladder = views.ladder(market)
    body: dict[str, Any] = {"market_ticker": market.ticker, "market_id": market.market_id}
    if ladder["yes_dollars"]:
        body["yes_dollars_fp"] = ladder["yes_dollars"]
    if market.book.asks.prices:
        asks = [[show_price(price), show_count(count)] for price, count in market.book.asks.ladder()]
        body["no_dollars_fp"] = asks if use_yes_price else ladder["no_dollars"]
    return body


def delta(one: Delta, *, use_yes_price: bool, own: bool) -> dict[str, Any]:
    """One level's change; the cause is named only to its owner."""
    is_bid = one.side == "bid"
    price = one.price if is_bid or use_yes_price else PRICE_ONE - one.price
    body: dict[str, Any] = {
        "market_ticker": one.market.ticker,
        "market_id": one.market.market_id,
        "price_dollars": show_price(price),
        "delta_fp": show_count(one.count),
        "side": "yes" if is_bid else "no",
        "ts": rfc3339(one.at_ns),
        "ts_ms": one.at_ns // NS_PER_MS,
    }
    if own:
        body["client_order_id"] = one.order.state.client_order_id
        body["subaccount"] = one.order.subaccount
    return body


def trade(one: Trade) -> dict[str, Any]:
    """A match on the tape."""
    body = views.trade(one)
    return {
        "trade_id": one.id,
        "market_ticker": one.market.ticker,
        **{key: body[key] for key in ("yes_price_dollars", "no_price_dollars", "count_fp")},
        **{key: body[key] for key in ("taker_side", "taker_outcome_side", "taker_book_side", "is_block_trade")},
        "ts": one.at_ns // NS,
        "ts_ms": one.at_ns // NS_PER_MS,
    }


def fill(one: Fill) -> dict[str, Any]:
    """Own fill, with the client order id that REST leaves out."""
    is_bid = one.order.side == "bid"
    body: dict[str, Any] = {
        "trade_id": one.trade.id,
        "order_id": one.order.id,
        "market_ticker": one.trade.market.ticker,
        "exchange_index": one.trade.market.exchange_index,
        "is_taker": one.is_taker,
        "side": "yes",
        "yes_price_dollars": show_price(one.trade.price),
        "count_fp": show_count(one.trade.count),
        "fee_cost": show_cash(one.fee),
        "action": "buy" if is_bid else "sell",
        "ts": one.at_ns // NS,
        "ts_ms": one.at_ns // NS_PER_MS,
        "post_position_fp": show_count(one.post_position),
        "purchased_side": "yes" if is_bid else "no",
        "outcome_side": "yes" if is_bid else "no",
        "book_side": one.order.side,
        "subaccount": one.order.subaccount,
    }
    if one.order.state.client_order_id:
        body["client_order_id"] = one.order.state.client_order_id
    return body


def user_order(one: Order, state: OrderState) -> dict[str, Any]:
    """Own order after a change, with the reason when it has a name."""
    is_bid = one.side == "bid"
    body: dict[str, Any] = {
        "order_id": one.id,
        "user_id": one.account.user_id,
        "ticker": one.market.ticker,
        "exchange_index": one.market.exchange_index,
        "status": state.status,
        "side": "yes",
        "is_yes": True,
        "outcome_side": "yes" if is_bid else "no",
        "book_side": one.side,
        "yes_price_dollars": show_price(state.price),
        "fill_count_fp": show_count(state.filled),
        "remaining_count_fp": show_count(state.remaining),
        "initial_count_fp": show_count(state.initial),
        "taker_fill_cost_dollars": show_cash(state.taker_cost),
        "maker_fill_cost_dollars": show_cash(state.maker_cost),
        "taker_fees_dollars": show_cash(state.taker_fees),
        "maker_fees_dollars": show_cash(state.maker_fees),
        "client_order_id": state.client_order_id,
        "self_trade_prevention_type": one.self_trade_prevention,
        "created_time": rfc3339(one.created_ns),
        "created_ts_ms": one.created_ns // NS_PER_MS,
        "last_update_time": rfc3339(state.updated_ns),
        "last_updated_ts_ms": state.updated_ns // NS_PER_MS,
        "subaccount_number": one.subaccount,
    }
    if state.expiration_s is not None:
        body["expiration_time"] = rfc3339(state.expiration_s * NS)
        body["expiration_ts_ms"] = state.expiration_s * 1000
    if one.group is not None:
        body["order_group_id"] = one.group.id
    if state.reason:
        body["last_update_reason"] = state.reason
    return body


def market_position(one: Position, user_id: str) -> dict[str, Any]:
    """Own position after a change."""
    return {
        "user_id": user_id,
        "market_ticker": one.market.ticker,
        "position_fp": show_count(one.count.value),
        "position_cost_dollars": show_cash(one.cost.value),
        "realized_pnl_dollars": show_cash(one.realized),
        "fees_paid_dollars": show_cash(one.fees),
        "position_fee_cost_dollars": show_cash(one.fees),
        "volume_fp": show_count(one.volume),
        "subaccount": one.subaccount,
    }


def group_update(group: Group, event_type: str, at_ns: int) -> dict[str, Any]:
    """Own order group after a change; the limit only where it is news."""
    body: dict[str, Any] = {"event_type": event_type, "order_group_id": group.id}
    if event_type in ("created", "limit_updated"):
        body["contracts_limit_fp"] = show_count(group.limit)
    return {**body, "ts_ms": at_ns // NS_PER_MS}


def ticker(market: Market, at_ns: int) -> dict[str, Any]:
    """Best prices, last trade and volumes of one market."""
    quotes = views.quotes(market)
    return {
        "market_id": market.market_id,
        "market_ticker": market.ticker,
        "price_dollars": show_price(market.last_price),
        "yes_bid_dollars": quotes["yes_bid_dollars"],
        "yes_ask_dollars": quotes["yes_ask_dollars"],
        "volume_fp": show_count(market.volume),
        "open_interest_fp": show_count(market.open_interest),
        "dollar_volume": market.dollar_volume // CASH_ONE,
        "dollar_open_interest": market.open_interest * market.last_price // CASH_ONE,
        "yes_bid_size_fp": quotes["yes_bid_size_fp"],
        "yes_ask_size_fp": quotes["yes_ask_size_fp"],
        "last_trade_size_fp": show_count(market.last_size),
        "ts": at_ns // NS,
        "ts_ms": at_ns // NS_PER_MS,
        "time": rfc3339_ms(at_ns),
    }


def market_life(market: Market, event_type: str, extra: dict[str, Any]) -> dict[str, Any]:
    """A market's lifecycle message."""
    body: dict[str, Any] = {"market_ticker": market.ticker, "event_type": event_type, **extra}
    if event_type == "created":
        body |= {
            "open_ts": market.event.open_ns // NS,
            "close_ts": market.event.close_ns // NS,
            "additional_metadata": describe(market),
            "price_level_structure": market.price_level_structure,
            "strike_type": "greater_or_equal",
            "floor_strike": market.strike,
            "yes_sub_title": f"{market.strike:,} or above",
        }
    return body


def event_life(event: Event) -> dict[str, Any]:
    """A new event."""
    return {
        "event_ticker": event.ticker,
        "exchange_index": event.series.exchange_index,
        "title": event.title,
        "subtitle": event.sub_title,
        "collateral_return_type": "DIRECNET",
        "series_ticker": event.series.ticker,
        "strike_date": rfc3339(event.close_ns),
    }


def fee_update(event: Event) -> dict[str, Any]:
    """An event's fee override, or its end (nulls)."""
    return {
        "event_ticker": event.ticker,
        "fee_type_override": event.fee_type_override,
        "fee_multiplier_override": event.fee_multiplier_override,
    }
