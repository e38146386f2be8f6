"""One window of INXU as the engine and the shell journal it, for the tests of fold, report and ledger."""

from __future__ import annotations

from typing import Literal

import msgspec

from domain.actions import AnyAction
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import AnyEvent, MarketsRead, Started, Tick, Wake
from domain.ids import ClientOrderId, OrderId, RequestId, Ticker, TradeId
from domain.market import Market, Side, StrikeType
from domain.money import Cash, Count, IndexValue, Price
from domain.records import (
    ConfigEntry,
    FeedSwitchEntry,
    FeePathEntry,
    GuardTripEntry,
    LimitsEntry,
    OrderAckedEntry,
    OrderCancelledEntry,
    OrderCreatedEntry,
    OrderFailedEntry,
    OrderFilledEntry,
    SchedulerWindow,
    SettlementEntry,
    TimeToFlatEntry,
    WindowPhaseEntry,
    WindowResultEntry,
    WsFreshnessEntry,
)
from domain.window import Phase
from journal.writer_io import JournalWriter

TARGET_NS = 1_772_809_200_000_000_000  # 2026-03-06T15:00:00Z
DAY = "2026-03-06"
SERIES = "INXU"
LOW, HIGH = "KXINXU-26MAR06H1000-T5800", "KXINXU-26MAR06H1000-T5810"


def market(ticker: str, strike: int) -> Market:
    return Market(
        ticker=Ticker(ticker),
        event_ticker="KXINXU-26MAR06H1000",
        series=SERIES,
        strike_type=StrikeType.GREATER,
        floor_strike=IndexValue(strike * 1_000_000),
        cap_strike=None,
        open_ns=0,
        close_ns=TARGET_NS,
        price_ranges=(),
        exchange_index=0,
        status="active",
    )


def named(number: int) -> ClientOrderId:
    return ClientOrderId(f"ladderd-1-{number}")


def order_created(number: int, ticker: str, side: Side, price: int, fair: int) -> OrderCreatedEntry:
    return OrderCreatedEntry(
        client_order_id=named(number),
        series=SERIES,
        ticker=Ticker(ticker),
        side=side,
        order_type="limit",
        price=Price(price),
        count=Count(100),
        is_live=True,
        fair=fair,
        window=TARGET_NS,
    )


def filled(number: int, ticker: str, side: Side, price: int, fee: int = 0, trade: str = "") -> OrderFilledEntry:
    return OrderFilledEntry(
        trade_id=TradeId(trade or f"t{number}"),
        client_order_id=named(number),
        order_id=OrderId(f"o{number}"),
        series=SERIES,
        window=TARGET_NS,
        ticker=Ticker(ticker),
        side=side,
        fill_price=Price(price),
        fill_count=Count(100),
        fee=Cash(fee),
        liquidity_side="maker",
    )


def settled(ticker: str, result: str, position: int, pnl: int, fee: int = 0) -> SettlementEntry:
    return SettlementEntry(
        series=SERIES,
        label="hourly-1000",
        target_ns=TARGET_NS,
        ticker=Ticker(ticker),
        result=result,
        index_value=IndexValue(5_805_120_000),
        expiration_value="5805.12",
        own_verdict="yes" if result == "yes" else "no",
        revenue=Cash(1_000_000),
        fee=Cash(fee),
        position=Count(position),
        pnl=Cash(pnl),
    )


DESCRIBED = SchedulerWindow("hourly-1000", "hourly", (SERIES,), "09:45:00", "10:00:00", "09:59:58", "09:59:00", "x")


def phase(name: Phase, series: str = SERIES, target_ns: int = TARGET_NS) -> WindowPhaseEntry:
    return WindowPhaseEntry(series, "hourly-1000", name, target_ns, DESCRIBED)


def acked(number: int, rtt_ms: float) -> OrderAckedEntry:
    return OrderAckedEntry(named(number), OrderId(f"o{number}"), rtt_ms)


def flat(series: str, ms: float) -> TimeToFlatEntry:
    return TimeToFlatEntry(series, "stale", ms, 1)


def stale() -> GuardTripEntry:
    return GuardTripEntry(
        reason="stale",
        series=SERIES,
        age_ms=701.0,
        limit_ms=700.0,
        window=TARGET_NS,
        count=1,
        session_frozen=False,
        feeds={"primary": 1},
    )


