from __future__ import annotations

import json
from typing import Any

import pytest

from domain.actions import Ask, Read
from domain.clock import Now
from domain.events import (
    AnyEvent,
    BalanceRead,
    ExchangeStatusRead,
    FeesRead,
    FillsRead,
    GroupsRead,
    GroupState,
    LimitsRead,
    MarketsRead,
    OrdersRead,
    PositionsRead,
    PositionState,
    ReadFailed,
    SettlementsRead,
)
from domain.ids import Ticker
from domain.money import Count
from execution.kalshi.reads import SCRIPTS, ReadRun
from execution.kalshi.wire import KalshiAccount, KalshiAnswer, KalshiRequest
from tests.execution.kalshi.kalshi_fake import ask

WHOLE = KalshiAccount()
TARGET_NS = 1_795_453_200 * 1_000_000_000
ASKED = Now(1_000, 1_795_453_000 * 1_000_000_000)

ORDER = {
    "order_id": "o-1",
    "user_id": "u",
    "client_order_id": "q1",
    "ticker": "KXINXU-26NOV23H1200-T6844.9999",
    "outcome_side": "no",
    "book_side": "ask",
    "type": "limit",
    "status": "resting",
    "yes_price_dollars": "0.4400",
    "no_price_dollars": "0.5600",
    "fill_count_fp": "1.00",
    "remaining_count_fp": "4.00",
    "initial_count_fp": "5.00",
    "expiration_time": "2026-11-23T16:59:50Z",
    "created_time": "2026-11-23T16:30:00.123456Z",
    "order_group_id": "g-1",
    "exchange_index": 2,
}
FILL = {
    "action": "buy",
    "book_side": "bid",
    "count_fp": "1.00",
    "created_time": "2026-06-11T06:29:30.164956Z",
    "fee_cost": "0.017500",
    "fill_id": "t-1",
    "is_taker": True,
    "order_id": "o-1",
    "outcome_side": "yes",
    "ticker": "T",
    "trade_id": "t-1",
    "ts": 1781159370,
    "yes_price_dollars": "0.5200",
}


class Play:
    """One read with the exchange played by hand: pairs of (path, answer) in the order expected."""

    def __init__(self, given: Ask, *answers: tuple[str, object], account: KalshiAccount = WHOLE) -> None:
        run = ReadRun(account, given)
        self.queries: list[str] = []
        following: KalshiRequest | AnyEvent = run.start()
        for number, (path, body) in enumerate(answers):
            assert isinstance(following, KalshiRequest), following
            assert (following.method, following.path, following.body) == ("GET", f"/trade-api/v2{path}", b"")
            self.queries.append(following.query)
            status, given_body = body if isinstance(body, tuple) else (200, body)
            raw = given_body if isinstance(given_body, bytes) else json.dumps(given_body).encode()
            later = Now(ASKED.mono_ns + number, ASKED.utc_ns + number)
            following = run.advance(KalshiAnswer(status, raw, later, later))
        assert not isinstance(following, KalshiRequest), following
        self.event = following


def orders_page(cursor: str | None, *orders: object) -> dict[str, object]:
    return {"orders": list(orders), **({} if cursor is None else {"cursor": cursor})}


def test_every_read_has_a_script() -> None:
    assert set(SCRIPTS) == set(Read)


def test_resting_orders_over_pages() -> None:
    second = {**ORDER, "order_id": "o-2", "order_group_id": None, "exchange_index": None, "expiration_time": None}
    play = Play(
        ask(Read.RESTING),
        ("/portfolio/orders", orders_page("c 1", ORDER)),
        ("/portfolio/orders", orders_page("", second)),
    )
    assert isinstance(play.event, OrdersRead)
    assert play.queries == ["status=resting&limit=1000", "status=resting&limit=1000&cursor=c+1"]
    assert (play.event.asked, play.event.resting_only, play.event.as_of_ms) == (ASKED, True, 0)
    first, other = play.event.orders
    assert (first.order_id, first.client_order_id, first.side, first.price) == ("o-1", "q1", "ask", 4400)
    assert (first.initial, first.filled, first.remaining, first.group_id) == (500, 100, 400, "g-1")
    assert (first.exchange_index, first.expiration_ms, first.status) == (2, 1_795_453_190_000, "resting")
    assert (other.exchange_index, other.expiration_ms, other.group_id) == (0, 0, "")


