"""REST reads that need no key (a key is checked when it is given): exchange, series, events, markets, books, trades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sim.exchange.book.fixed import NS, rfc3339
from sim.exchange.book.lifecycle import PAUSE_FROM, PAUSE_TO
from sim.exchange.gateway.buckets import TIERS
from sim.exchange.gateway.calls import Answer, Call, Operation
from sim.exchange.wire import pages, rejects, views

if TYPE_CHECKING:
    from sim.exchange.book.objects import Event, Market
    from sim.exchange.core import Exchange

STATUS_WORDS = {
    "unopened": ("initialized",),
    "open": ("active",),
    "paused": ("inactive",),
    "closed": ("closed", "determined"),
    "settled": ("finalized",),
}
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SHARD_NAMES = {0: "Default", 2: "Crypto"}


def status(exchange: Exchange, call: Call) -> Answer:
    """GET /exchange/status."""
    del call
    return Answer(200, status_body(exchange))


def status_body(exchange: Exchange) -> dict[str, Any]:
    """What is active; the top level speaks of shard 0."""
    pauses = exchange.state.pauses
    active, trading = not pauses.exchange, not pauses.exchange and not pauses.trading
    rows = [
        {
            "exchange_index": shard,
            "description": SHARD_NAMES.get(shard, f"Shard {shard}"),
            "exchange_active": active,
            "trading_active": trading,
            "intra_exchange_transfers_active": active,
        }
        for shard in exchange.state.config.shards
    ]
    body: dict[str, Any] = {
        "exchange_active": active,
        "trading_active": trading,
        "intra_exchange_transfers_active": active,
        "exchange_index_statuses": rows,
    }
    ends = [end for halts in (pauses.exchange, pauses.trading) for end in halts.values() if end is not None]
    if ends:
        body["exchange_estimated_resume_time"] = rfc3339(max(ends))
    return body


def schedule(exchange: Exchange, call: Call) -> Answer:
    """GET /exchange/schedule: round the clock, but for the Thursday pause where one is kept, and what is announced."""
    whole = [{"open_time": "00:00", "close_time": "00:00"}]
    week: dict[str, Any] = dict.fromkeys(WEEKDAYS, whole)
    if exchange.state.config.thursday_pause:
        week["thursday"] = [
            {"open_time": "00:00", "close_time": f"{PAUSE_FROM:%H:%M}"},
            {"open_time": f"{PAUSE_TO:%H:%M}", "close_time": "00:00"},
        ]
    hours = {"start_time": "2024-12-01T00:00:00Z", "end_time": "2200-12-01T00:00:00Z", **week}
    windows = [
        {"start_datetime": rfc3339(start_ns), "end_datetime": rfc3339(end_ns)}
        for start_ns, end_ns in exchange.state.announced
        if end_ns > call.now_ns
    ]
    return Answer(200, {"schedule": {"standard_hours": [hours], "maintenance_windows": windows}})


def get_series(exchange: Exchange, call: Call) -> Answer:
    """GET /series/{ticker}."""
    one = exchange.state.series.get(call.path["series_ticker"])
    if one is None:
        raise rejects.not_found()
    return Answer(200, {"series": views.series(one)})


def list_series(exchange: Exchange, call: Call) -> Answer:
    """GET /series."""
    category = call.query.get("category")
    rows = [views.series(one) for one in exchange.state.series.values() if category in (None, "", "Financials")]
    return Answer(200, {"series": rows})


def series_fee_changes(exchange: Exchange, call: Call) -> Answer:
    """GET /series/fee_changes: what is to come, or the history too."""
    ticker, history = call.query.get("series_ticker"), call.flag("show_historical")
    rows: list[dict[str, Any]] = []
    for one in exchange.state.series.values():
        for change in one.fee_changes:
            scheduled_ns = int(str(change["scheduled_ns"]))
            if (ticker and one.ticker != ticker) or (not history and scheduled_ns <= call.now_ns):
                continue
            row = {key: value for key, value in change.items() if key != "scheduled_ns"}
            rows.append({**row, "scheduled_ts": rfc3339(scheduled_ns)})
    return Answer(200, {"series_fee_change_arr": rows})


def event_fee_changes(exchange: Exchange, call: Call) -> Answer:
    """GET /events/fee_changes: overrides that are in force."""
    ticker = call.query.get("event_ticker")
    rows = [
        {
            "id": f"{event.ticker}-fee",
            "event_ticker": event.ticker,
            "series_ticker": event.series.ticker,
            "fee_type_override": event.fee_type_override,
            "fee_multiplier_override": event.fee_multiplier_override,
            "scheduled_ts": rfc3339(call.now_ns),
        }
        for event in exchange.state.events.values()
        if event.fee_type_override is not None and (not ticker or event.ticker == ticker)
    ]
    return Answer(200, {"event_fee_changes": rows, "cursor": ""})


def event_status(event: Event) -> str:
    """The filter word that fits an event."""
    states = {market.status for market in event.markets}
    if states == {"finalized"}:
        return "settled"
    if "active" in states or "inactive" in states:
        return "open"
    return "unopened" if "initialized" in states else "closed"


def list_events(exchange: Exchange, call: Call) -> Answer:
    """GET /events."""
    series, wanted = call.query.get("series_ticker"), call.query.get("status")
    if wanted and wanted not in ("unopened", "open", "closed", "settled"):
        raise rejects.parameter("status must be one of unopened, open, closed, settled")
    tickers, after = call.words("tickers", 1000), call.integer("min_close_ts")
    limit = call.integer("limit", 200, 1, 200) or 200
    chosen = [
        (number, event)
        for number, event in enumerate(exchange.state.events.values())
        if (not series or event.series.ticker == series)
        and (not wanted or event_status(event) == wanted)
        and (tickers is None or event.ticker in tickers)
        and (after is None or event.close_ns > after * NS)
    ]
    rows, cursor = pages.page(chosen[::-1], lambda row: row[0], limit, call.query.get("cursor"))
    nested = call.flag("with_nested_markets")
    return Answer(200, {"events": [views.event(event, nested=nested) for _, event in rows], "cursor": cursor})


def get_event(exchange: Exchange, call: Call) -> Answer:
    """GET /events/{ticker}."""
    event = exchange.state.events.get(call.path["event_ticker"])
    if event is None:
        raise rejects.not_found()
    markets = [views.market(market) for market in event.markets]
    body = views.event(event, nested=False)
    if call.flag("with_nested_markets"):
        body["markets"] = markets
    return Answer(200, {"event": body, "markets": markets})


def event_metadata(exchange: Exchange, call: Call) -> Answer:
    """GET /events/{ticker}/metadata."""
    event = exchange.state.events.get(call.path["event_ticker"])
    if event is None:
        raise rejects.not_found()
    body = {"image_url": "", "settlement_sources": views.SOURCES, "market_details": []}
    return Answer(200, body)


def list_markets(exchange: Exchange, call: Call) -> Answer:
    """GET /markets."""
    series, events = call.query.get("series_ticker"), call.words("event_ticker", 10)
    tickers, wanted = call.words("tickers", 1000), call.query.get("status")
    if wanted and wanted not in STATUS_WORDS:
        raise rejects.parameter(f"status must be one of {', '.join(STATUS_WORDS)}")
    after, before = call.integer("min_close_ts"), call.integer("max_close_ts")
    limit = call.integer("limit", 100, 1, 1000) or 100

    def fits(market: Market) -> bool:
        return (
            (not series or market.event.series.ticker == series)
            and (events is None or market.event.ticker in events)
            and (tickers is None or market.ticker in tickers)
            and (not wanted or market.status in STATUS_WORDS[wanted])
            and (after is None or market.event.close_ns > after * NS)
            and (before is None or market.event.close_ns < before * NS)
        )

    chosen = [(number, market) for number, market in enumerate(exchange.state.markets.values()) if fits(market)]
    rows, cursor = pages.page(chosen[::-1], lambda row: row[0], limit, call.query.get("cursor"))
    return Answer(200, {"markets": [views.market(market) for _, market in rows], "cursor": cursor})


def _market(exchange: Exchange, ticker: str) -> Market:
    found = exchange.state.markets.get(ticker)
    if found is None:
        raise rejects.not_found("market")
    return found


def get_market(exchange: Exchange, call: Call) -> Answer:
    """GET /markets/{ticker}."""
    return Answer(200, {"market": views.market(_market(exchange, call.path["ticker"]))})


def orderbook(exchange: Exchange, call: Call) -> Answer:
    """GET /markets/{ticker}/orderbook."""
    depth = call.integer("depth", 0, 0, 100) or 0
    return Answer(200, {"orderbook_fp": views.ladder(_market(exchange, call.path["ticker"]), depth)})


def orderbooks(exchange: Exchange, call: Call) -> Answer:
    """GET /markets/orderbooks?tickers=a&tickers=b."""
    markets = [_market(exchange, ticker) for ticker in call.query.getall("tickers", [])]
    rows = [{"ticker": market.ticker, "orderbook_fp": views.ladder(market)} for market in markets]
    return Answer(200, {"orderbooks": rows})


def trades(exchange: Exchange, call: Call) -> Answer:
    """GET /markets/trades."""
    ticker, low, high = call.query.get("ticker"), call.integer("min_ts"), call.integer("max_ts")
    limit = call.integer("limit", 100, 1, 1000) or 100
    chosen = (
        trade
        for trade in reversed(exchange.state.trades)
        if (not ticker or trade.market.ticker == ticker)
        and (low is None or trade.at_ns >= low * NS)
        and (high is None or trade.at_ns <= high * NS)
    )
    rows, cursor = pages.page(chosen, lambda trade: trade.serial, limit, call.query.get("cursor"))
    return Answer(200, {"trades": [views.trade(trade) for trade in rows], "cursor": cursor})


def historical_cutoff(exchange: Exchange, call: Call) -> Answer:
    """GET /historical/cutoff: nothing is ever archived here, so the cutoff is three months back."""
    del exchange
    text = rfc3339(call.now_ns - 90 * 86_400 * NS)
    names = ("market_settled_ts", "trades_created_ts", "orders_updated_ts", "market_positions_last_updated_ts")
    return Answer(200, dict.fromkeys(names, text))


def archive(exchange: Exchange, call: Call) -> Answer:
    """GET /historical/orders, fills, markets, trades: nothing is ever moved there."""
    del exchange
    return Answer(200, {call.operation.removeprefix("historical_"): [], "cursor": ""})


def account_limits(exchange: Exchange, call: Call) -> Answer:
    """GET /account/limits."""
    del exchange
    tier = TIERS[call.tier]
    body = {
        "usage_tier": call.tier,
        "read": {"refill_rate": tier.read, "bucket_capacity": tier.read_capacity},
        "write": {"refill_rate": tier.write, "bucket_capacity": tier.write_capacity},
        "grants": [{"exchange_instance": "event_contract", "level": call.tier, "source": "manual"}],
    }
    return Answer(200, body)


def endpoint_costs(exchange: Exchange, call: Call) -> Answer:
    """GET /account/endpoint_costs: what differs from the default of 10."""
    del exchange, call
    root = "/trade-api/v2"
    rows = [
        {"method": "POST", "path": f"{root}/account/api_usage_level/upgrade", "cost": 30},
        {"method": "DELETE", "path": f"{root}/portfolio/events/orders", "cost": 2},
        {"method": "DELETE", "path": f"{root}/portfolio/events/orders/:order_id", "cost": 2},
        {"method": "DELETE", "path": f"{root}/portfolio/events/orders/batched", "cost": 2},
        {"method": "GET", "path": f"{root}/portfolio/orders/:order_id", "cost": 2},
    ]
    return Answer(200, {"default_cost": 10, "endpoint_costs": rows})


OPERATIONS = (
    Operation("exchange_status", "GET", "/exchange/status", status, signed=False),
    Operation("exchange_schedule", "GET", "/exchange/schedule", schedule, signed=False),
    Operation("series_fee_changes", "GET", "/series/fee_changes", series_fee_changes, signed=False),
    Operation("list_series", "GET", "/series", list_series, signed=False),
    Operation("get_series", "GET", "/series/{series_ticker}", get_series, signed=False),
    Operation("event_fee_changes", "GET", "/events/fee_changes", event_fee_changes, signed=False),
    Operation("list_events", "GET", "/events", list_events, signed=False),
    Operation("event_metadata", "GET", "/events/{event_ticker}/metadata", event_metadata, signed=False),
    Operation("get_event", "GET", "/events/{event_ticker}", get_event, signed=False),
    Operation("list_markets", "GET", "/markets", list_markets, signed=False),
    Operation("get_trades", "GET", "/markets/trades", trades, signed=False),
    Operation("get_orderbooks", "GET", "/markets/orderbooks", orderbooks, signed=False),
    Operation("get_orderbook", "GET", "/markets/{ticker}/orderbook", orderbook, signed=False),
    Operation("get_market", "GET", "/markets/{ticker}", get_market, signed=False),
    Operation("historical_cutoff", "GET", "/historical/cutoff", historical_cutoff, signed=False),
    Operation("historical_orders", "GET", "/historical/orders", archive),
    Operation("historical_fills", "GET", "/historical/fills", archive),
    Operation("historical_markets", "GET", "/historical/markets", archive, signed=False),
    Operation("historical_trades", "GET", "/historical/trades", archive, signed=False),
    Operation("endpoint_costs", "GET", "/account/endpoint_costs", endpoint_costs, signed=False),
    Operation("account_limits", "GET", "/account/limits", account_limits),
)