def tick(at_s: float, value: int, feed: str = "primary") -> tuple[float, AnyEvent]:
    at_ns = TARGET_NS + int(at_s * NS_PER_S)
    return at_s, Tick(feed, "I:SPX", IndexValue(value), str(value), at_ns, at_ns - TARGET_NS + 10**12, at_ns)


Told = tuple[float, AnyEvent, list[AnyAction]]


def story() -> list[Told]:
    """(seconds after the target, event, actions), in order."""
    markets = MarketsRead(RequestId(1), Now(0, 0), SERIES, TARGET_NS, (market(LOW, 5800), market(HIGH, 5810)))
    wake = Wake()
    told: list[Told] = [
        (-1300, Started("run-7", 7, "demo", "c" * 64, "build-1", ""), [ConfigEntry("c" * 64, "build-1", "demo")]),
        (-1290, wake, [FeePathEntry(SERIES, "configs/fees.json", "0", "0.07", "2026-01-01", "quadratic", 1, "", "")]),
        (-1200, wake, [phase(Phase.PREFLIGHT), limits()]),
        (-1190, markets, []),
        (-900, wake, [phase(Phase.QUOTING)]),
    ]
    told += [(at_s, event, []) for at_s, event in (tick(-900 + n, 5_804_000_000 + n * 20_000) for n in range(100))]
    told += [
        (-790, wake, [order_created(1, LOW, Side.BID, 4200, 4500), order_created(2, HIGH, Side.ASK, 3800, 3500)]),
        (-789.9, wake, [acked(1, 12.5)]),
        (-789.8, wake, [acked(2, 20.0)]),
        (-700, wake, [filled(1, LOW, Side.BID, 4200)]),
        (-699, wake, [filled(1, LOW, Side.BID, 4200)]),
        (-600, wake, [order_created(3, LOW, Side.BID, 4300, 4500)]),
        (-599, wake, [OrderFailedEntry(named(3), "400", "exchange")]),
        (-500, wake, [FeedSwitchEntry("primary", "backup", "stale", 1300.0)]),
        (-60, wake, [phase(Phase.STRICT)]),
        (-40, wake, [stale()]),
        (-39.9, wake, [cancelled(2, "id", 9.0), cancelled(2, "user", None)]),
        (-39.5, wake, [flat("all", 412.0)]),
        (30, wake, [settled(LOW, "yes", 100, 580_000)]),
        (31, wake, [result(580_000), freshness()]),
    ]
    return told


def cancelled(number: int, source: str, rtt_ms: float | None) -> OrderCancelledEntry:
    return OrderCancelledEntry(named(number), OrderId(f"o{number}"), source, rtt_ms)


def result(pnl: int) -> WindowResultEntry:
    return WindowResultEntry(
        series=SERIES,
        label="hourly-1000",
        target_ns=TARGET_NS,
        print=None,
        expiration_value="",
        quotes=3,
        fills=1,
        trips=1,
        pnl=Cash(pnl),
        settled=True,
    )


def limits(soft_ms: int = 1_500, strict_ms: int = 700, basis: Literal["age", "lateness"] = "age") -> LimitsEntry:
    return LimitsEntry(
        series=SERIES,
        target_ns=TARGET_NS,
        basis=basis,
        arm_limit_ms=2_000,
        soft_limit_ms=soft_ms,
        strict_limit_ms=strict_ms,
        stale_threshold_ms=1_200,
        divergence_bps=5,
        minimum_ev_cents=5,
        contracts_per_order=1,
        per_order_dollars=75,
        per_day_dollars=1_000,
        markets_max=10,
        per_market_contracts=5,
        per_window_contracts=20,
    )


def freshness() -> WsFreshnessEntry:
    return WsFreshnessEntry(SERIES, TARGET_NS, "age", 120.0, None, None, 1010.0, 100)


class StepPayload(msgspec.Struct, frozen=True):
    """The payload of a `step` record: what entered the engine, when, and all that left it."""

    event: AnyEvent
    now: Now
    actions: list[AnyAction]


def journal(writer: JournalWriter, told: list[Told]) -> None:
    """Write a story as the runner does: each step, with its records in it."""
    for at_s, event, actions in told:
        utc_ns = TARGET_NS + int(at_s * NS_PER_S)
        now = Now(utc_ns - TARGET_NS + 10**13, utc_ns // NS_PER_MS * NS_PER_MS)
        writer.append("step", StepPayload(event, now, actions))