def test_all_orders_since() -> None:
    play = Play(
        ask(Read.ORDERS, since_ms=1_781_159_370_999),
        ("/portfolio/orders", orders_page(None)),
        account=KalshiAccount(subaccount=3),
    )
    assert isinstance(play.event, OrdersRead)
    assert play.event.resting_only is False
    assert play.queries == ["min_ts=1781159370&subaccount=3&limit=1000"]


def test_fills_without_client_order_id() -> None:
    seconds_only = {key: value for key, value in FILL.items() if key != "created_time"}
    page = {"cursor": "", "fills": [FILL, seconds_only]}
    play = Play(ask(Read.FILLS, since_ms=5_000), ("/portfolio/fills", page))
    assert isinstance(play.event, FillsRead)
    assert play.queries == ["min_ts=5&limit=1000"]
    assert play.event.since_ms == 5_000
    first, other = play.event.fills
    assert (first.trade_id, first.client_order_id, first.side, first.price) == ("t-1", "", "bid", 5200)
    assert (first.count, first.fee, first.is_taker, first.exchange_ms) == (100, 17_500, True, 1_781_159_370_164)
    assert other.exchange_ms == 1_781_159_370_000


def test_positions() -> None:
    page = {"cursor": "", "market_positions": [{"ticker": "T", "position_fp": "-3.50"}], "event_positions": []}
    play = Play(ask(Read.POSITIONS), ("/portfolio/positions", page))
    assert isinstance(play.event, PositionsRead)
    assert play.event.positions == (PositionState(Ticker("T"), Count(-350)),)


@pytest.mark.parametrize(
    ("body", "cash"),
    [
        (
            {
                "balance": 1,
                "balance_dollars": "98.0186",
                "balance_breakdown": [{"exchange_index": 2, "balance": "7.5"}],
            },
            7_500_000,
        ),
        (
            {
                "balance": 1,
                "balance_dollars": "98.0186",
                "balance_breakdown": [{"exchange_index": 0, "balance": "7.5"}],
            },
            98_018_600,
        ),
        ({"balance": 1, "balance_dollars": "98.0186"}, 98_018_600),
    ],
)
def test_balance_of_one_shard(body: object, cash: int) -> None:
    play = Play(ask(Read.BALANCE, exchange_index=2), ("/portfolio/balance", body))
    assert play.queries == ["exchange_index=2"]
    assert play.event == BalanceRead(12, ASKED, 2, cash)  # type: ignore[arg-type]


def test_groups() -> None:
    body = {
        "order_groups": [
            {"id": "g-1", "is_auto_cancel_enabled": False},
            {"id": "g-2", "is_auto_cancel_enabled": True, "exchange_index": 2},
        ]
    }
    play = Play(ask(Read.GROUPS), ("/portfolio/order_groups", body))
    assert isinstance(play.event, GroupsRead)
    assert play.event.groups == (GroupState("g-1", False, 0), GroupState("g-2", True, 2))  # type: ignore[arg-type]
    none = Play(ask(Read.GROUPS), ("/portfolio/order_groups", {}))
    assert isinstance(none.event, GroupsRead)
    assert none.event.groups == ()


def market(**changes: object) -> dict[str, object]:
    return {
        "ticker": "A",
        "event_ticker": "E",
        "open_time": "2026-11-20T21:00:00Z",
        "close_time": "2026-11-23T17:00:00Z",
        "status": "active",
        "strike_type": "greater_or_equal",
        "floor_strike": 6845,
        "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}],
        **changes,
    }


def test_markets_of_a_window() -> None:
    page = {
        "markets": [
            market(ticker="B", floor_strike=6850.5),
            market(),
            market(ticker="C", close_time="2026-11-23T17:00:01Z"),
        ]
    }
    play = Play(ask(Read.MARKETS, series="INXU", target_ns=TARGET_NS), ("/markets", page))
    assert isinstance(play.event, MarketsRead)
    assert play.queries == ["series_ticker=KXINXU&min_close_ts=1795453199&max_close_ts=1795453201&limit=1000"]
    assert [(m.ticker, m.floor_strike) for m in play.event.markets] == [("A", 6_845_000_000), ("B", 6_850_500_000)]
    assert (play.event.series, play.event.target_ns) == ("INXU", TARGET_NS)


