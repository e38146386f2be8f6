"""A picture of a daemon in the middle of a window, and a clock that moves when told: for every test of the screens."""

from __future__ import annotations

import msgspec

from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.counts import Counted
from domain.reasons import Reason
from guards.index_freshness import IndexFreshness
from ops.readiness import Permission, verdict_of, votes_of
from ops.status import (
    BreakerView,
    CancelAllView,
    Exposure,
    FeedView,
    FlatView,
    Gate,
    Holding,
    LimitView,
    OrderView,
    ProviderView,
    RungView,
    SeriesView,
    Status,
    TaskHealth,
    VixView,
    WindowResult,
    WriteTokensView,
)

TARGET_NS = 1_772_809_200 * NS_PER_S  # 2026-03-06T15:00:00Z, 10:00 in New York
POINT = 1_000_000


class HandClock:
    """Stands still until moved."""

    def __init__(self, mono_ns: int = 1_000 * NS_PER_S, utc_ns: int = TARGET_NS - 300 * NS_PER_S) -> None:
        self._now = Now(mono_ns, utc_ns)

    def now(self) -> Now:
        return self._now

    def advance(self, seconds: float) -> None:
        step = round(seconds * NS_PER_S)
        self._now = Now(self._now.mono_ns + step, self._now.utc_ns + step)


def gate(name: str, status: str = "PASS", series: str = "", reason: str = "", detail: str = "") -> Gate:
    return Gate(name, series, status, reason, detail, 0.31, 1.5)


GATES = (
    gate("kill_switch"),
    gate("reconciled", detail="12.4 s ago"),
    gate("clock_trust", detail="offset 3.2 ms +- 8.0 ms"),
    gate("exchange_up"),
    gate("journal"),
    gate("fees", series="INXU"),
    gate("fees", series="NASDAQ100U"),
    gate("freshness", series="INXU", detail="0.31 s <= 1.50 s"),
    gate("freshness", series="NASDAQ100U", detail="0.42 s <= 1.50 s"),
    gate("volatility_index", status="NOT_CONFIGURED", detail="no entitlement"),
)


def freshness(
    series: str = "INXU",
    symbol: str = "I:SPX",
    age_ms: float | None = 312.4,
    limit_ms: float = 1500.0,
    now: Now | None = None,
    feed: str = "primary",
) -> IndexFreshness:
    """One index: fresh up to its limit, never seen without an age."""
    now = now or HandClock().now()
    age_ns = None if age_ms is None else round(age_ms * NS_PER_MS)
    fresh = age_ms is not None and age_ms <= limit_ms
    reason = None if fresh else Reason.FRESHNESS_MISSING if age_ms is None else Reason.WS_STALE
    return IndexFreshness(
        series=series,
        symbol=symbol,
        feed="" if age_ns is None else feed,
        received_utc_ns=None if age_ns is None else now.utc_ns - age_ns,
        age_ns=age_ns,
        age_ms=age_ms,
        lateness_ms=None,
        limit_ms=limit_ms,
        arm_limit_ms=2000.0,
        basis="age",
        offset_ms=0.0,
        cadence_ms=1003.0,
        fresh=fresh,
        ok=fresh,
        reason=reason,
        planned_stand_down=False,
        latched=False,
        session_frozen=False,
    )


def aged(
    views: tuple[SeriesView, ...], age_ms: float | None, *only: str, now: Now | None = None
) -> tuple[SeriesView, ...]:
    """The same series with an index of this age; `only` these series if any is named."""
    return tuple(
        msgspec.structs.replace(v, freshness=freshness(v.name, v.symbol, age_ms, v.freshness.limit_ms, now))
        if not only or v.name in only
        else v
        for v in views
    )


