"""Objects of the exchange as JSON, field for field as the reference and the recorded samples show them.

Strings stay strings and integers integers (the official client's models are strict). Times are RFC3339 with `Z`. No
quote is bid 0.0000 with size 0.00, ask 1.0000 with size 0.00.
"""

from __future__ import annotations

from typing import Any

from sim.exchange.book.fixed import CASH_ONE, NS, PRICE_ONE, rfc3339, show_cash, show_count, show_price
from sim.exchange.book.lifecycle import ranges, rules
from sim.exchange.book.listing import FAMILIES
from sim.exchange.book.objects import Event, Fill, Market, Order, OrderState, Position, Series, Settlement, Trade

SOURCES = [{"name": "For example, Google Finance", "url": "https://www.google.com/finance"}]
TERMS = "https://assets.kalshi.com/contract_terms/INX.pdf"


def _directions(side: str) -> dict[str, str]:
    """Old and new words for one side: a bid buys YES, an ask sells YES."""
    if side == "bid":
        return {"side": "yes", "action": "buy", "outcome_side": "yes", "book_side": "bid"}
    return {"side": "yes", "action": "sell", "outcome_side": "no", "book_side": "ask"}


def order(one: Order, state: OrderState) -> dict[str, Any]:
    """An order in the state that a (lagging) read shows."""
    body: dict[str, Any] = {
        **_directions(one.side),
        "order_id": one.id,
        "user_id": one.account.user_id,
        "client_order_id": state.client_order_id,
        "ticker": one.market.ticker,
        "type": "limit",
        "status": state.status,
        "yes_price_dollars": show_price(state.price),
        "no_price_dollars": show_price(PRICE_ONE - state.price),
        "fill_count_fp": show_count(state.filled),
        "remaining_count_fp": show_count(state.remaining),
        "initial_count_fp": show_count(state.initial),
        "taker_fill_cost_dollars": show_cash(state.taker_cost),
        "maker_fill_cost_dollars": show_cash(state.maker_cost),
        "taker_fees_dollars": show_cash(state.taker_fees),
        "maker_fees_dollars": show_cash(state.maker_fees),
        "created_time": rfc3339(one.created_ns),
        "last_update_time": rfc3339(state.updated_ns),
        "self_trade_prevention_type": one.self_trade_prevention,
        "subaccount_number": one.subaccount,
        "exchange_index": one.market.exchange_index,
    }
    if state.expiration_s is not None:
        body["expiration_time"] = rfc3339(state.expiration_s * NS)
    if one.group is not None:
        body["order_group_id"] = one.group.id
    if one.cancel_on_pause:
        body["cancel_order_on_pause"] = True
    return body


def fill(one: Fill) -> dict[str, Any]:
    """A fill by REST: no client order id here (only the websocket has it)."""
    ticker, price = one.trade.market.ticker, one.trade.price
    return {
        **_directions(one.order.side),
        "fill_id": one.trade.id,
        "trade_id": one.trade.id,
        "exchange_index": one.trade.market.exchange_index,
        "order_id": one.order.id,
        "ticker": ticker,
        "market_ticker": ticker,
        "count_fp": show_count(one.trade.count),
        "yes_price_dollars": show_price(price),
        "no_price_dollars": show_price(PRICE_ONE - price),
        "is_taker": one.is_taker,
        "fee_cost": show_cash(one.fee),
        "created_time": rfc3339(one.at_ns),
        "subaccount_number": one.order.subaccount,
        "ts": one.at_ns // NS,
    }


def trade(one: Trade) -> dict[str, Any]:
    """A match on the public tape."""
    outcome = "yes" if one.taker_side == "bid" else "no"
    return {
        "trade_id": one.id,
        "ticker": one.market.ticker,
        "count_fp": show_count(one.count),
        "yes_price_dollars": show_price(one.price),
        "no_price_dollars": show_price(PRICE_ONE - one.price),
        "taker_side": outcome,
        "taker_outcome_side": outcome,
        "taker_book_side": one.taker_side,
        "created_time": rfc3339(one.at_ns),
        "is_block_trade": False,
    }


def position(one: Position, at_ns: int) -> dict[str, Any]:
    """A market position as of `at_ns`."""
    return {
        "ticker": one.market.ticker,
        "exchange_index": one.market.exchange_index,
        "total_traded_dollars": show_cash(one.traded),
        "position_fp": show_count(one.count.at(at_ns)),
        "market_exposure_dollars": show_cash(one.cost.at(at_ns)),
        "realized_pnl_dollars": show_cash(one.realized),
        "fees_paid_dollars": show_cash(one.fees),
        "last_updated_ts": rfc3339(one.updated_ns),
    }


def event_positions(positions: list[Position], at_ns: int) -> list[dict[str, Any]]:
    """The same, summed by event."""
    by_event: dict[str, list[Position]] = {}
    for one in positions:
        by_event.setdefault(one.market.event.ticker, []).append(one)
    return [
        {
            "event_ticker": ticker,
            "total_cost_dollars": show_cash(sum(p.traded for p in group)),
            "total_cost_shares_fp": show_count(sum(p.shares for p in group)),
            "event_exposure_dollars": show_cash(sum(p.cost.at(at_ns) for p in group)),
            "realized_pnl_dollars": show_cash(sum(p.realized for p in group)),
            "fees_paid_dollars": show_cash(sum(p.fees for p in group)),
        }
        for ticker, group in by_event.items()
    ]