@pytest.mark.parametrize(
    "odd", [{"floor_strike": "6850"}, {"close_time": "soon"}, {"price_ranges": None}, {"status": 7}], ids=str
)
def test_an_odd_rung_of_a_ladder_spoils_its_own_row(odd: dict[str, object]) -> None:
    page = {"markets": [market(), market(ticker="B", **odd), market(ticker="C", floor_strike=6855.5)]}
    play = Play(ask(Read.MARKETS, series="INXU", target_ns=TARGET_NS), ("/markets", page))
    assert isinstance(play.event, MarketsRead)
    assert [rung.ticker for rung in play.event.markets] == ["A", "C"]
    assert [row.name for row in play.event.odd] == ["B"]


def test_a_rung_or_group_without_a_name_makes_its_list_unreadable() -> None:
    page = {"markets": [market(), market(ticker=None)]}
    assert isinstance(Play(ask(Read.MARKETS, series="INXU", target_ns=TARGET_NS), ("/markets", page)).event, ReadFailed)
    groups = {"order_groups": [{"is_auto_cancel_enabled": True}]}
    assert isinstance(Play(ask(Read.GROUPS), ("/portfolio/order_groups", groups)).event, ReadFailed)


def test_an_odd_group_spoils_its_own_row() -> None:
    groups = {"order_groups": [{"id": "g-1"}, {"id": "g-2", "is_auto_cancel_enabled": False}]}
    play = Play(ask(Read.GROUPS), ("/portfolio/order_groups", groups))
    assert isinstance(play.event, GroupsRead)
    assert [group.group_id for group in play.event.groups] == ["g-2"]
    assert [row.name for row in play.event.odd] == ["g-1"]


def test_limits_and_costs() -> None:
    limits = {
        "usage_tier": "premier",
        "read": {"refill_rate": 1200, "bucket_capacity": 1201},
        "write": {"refill_rate": 1202, "bucket_capacity": 3600},
        "grants": [],
    }
    costs = {
        "default_cost": 10,
        "endpoint_costs": [
            {"cost": 2, "method": "DELETE", "path": "/trade-api/v2/portfolio/events/orders/:order_id"},
            {"cost": 3, "method": "DELETE", "path": "/trade-api/v2/portfolio/events/orders/batched"},
            {"cost": 7, "method": "PUT", "path": "/trade-api/v2/portfolio/order_groups/{order_group_id}/trigger"},
        ],
    }
    play = Play(ask(Read.LIMITS), ("/account/limits", limits), ("/account/endpoint_costs", costs))
    assert play.event == LimitsRead(12, ASKED, "premier", 1202, 3600, 1200, 1201, 10, 3, 7)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "shard", "told"),
    [(200, 0, (True, True)), (503, 0, (True, True)), (200, 2, (True, False)), (504, 5, (True, True))],
)
def test_status_may_come_with_a_server_error(status: int, shard: int, told: tuple[bool, bool]) -> None:
    body = {
        "exchange_active": True,
        "trading_active": True,
        "exchange_index_statuses": [{"exchange_index": 2, "exchange_active": True, "trading_active": False}],
    }
    play = Play(ask(Read.STATUS, exchange_index=shard), ("/exchange/status", (status, body)))
    assert isinstance(play.event, ExchangeStatusRead)
    assert (play.event.exchange_active, play.event.trading_active) == told


def test_settlements_are_in_cents_and_fees_in_dollars() -> None:
    row = {"ticker": "A", "market_result": "yes", "revenue": 500, "fee_cost": "0.0350", "settled_time": "x"}
    play = Play(ask(Read.SETTLEMENTS, ticker="E"), ("/portfolio/settlements", {"settlements": [row], "cursor": ""}))
    assert isinstance(play.event, SettlementsRead)
    assert play.queries == ["event_ticker=E&limit=1000"]
    [one] = play.event.settlements
    assert (one.ticker, one.result, one.revenue, one.fee) == ("A", "yes", 5_000_000, 35_000)