def series_view(name: str, symbol: str, value: int, to_freeze_s: float, *, phase: str = "quoting") -> SeriesView:
    return SeriesView(
        name=name,
        symbol=symbol,
        phase=phase,
        window="hourly-1000",
        opens_ns=TARGET_NS - 900 * NS_PER_S,
        strict_ns=TARGET_NS - 60 * NS_PER_S,
        flatten_ns=TARGET_NS - 3500 * NS_PER_MS,
        freeze_ns=TARGET_NS - 2 * NS_PER_S,
        target_ns=TARGET_NS,
        seconds_to_freeze=to_freeze_s,
        index_value=value,
        freshness=freshness(name, symbol, limit_ms=700.0 if phase == "strict" else 1500.0),
        active_feed="primary",
        volatility_ppm=58,
        open=True,
        permission="MAY QUOTE",
        reasons=(),
        trips=0,
        fee_path="configs/fees.json",
    )


def ladder(series: str, first_strike: int, step: int) -> tuple[RungView, ...]:
    fairs = (9650, 9120, 8010, 6240, 4180, 2240, 1090, 430, 120)
    out: list[RungView] = []
    for number, fair in enumerate(fairs):
        quoted = number in {3, 4}
        out.append(
            RungView(
                series=series,
                ticker=f"KX{series}-26MAR0610-T{first_strike + number * step}",
                strike=(first_strike + number * step) * POINT,
                fair=fair,
                bid=max(100, fair // 100 * 100 - 200),
                bid_count=12_300 + 700 * number,
                ask=min(9900, fair // 100 * 100 + 300),
                ask_count=8_100,
                our_bid=fair // 100 * 100 - 100 if quoted else None,
                our_ask=fair // 100 * 100 + 200 if quoted else None,
                position=100 if number == 4 else 0,
                why_bid="" if quoted else "others_nearer",
                why_ask="" if quoted else "others_nearer",
            )
        )
    return tuple(out)


def orders(rungs: tuple[RungView, ...]) -> tuple[OrderView, ...]:
    out: list[OrderView] = []
    for rung in rungs:
        for side, price in (("bid", rung.our_bid), ("ask", rung.our_ask)):
            if price is not None:
                number = len(out) + 1
                out.append(
                    OrderView(
                        client_order_id=f"ladderd-1772808000-{rung.series}-{number}",
                        order_id=f"0f1a-{number}",
                        series=rung.series,
                        ticker=rung.ticker,
                        side=side,
                        price=price,
                        remaining=100,
                        state="open" if number != 3 else "placing",
                        age_ms=4_210.0 * number,
                        expiration_s=TARGET_NS // NS_PER_S - 3,
                        group_id="grp-1",
                    )
                )
    return tuple(out)


def feeds() -> tuple[FeedView, ...]:
    return (
        FeedView("primary", "127.0.0.1:9001", "live", "", True, {"I:SPX": 312.4, "I:NDX": 418.0}, 8123, 1),
        FeedView("secondary", "127.0.0.1:9002", "down", "standby", False, {"I:SPX": None, "I:NDX": None}, 0, 0),
    )


def holdings(rungs: tuple[RungView, ...]) -> tuple[Holding, ...]:
    """One far from the money, that no ladder draws; two that are drawn."""
    far = Holding("INXU", "KXINXU-26MAR0610-T6680", 6_680 * POINT, TARGET_NS, 500, 620, 9_990, 70_000, 3_100_000, 0)
    drawn = tuple(
        Holding(r.series, r.ticker, r.strike, TARGET_NS, r.position, 4_180, r.fair, 12_000, 418_000, 0)
        for r in rungs
        if r.position
    )
    return (drawn[0], far, *drawn[1:])


def results() -> tuple[WindowResult, ...]:
    day = "2026-03-06"
    return (
        WindowResult("demo-0951", "INXU", TARGET_NS - 480 * NS_PER_S, 41, 3, 1_240_000, True, 0, f"INXU/{day}.md"),
        WindowResult("demo-0953", "NASDAQ100U", TARGET_NS - 360 * NS_PER_S, 12, 1, -380_000, True, 1, ""),
        WindowResult("demo-0955", "INXU", TARGET_NS - 240 * NS_PER_S, 38, 2, None, False, 0, ""),
    )


TASKS = (TaskHealth("runner", 0.02, 1.0), TaskHealth("journal", 0.11, 5.0), TaskHealth("kalshi_stream", 0.4, 15.0))


def picture(now: Now | None = None, /, **changes: object) -> Status:
    """The picture, five minutes before the target unless told otherwise; any field may be replaced by name."""
    now = now or HandClock().now()
    to_freeze_s = (TARGET_NS - 2 * NS_PER_S - now.utc_ns) / NS_PER_S
    rungs = ladder("INXU", 6780, 5) + ladder("NASDAQ100U", 24_800, 50)
    fields: dict[str, object] = {
        "now": now,
        "pid": 4711,
        "run_id": "r-1772808000",
        "mode": "paper",
        "build_id": "b1f0c2d",
        "config_hash": "9f86d081884c7d65",
        "started_utc_ns": TARGET_NS - 3600 * NS_PER_S,
        "seq": 48_211,
        "market_hours": True,
        "execution_enabled": True,
        "kill_switch": False,
        "kill_reason": "",
        "paused": False,
        "pause_reason": "",
        "armed": True,
        "stopping": False,
        "reconciled": True,
        "reconcile_age_s": 12.4,
        "exchange_up": True,
        "stream_up": True,
        "clock_offset_ms": 3.2,
        "clock_uncertainty_ms": 8.0,
        "gates": GATES,
        "feeds": feeds(),
        "series": (
            series_view("INXU", "I:SPX", 6_797_310_000, to_freeze_s),
            series_view("NASDAQ100U", "I:NDX", 24_968_550_000, to_freeze_s),
        ),
        "ladder": rungs,
        "orders": orders(rungs),
        "holdings": holdings(rungs),
        "exposures": (
            Exposure("INXU", 2, 600, 600, 82_000, 3_100_000, 0, 1_500_000),
            Exposure("NASDAQ100U", 1, 100, 100, 0, 418_000, 1, -260_000),
        ),
        "flat": FlatView(proven=False, why="8 orders may be live"),
        "windows": results(),
        "realised": 1_240_000,
        "unrealised": -120_000,
        "fees": 0,
        "day_loss_used": 14_600_000,
        "day_loss_realised": 0,
        "day_loss_limit": 1_000_000_000,
        "limits": (
            LimitView("per_day", "the day's realised loss and the worst case", "$14.60", "$1000.00", 14_600),
            LimitView("per_market", "contracts net in one market", "4 contracts", "5 contracts", 800_000),
        ),
        "cancel_all": CancelAllView(active=False, reason="", tail_s=0.0, last_time_to_flat_ms=41.0, completed=2),
        "budget": WriteTokensView(tokens=82.0, reserve=40.0, capacity=100.0),
        "counts": tuple(1_000 + count for count in Counted),
        "errors": 0,
        "session": "2026-03-06",
        "providers": (ProviderView("exchange", 300, 300), ProviderView("primary", 300, 299)),
        "fallbacks": 2,
        "breakers": (BreakerView("forecast_error", "mean abs z 0.812", "0.62 to 1", ""),),
        "breaker_warning": "",
        "vix": VixView("watch", 21_370_000, "primary", 3.2, 60.0, 1_000_000, "", due_later=False),
    }
    drawn = Status(**(fields | changes))  # type: ignore[arg-type]  # names are checked by the Struct itself
    if "series" in changes:
        return drawn
    return msgspec.structs.replace(drawn, series=tuple(_voted(view, drawn.gates) for view in drawn.series))


def _voted(view: SeriesView, gates: tuple[Gate, ...]) -> SeriesView:
    """A series whose permission is what the gates of the same picture give, as the engine draws it."""
    votes = votes_of(gates, view.name)
    permission = verdict_of(votes)
    reasons = tuple(dict.fromkeys(vote.reason or vote.name for vote in votes if vote.against))
    may_quote = permission is Permission.MAY_QUOTE
    return msgspec.structs.replace(view, open=may_quote, permission=permission.value, reasons=reasons)
