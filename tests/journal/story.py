"""One window of INXU as the engine and the shell journal it, for the tests of fold, report and ledger."""

from __future__ import annotations

from typing import Any

from domain.actions import AnyAction, Record
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import AnyEvent, MarketsRead, Started, Tick, Wake
from domain.ids import RequestId, Ticker
from domain.market import Market, StrikeType
from domain.money import IndexValue
from journal.record import StepPayload
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


def order_created(number: int, ticker: str, side: str, price: int, fair: int) -> Record:
    payload = {
        "client_order_id": f"ladderd-1-{number}",
        "series": SERIES,
        "ticker": ticker,
        "side": side,
        "order_type": "limit",
        "price": price,
        "count": 100,
        "is_live": True,
        "fair": fair,
        "window": TARGET_NS,
    }
    return Record("order_created", payload)


def filled(number: int, ticker: str, side: str, price: int, fee: int = 0, trade: str = "") -> Record:
    payload = {
        "trade_id": trade or f"t{number}",
        "client_order_id": f"ladderd-1-{number}",
        "order_id": f"o{number}",
        "series": SERIES,
        "window": TARGET_NS,
        "ticker": ticker,
        "side": side,
        "fill_price": price,
        "fill_count": 100,
        "fee": fee,
        "liquidity_side": "maker",
    }
    return Record("order_filled", payload)


def settled(ticker: str, result: str, position: int, pnl: int) -> Record:
    payload = {
        "series": SERIES,
        "label": "hourly-1000",
        "target_ns": TARGET_NS,
        "ticker": ticker,
        "result": result,
        "index_value": 5_805_120_000,
        "own_verdict": result,
        "revenue": 1_000_000,
        "fee": 0,
        "position": position,
        "pnl": pnl,
    }
    return Record("settlement", payload)


def phase(name: str) -> Record:
    described = {"label": "hourly-1000", "target_type": "hourly", "series": [SERIES], "target_et": "10:00:00"}
    payload = {
        "series": SERIES,
        "label": "hourly-1000",
        "phase": name,
        "target_ns": TARGET_NS,
        "scheduler_window": described,
    }
    return Record("window_phase", payload)


def note(record_type: str, **payload: Any) -> Record:  # noqa: ANN401 - a payload is JSON
    return Record(record_type, payload)


def tick(at_s: float, value: int, feed: str = "primary") -> tuple[float, AnyEvent]:
    at_ns = TARGET_NS + int(at_s * NS_PER_S)
    return at_s, Tick(feed, "I:SPX", IndexValue(value), str(value), at_ns, at_ns - TARGET_NS + 10**12, at_ns)


Told = tuple[float, AnyEvent, list[AnyAction]]


def story() -> list[Told]:
    """(seconds after the target, event, actions), in order."""
    markets = MarketsRead(RequestId(1), Now(0, 0), SERIES, TARGET_NS, (market(LOW, 5800), market(HIGH, 5810)))
    wake = Wake()
    told: list[Told] = [
        (-1300, Started("run-7", 7, "demo", "c" * 64, "build-1", ""), [note("config", hash="c" * 64)]),
        (-1290, wake, [note("fee_path", series=SERIES, maker=0, source="configs/fees.json", fee_type="quadratic")]),
        (-1200, wake, [phase("preflight")]),
        (-1190, markets, []),
        (-900, wake, [phase("quoting")]),
    ]
    told += [(at_s, event, []) for at_s, event in (tick(-900 + n, 5_804_000_000 + n * 20_000) for n in range(100))]
    told += [
        (-790, wake, [order_created(1, LOW, "bid", 4200, 4500), order_created(2, HIGH, "ask", 3800, 3500)]),
        (-789.9, wake, [note("order_acked", client_order_id="ladderd-1-1", order_id="o1", rtt_ms=12.5)]),
        (-789.8, wake, [note("order_acked", client_order_id="ladderd-1-2", order_id="o2", rtt_ms=20.0)]),
        (-700, wake, [filled(1, LOW, "bid", 4200)]),
        (-699, wake, [filled(1, LOW, "bid", 4200)]),
        (-600, wake, [order_created(3, LOW, "bid", 4300, 4500)]),
        (
            -599,
            wake,
            [note("order_failed", client_order_id="ladderd-1-3", error_message="400", failure_stage="exchange")],
        ),
        (-500, wake, [note("feed_switch", from_feed="primary", to_feed="backup", why="stale", age_ms=1300.0)]),
        (-60, wake, [phase("strict")]),
        (
            -40,
            wake,
            [note("guard_trip", series=SERIES, reason="stale", age_ms=701.0, limit_ms=700.0, window=TARGET_NS)],
        ),
        (-39.9, wake, [cancelled(2, "id", 9.0), cancelled(2, "user", None)]),
        (-39.5, wake, [note("time_to_flat", series="all", trigger="stale", ms=412.0, orders=1)]),
        (30, wake, [settled(LOW, "yes", 100, 580_000)]),
        (31, wake, [result(580_000), freshness()]),
    ]
    return told


def cancelled(number: int, source: str, rtt_ms: float | None) -> Record:
    ident = f"ladderd-1-{number}"
    return note("order_cancelled", client_order_id=ident, order_id=f"o{number}", cancel_source=source, rtt_ms=rtt_ms)


def result(pnl: int) -> Record:
    return note("window_result", series=SERIES, label="hourly-1000", target_ns=TARGET_NS, pnl=pnl, settled=True)


def freshness() -> Record:
    return note(
        "ws_freshness", series=SERIES, target_ns=TARGET_NS, basis="age", age_p50_ms=120.0, cadence_p99_ms=1010.0
    )


def journal(writer: JournalWriter, told: list[Told]) -> None:
    """Write a story as the runner does: the step, then each typed record on a line of its own."""
    for at_s, event, actions in told:
        utc_ns = TARGET_NS + int(at_s * NS_PER_S)
        now = Now(utc_ns - TARGET_NS + 10**13, utc_ns // NS_PER_MS * NS_PER_MS)
        seq = writer.append("step", StepPayload(event, now, actions))
        for action in actions:
            if isinstance(action, Record):
                writer.append(action.type, action.payload, causation_id=str(seq))