# --- fees --------------------------------------------------------------------------------------------------------

SERIES: dict[str, Any] = {"ticker": "KXINXU", "fee_type": "quadratic", "fee_multiplier": 1, "title": "S&P 500"}
NO_CHANGES: tuple[str, object] = ("/series/fee_changes", {"series_fee_change_arr": []})


def change(kind: str, multiplier: float, at: str, **more: object) -> dict[str, object]:
    return {"series_ticker": "KXINXU", "fee_type": kind, "fee_multiplier": multiplier, "scheduled_ts": at, **more}


def fees(*answers: tuple[str, object], **fields: Any) -> FeesRead:  # noqa: ANN401 - whatever fields Ask has
    play = Play(ask(Read.FEES, series="INXU", **fields), *answers)
    assert isinstance(play.event, FeesRead), play.event
    return play.event


@pytest.mark.parametrize(("multiplier", "ppm"), [(1, 1_000_000), (0.5, 500_000), (0, 0)])
def test_fees_of_a_series(multiplier: float, ppm: int) -> None:
    terms = {"series": {**SERIES, "fee_multiplier": multiplier}}
    read = fees(("/series/KXINXU", terms), NO_CHANGES)
    assert (read.series, read.fee_type, read.multiplier_ppm, read.problem) == ("INXU", "quadratic", ppm, "")


def test_a_planned_change_before_the_target_is_a_problem() -> None:
    planned = [
        change("quadratic_with_maker_fees", 1, "2026-11-23T16:59:00Z"),
        change("quadratic", 1, "2026-11-23T16:58:00Z"),  # the same terms
        change("flat", 1, "2026-11-23T17:00:01Z"),  # after the target
        change("flat", 1, "2026-11-23T10:00:00Z"),  # in force already, and so in the series
        change("flat", 1, "2026-11-23T16:59:00Z", series_ticker="KXOTHER"),
    ]
    changes = ("/series/fee_changes", {"series_fee_change_arr": planned})
    read = fees(("/series/KXINXU", {"series": SERIES}), changes, target_ns=TARGET_NS)
    assert read.problem == "fee change to quadratic_with_maker_fees x 1000000 ppm planned at 2026-11-23T16:59:00Z"
    assert "flat" in fees(("/series/KXINXU", {"series": SERIES}), changes).problem


def test_an_events_override_decides_and_its_planned_ones_are_problems() -> None:
    event = {"event": {"event_ticker": "E", "fee_type_override": "flat", "fee_multiplier_override": None}}
    coming = {
        "event_fee_changes": [
            {"event_ticker": "E", "scheduled_ts": "2026-11-23T16:59:00Z", "fee_type_override": None},
        ],
        "cursor": "",
    }
    read = fees(
        ("/series/KXINXU", {"series": SERIES}),
        NO_CHANGES,
        ("/events/E", event),
        ("/events/fee_changes", coming),
        ticker="E",
        target_ns=TARGET_NS,
    )
    assert (read.fee_type, read.multiplier_ppm) == ("flat", 1_000_000)
    assert "the series' terms" in read.problem