def settlement(one: Settlement) -> dict[str, Any]:
    """One settled market of the account."""
    return {
        "ticker": one.market.ticker,
        "exchange_index": one.market.exchange_index,
        "event_ticker": one.market.event.ticker,
        "market_result": one.market.result,
        "yes_count_fp": show_count(one.yes_count),
        "yes_total_cost_dollars": show_cash(one.yes_cost),
        "no_count_fp": show_count(one.no_count),
        "no_total_cost_dollars": show_cash(one.no_cost),
        "revenue": one.revenue // (CASH_ONE // 100),
        "settled_time": rfc3339(one.at_ns),
        "fee_cost": show_cash(one.fees),
        "value": one.market.worth // 100,
    }


def quotes(market: Market) -> dict[str, str]:
    """The best prices and sizes; size 0.00 means that there is no quote."""
    bid, ask = market.book.best_bid(), market.book.best_ask()
    return {
        "yes_bid_dollars": show_price(bid or 0),
        "yes_bid_size_fp": show_count(market.book.bids.levels[bid].total if bid is not None else 0),
        "yes_ask_dollars": show_price(PRICE_ONE if ask is None else ask),
        "yes_ask_size_fp": show_count(market.book.asks.levels[ask].total if ask is not None else 0),
        "no_bid_dollars": show_price(0 if ask is None else PRICE_ONE - ask),
        "no_ask_dollars": show_price(PRICE_ONE - (bid or 0)),
    }


def market(one: Market) -> dict[str, Any]:
    """A market with every field that the 3.34 models require."""
    event = one.event
    close, latest = rfc3339(event.close_ns), rfc3339(event.close_ns + 7 * 86_400 * NS)
    title = f"{one.strike:,} or above"
    body: dict[str, Any] = {
        "ticker": one.ticker,
        "event_ticker": event.ticker,
        "market_type": "binary",
        "title": event.title,
        "yes_sub_title": title,
        "no_sub_title": title,
        "created_time": rfc3339(event.created_ns),
        "updated_time": rfc3339(one.updated_ns),
        "open_time": rfc3339(event.open_ns),
        "close_time": close,
        "expected_expiration_time": rfc3339(event.close_ns + 300 * NS),
        "expiration_time": latest,
        "latest_expiration_time": latest,
        "settlement_timer_seconds": 60,
        "status": one.status,
        **quotes(one),
        "last_price_dollars": show_price(one.last_price),
        "volume_fp": show_count(one.volume),
        "volume_24h_fp": show_count(one.volume),
        "result": one.result,
        "can_close_early": True,
        "open_interest_fp": show_count(one.open_interest),
        "notional_value_dollars": "1.0000",
        "previous_yes_bid_dollars": "0.0000",
        "previous_yes_ask_dollars": "0.0000",
        "previous_price_dollars": show_price(one.previous_price),
        "settlement_bounds_type": "default",
        "expiration_value": event.value_text if one.result else "",
        "strike_type": "greater_or_equal",
        "floor_strike": one.strike,
        "rules_primary": rules(one),
        "rules_secondary": "",
        "price_level_structure": one.price_level_structure,
        "price_ranges": ranges(one),
        "exchange_index": one.exchange_index,
    }
    if one.result:
        body["settlement_value_dollars"] = show_price(one.worth)
        body["settlement_ts"] = rfc3339(event.settled_ns or 0)
    return body


def event(one: Event, *, nested: bool) -> dict[str, Any]:
    """An event, with its markets inside when asked."""
    body: dict[str, Any] = {
        "event_ticker": one.ticker,
        "series_ticker": one.series.ticker,
        "sub_title": one.sub_title,
        "title": one.title,
        "collateral_return_type": "DIRECNET",
        "mutually_exclusive": False,
        "category": "Financials",
        "strike_date": rfc3339(one.close_ns),
        "settlement_sources": SOURCES,
        "exchange_index": one.series.exchange_index,
        "last_updated_ts": rfc3339(one.created_ns),
    }
    if one.fee_type_override is not None:
        body["fee_type_override"] = one.fee_type_override
        body["fee_multiplier_override"] = one.fee_multiplier_override
    if nested:
        body["markets"] = [market(rung) for rung in one.markets]
    return body


def series(one: Series) -> dict[str, Any]:
    """A series with its fee terms."""
    return {
        "ticker": one.ticker,
        "frequency": "hourly",
        "title": one.title,
        "category": "Financials",
        "categories": ["Financials"],
        "tags": [FAMILIES[one.ticker].name],
        "settlement_sources": SOURCES,
        "contract_url": TERMS,
        "contract_terms_url": TERMS,
        "fee_type": one.fee_type,
        "fee_multiplier": one.fee_multiplier,
        "additional_prohibitions": [],
        "exchange_index": one.exchange_index,
    }


def ladder(one: Market, depth: int = 0) -> dict[str, list[list[str]]]:
    """The REST order book: both legs in their own prices, ascending, best last; `depth` 0 is everything."""
    yes = [[show_price(price), show_count(count)] for price, count in one.book.bids.ladder()]
    no = [[show_price(PRICE_ONE - price), show_count(count)] for price, count in reversed(one.book.asks.ladder())]
    return {"yes_dollars": yes[-depth:], "no_dollars": no[-depth:]}
