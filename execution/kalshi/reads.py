"""Reads of the exchange, each a short script that ends in one event. Pure: a test plays the exchange by hand.

Reads lag writes by some 0.4 s (docs/exchange.md 3.10). `asked` is the instant at which the *first* page was asked
for: the oldest thing that the result can speak of. No validity stamp is taken from /exchange/user_data_timestamp: it
is not tied to any one listing, and the asking time alone is enough for the rule that buries an order.

What cannot be read exactly ends in ReadFailed: nothing known is not the same as nothing there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from domain.actions import Ask, Read
from domain.clock import NS_PER_S
from domain.door import Door
from domain.errors import ProtocolError
from domain.events import (
    AnyEvent,
    BalanceRead,
    ExchangeStatusRead,
    Fill,
    FillsRead,
    GroupsRead,
    LimitsRead,
    MarketsRead,
    OrdersRead,
    OrderState,
    PositionsRead,
    PositionState,
    ReadFailed,
    SettlementsRead,
)
from domain.money import parse_cash
from execution.kalshi import objects as wire
from execution.kalshi.codes import BODY_BYTES_MAX, PARSE_ERRORS, detail_text
from execution.kalshi.discovery import WireMarket, exchange_series, ladder
from execution.kalshi.fees import read_fees
from execution.kalshi.pages import ReadRefusedError, RowList, Script, decoded, each_of, listed, one, own, pages
from execution.kalshi.schedule import read_schedule
from execution.kalshi.wire import KalshiAccount, KalshiAnswer, KalshiRequest
from execution.script import ScriptEnd, go_on

MS_PER_S: Final = 1_000
STATUS_TOO: Final = (500, 503, 504)
"""GET /exchange/status may carry its body with these: an exchange that is down says so (docs/exchange.md 9.1)."""

_orders = RowList[OrderState](
    "/portfolio/orders",
    Door(wire.OrdersPage, BODY_BYTES_MAX, bounded=True).read,
    Door(wire.RawOrdersPage, BODY_BYTES_MAX).read,
    Door(wire.WireOrder, BODY_BYTES_MAX, bounded=True).read,
    "orders",
    "order_id",
)
_fills = RowList[Fill](
    "/portfolio/fills",
    Door(wire.FillsPage, BODY_BYTES_MAX, bounded=True).read,
    Door(wire.RawFillsPage, BODY_BYTES_MAX).read,
    Door(wire.KalshiFill, BODY_BYTES_MAX, bounded=True).read,
    "fills",
    "trade_id",
)
_positions = RowList[PositionState](
    "/portfolio/positions",
    Door(wire.PositionsPage, BODY_BYTES_MAX, bounded=True).read,
    Door(wire.RawPositionsPage, BODY_BYTES_MAX).read,
    Door(wire.WirePosition, BODY_BYTES_MAX, bounded=True).read,
    "market_positions",
    "ticker",
)
_settlements = Door(wire.SettlementsPage, BODY_BYTES_MAX).read
_settlement = Door(wire.WireSettlement, BODY_BYTES_MAX, bounded=True).read
_markets = Door(wire.MarketsPage, BODY_BYTES_MAX, bounded=True).read
_raw_markets = Door(wire.RawMarketsPage, BODY_BYTES_MAX).read
_groups = Door(wire.KalshiGroups, BODY_BYTES_MAX).read
_group = Door(wire.WireGroup, BODY_BYTES_MAX, bounded=True).read
_balance = Door(wire.Balance, BODY_BYTES_MAX, bounded=True).read
_limits = Door(wire.KalshiLimits, BODY_BYTES_MAX, bounded=True).read
_costs = Door(wire.Costs, BODY_BYTES_MAX, bounded=True).read
_status = Door(wire.KalshiStatus, BODY_BYTES_MAX, bounded=True).read


def _read_orders(account: KalshiAccount, ask: Ask) -> Script:
    resting = ask.what is Read.RESTING
    query: dict[str, int | str] = {"status": "resting"} if resting else {}
    if ask.since_ms and not resting:
        query["min_ts"] = ask.since_ms // MS_PER_S
    if ask.ticker:
        query["event_ticker"] = ask.ticker
    orders, odd, asked = yield from listed(account, _orders, **query, **own(account))
    return OrdersRead(ask.request_id, asked, 0, resting, orders, odd)


def _read_fills(account: KalshiAccount, ask: Ask) -> Script:
    query: dict[str, int | str] = {"min_ts": ask.since_ms // MS_PER_S} if ask.since_ms else {}
    fills, odd, asked = yield from listed(account, _fills, **query, **own(account))
    return FillsRead(ask.request_id, asked, ask.since_ms, fills, odd)


def _read_positions(account: KalshiAccount, ask: Ask) -> Script:
    query: dict[str, int | str] = {"count_filter": "position"}
    positions, odd, asked = yield from listed(account, _positions, **query, **own(account))
    return PositionsRead(ask.request_id, asked, positions, odd)


def _read_settlements(account: KalshiAccount, ask: Ask) -> Script:
    query: dict[str, int | str] = {"event_ticker": ask.ticker} if ask.ticker else {}
    if ask.since_ms:
        query["min_ts"] = ask.since_ms // MS_PER_S
    found, asked = yield from pages(account, "/portfolio/settlements", _settlements, **query, **own(account))
    rows = [row for page in found for row in page.settlements]
    settlements, unread = each_of(rows, _settlement, "ticker")
    return SettlementsRead(ask.request_id, asked, ask.ticker, settlements, unread)


def _read_balance(account: KalshiAccount, ask: Ask) -> Script:
    shard = ask.exchange_index
    body, asked = yield from one(account, "/portfolio/balance", _balance, exchange_index=shard, **own(account))
    # The breakdown names its shard; the top level is the sum over the shards asked for, here one.
    named = [each.balance for each in body.balance_breakdown or () if each.exchange_index == shard]
    return BalanceRead(ask.request_id, asked, shard, parse_cash(named[0] if named else body.balance_dollars))


def _read_groups(account: KalshiAccount, ask: Ask) -> Script:
    body, asked = yield from one(account, "/portfolio/order_groups", _groups, **own(account))
    groups, odd = each_of(body.order_groups or (), _group, "id")
    return GroupsRead(ask.request_id, asked, groups, odd)


def _read_markets(account: KalshiAccount, ask: Ask) -> Script:
    query: dict[str, int | str] = {"series_ticker": exchange_series(ask.series)}
    if ask.ticker:
        query["event_ticker"] = ask.ticker
    if ask.target_ns:
        # A second of room on both sides: whether the exchange's bounds are inclusive is not documented.
        query["min_close_ts"] = ask.target_ns // NS_PER_S - 1
        query["max_close_ts"] = ask.target_ns // NS_PER_S + 1
    found, asked = yield from pages(account, "/markets", _read_page, **query)
    rows: list[WireMarket | msgspec.Raw] = [each for page in found for each in page.markets]
    markets, odd = ladder(ask.series, ask.target_ns, rows)
    return MarketsRead(ask.request_id, asked, ask.series, ask.target_ns, markets, odd)


def _read_page(body: bytes) -> wire.MarketsPage | wire.RawMarketsPage:
    """One page of a ladder, whole, or row by row where a row is odd."""
    try:
        return _markets(body)
    except PARSE_ERRORS:
        return _raw_markets(body)


def _read_limits(account: KalshiAccount, ask: Ask) -> Script:
    limits, asked = yield from one(account, "/account/limits", _limits)
    costs, _ = yield from one(account, "/account/endpoint_costs", _costs)
    orders = f"{account.prefix}/portfolio/events/orders"
    return LimitsRead(
        ask.request_id,
        asked,
        limits.usage_tier,
        write_refill_per_s=limits.write.refill_rate,
        write_capacity=limits.write.bucket_capacity,
        read_refill_per_s=limits.read.refill_rate,
        read_capacity=limits.read.bucket_capacity,
        place_cost=cost_of(costs, "POST", orders),
        cancel_cost=cost_of(costs, "DELETE", f"{orders}/batched"),
        group_cost=cost_of(costs, "PUT", f"{account.prefix}/portfolio/order_groups/:/trigger"),
    )


def cost_of(costs: wire.Costs, method: str, path: str) -> int:
    """Return the tokens of one operation; a path parameter, whatever its name, is written `:` in `path`."""
    for each in costs.endpoint_costs:
        if each.method.upper() == method and _unnamed(each.path) == path:
            return each.cost
    return costs.default_cost


def _unnamed(path: str) -> str:
    return "/".join(":" if part[:1] in {":", "{"} else part for part in path.split("/"))


def _read_status(account: KalshiAccount, ask: Ask) -> Script:
    path = "/exchange/status"
    answer = yield KalshiRequest("GET", f"{account.prefix}{path}")
    body = decoded(_status, answer, path, STATUS_TOO)
    exchange, trading = body.exchange_active, body.trading_active
    for shard in body.exchange_index_statuses or ():
        if shard.exchange_index == ask.exchange_index:
            exchange, trading = shard.exchange_active, shard.trading_active
    return ExchangeStatusRead(ask.request_id, answer.sent, exchange, trading)


SCRIPTS: Final[dict[Read, Callable[[KalshiAccount, Ask], Script]]] = {
    Read.RESTING: _read_orders,
    Read.ORDERS: _read_orders,
    Read.FILLS: _read_fills,
    Read.POSITIONS: _read_positions,
    Read.BALANCE: _read_balance,
    Read.GROUPS: _read_groups,
    Read.MARKETS: _read_markets,
    Read.FEES: read_fees,
    Read.LIMITS: _read_limits,
    Read.STATUS: _read_status,
    Read.SCHEDULE: read_schedule,
    Read.SETTLEMENTS: _read_settlements,
}


class ReadRun:
    """One read under way. `start` gives the first request; `advance` takes an answer and gives the next, or the end."""

    __slots__ = ("_script", "ask")

    def __init__(self, account: KalshiAccount, ask: Ask) -> None:
        self.ask = ask
        self._script = SCRIPTS[ask.what](account, ask)

    def start(self) -> KalshiRequest:
        """Return the first request."""
        return next(self._script)

    def advance(self, answer: KalshiAnswer) -> KalshiRequest | AnyEvent:
        """Return the next request, or the event in which the read ends (ReadFailed for what cannot be read)."""
        try:
            following = go_on(self._script, answer)
        except ReadRefusedError as error:
            return self.failed(error.status, str(error))
        except (ProtocolError, *PARSE_ERRORS) as error:
            return self.failed(answer.status, detail_text(error))
        return following.value if isinstance(following, ScriptEnd) else following

    def failed(self, status: int, reason: str) -> ReadFailed:
        """Return the event of a read that ended without a usable answer."""
        return ReadFailed(self.ask.request_id, self.ask.what.value, status, reason)