# --- what cannot be read -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "answers"),
    [
        (ask(Read.RESTING), [("/portfolio/orders", (401, {"error": {"code": "authentication_error"}}))]),
        (ask(Read.RESTING), [("/portfolio/orders", (500, b""))]),
        (ask(Read.RESTING), [("/portfolio/orders", b'{"orders": [')]),
        (ask(Read.RESTING), [("/portfolio/orders", b"[" * 10_000)]),
        (ask(Read.RESTING), [("/portfolio/orders", {"cursor": ""})]),
        (ask(Read.RESTING), [("/portfolio/orders", orders_page("", {**ORDER, "order_id": 7}))]),
        (ask(Read.RESTING), [("/portfolio/orders", orders_page("", ORDER, "a word"))]),
        (ask(Read.RESTING), [("/portfolio/orders", orders_page("c")), ("/portfolio/orders", orders_page("c"))]),
        (
            ask(Read.RESTING),
            [("/portfolio/orders", orders_page("c")), ("/portfolio/orders", (429, {"error": "too many"}))],
        ),
        (ask(Read.STATUS), [("/exchange/status", (503, b"<html>"))]),
        (ask(Read.STATUS), [("/exchange/status", (502, {"exchange_active": True, "trading_active": True}))]),
        (ask(Read.FEES, series="INXU"), [("/series/KXINXU", {"series": {**SERIES, "ticker": "KXX"}}), NO_CHANGES]),
        (
            ask(Read.FEES, series="INXU"),
            [("/series/KXINXU", {"series": {**SERIES, "fee_multiplier": "1"}}), NO_CHANGES],
        ),
        (ask(Read.LIMITS), [("/account/limits", {"usage_tier": "x", "read": {}, "write": {}})]),
        (ask(Read.BALANCE), [("/portfolio/balance", {"balance": 5})]),
    ],
)
def test_what_cannot_be_read_is_a_failed_read(given: Ask, answers: list[tuple[str, object]]) -> None:
    play = Play(given, *answers)
    assert isinstance(play.event, ReadFailed)
    assert (play.event.request_id, play.event.what) == (12, given.what.value)
    assert play.event.reason.isprintable()
    assert play.event.reason


def test_pages_without_end_are_not_followed_for_ever() -> None:
    play = Play(ask(Read.RESTING), *[("/portfolio/orders", orders_page(f"c{n}")) for n in range(100)])
    assert isinstance(play.event, ReadFailed)
    assert "pages do not end" in play.event.reason


# --- one odd row in a list ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "odd",
    [
        {"book_side": "yes"},
        {"yes_price_dollars": "0.44001"},
        {"expiration_time": "soon"},
        {"status": 7},
        {"ticker": None},
    ],
)
def test_one_odd_order_is_named_and_the_rest_counts(odd: dict[str, object]) -> None:
    rows = orders_page("", {**ORDER, "order_id": "good"}, {**ORDER, "order_id": "odd", **odd})
    read = Play(ask(Read.RESTING), ("/portfolio/orders", rows)).event
    assert isinstance(read, OrdersRead)
    assert [order.order_id for order in read.orders] == ["good"]
    assert [row.name for row in read.odd] == ["odd"]
    assert read.odd[0].why


def test_an_order_without_a_client_id_is_read_like_any_other() -> None:
    read = Play(ask(Read.RESTING), ("/portfolio/orders", orders_page("", {**ORDER, "client_order_id": None}))).event
    assert isinstance(read, OrdersRead)
    assert (read.orders[0].client_order_id, read.odd) == ("", ())


def test_odd_fills_positions_and_settlements_are_named_too() -> None:
    timeless = {k: v for k, v in FILL.items() if k not in ("ts", "created_time")} | {"trade_id": "odd"}
    fills = Play(ask(Read.FILLS), ("/portfolio/fills", {"fills": [FILL, timeless]})).event
    assert isinstance(fills, FillsRead)
    assert ([fill.trade_id for fill in fills.fills], [row.name for row in fills.odd]) == (["t-1"], ["odd"])
    rows = [{"ticker": "A", "position_fp": "1.00"}, {"ticker": "B", "position_fp": None}]
    positions = Play(ask(Read.POSITIONS), ("/portfolio/positions", {"market_positions": rows})).event
    assert isinstance(positions, PositionsRead)
    assert ([each.ticker for each in positions.positions], [row.name for row in positions.odd]) == (["A"], ["B"])
    row = {
        "ticker": "A",
        "market_result": "scalar",
        "revenue": 50,
        "fee_cost": "0",
        "value": 50,
        "yes_count_fp": "1.00",
    }
    rows = [{**row, "no_count_fp": "0.00"}, {**row, "ticker": "B", "revenue": "?"}]
    settled = Play(ask(Read.SETTLEMENTS, ticker="E"), ("/portfolio/settlements", {"settlements": rows})).event
    assert isinstance(settled, SettlementsRead)
    assert (settled.settlements[0].value, settled.settlements[0].yes, settled.settlements[0].no) == (5_000, 100, 0)
    assert [each.name for each in settled.unread] == ["B"]
