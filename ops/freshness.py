"""How fresh each index is, as `monitors/freshness.json`, `GET /freshness` and `ladderd freshness` tell it.

A document is written once and read later, by somebody else: so every row carries the stamp at which its own symbol's
value arrived, and a reader works the age out from that stamp and from the document's own age. A document older than
one second proves nothing, whatever it says: neither a dead index nor a frozen file passes. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from domain.clock import NS_PER_S, Now
from domain.door import PAGE_BYTES_MAX, Door
from domain.reasons import GateStatus, Reason
from domain.stamps import utc_ms_text
from domain.window import Phase
from guards.final_minute import FinalMinuteGuard, final_minute_guard
from guards.index_freshness import IndexFreshness, worst

DOCUMENT_LIMIT_NS = NS_PER_S
AHEAD_LIMIT_NS = NS_PER_S // 4
MS_PER_S = 1_000


class IndexRow(msgspec.Struct, frozen=True):
    """One series' own symbol on the feed in use. Ages in seconds at the document's writing; None: never seen."""

    series: str
    symbol: str
    feed: str
    received_utc: str | None
    received_utc_ns: int | None
    age_seconds: float | None
    lateness_seconds: float | None
    cadence_seconds: float | None
    limit_seconds: float
    arm_limit_seconds: float
    basis: str
    verdict: str


class Websocket(msgspec.Struct, frozen=True):
    """The headline: the age of the oldest index of all series, None when one was never seen."""

    age_seconds: float | None
    arm_limit_seconds: float | None


class PolygonIndex(msgspec.Struct, frozen=True):
    """The index feed as a whole, under the name that runbooks know."""

    active_feed: str
    websocket: Websocket


class FreshnessDocument(msgspec.Struct, frozen=True):
    """Everything about freshness at one instant. `pid`: the daemon that wrote it."""

    written_utc: str
    written_utc_ns: int
    pid: int
    polygon_index: PolygonIndex
    series: tuple[IndexRow, ...]
    ws_final_minute_guard: tuple[FinalMinuteGuard, ...]


read_freshness: Final = Door(FreshnessDocument, PAGE_BYTES_MAX).read


class JudgedIndex(msgspec.Struct, frozen=True):
    """One series now, by its stamp: may it be armed, and why not."""

    series: str
    symbol: str
    feed: str
    received_utc: str | None
    age_seconds: float | None
    arm_limit_seconds: float
    status: GateStatus
    why: str


class JudgedFreshness(msgspec.Struct, frozen=True):
    """A document judged at an instant: PASS only when every series passes and the document is young."""

    status: GateStatus
    why: str
    document_age_seconds: float
    age_seconds: float | None
    series: tuple[JudgedIndex, ...]


def freshness_document(
    now: Now, pid: int, active_feed: str, rows: Iterable[tuple[Phase, IndexFreshness]]
) -> FreshnessDocument:
    """What is written at an instant: the facts of each series and the phase of its window."""
    phased = tuple(rows)
    oldest = worst(facts for _, facts in phased)
    headline = Websocket(
        None if oldest is None or oldest.age_ns is None else oldest.age_ns / NS_PER_S,
        None if oldest is None else oldest.arm_limit_ms / MS_PER_S,
    )
    return FreshnessDocument(
        utc_ms_text(now.utc_ns),
        now.utc_ns,
        pid,
        PolygonIndex(active_feed, headline),
        tuple(_row(facts) for _, facts in phased),
        tuple(final_minute_guard(facts, phase) for phase, facts in phased),
    )


def _row(facts: IndexFreshness) -> IndexRow:
    return IndexRow(
        facts.series,
        facts.symbol,
        facts.feed,
        None if facts.received_utc_ns is None else utc_ms_text(facts.received_utc_ns),
        facts.received_utc_ns,
        None if facts.age_ns is None else facts.age_ns / NS_PER_S,
        _seconds(facts.lateness_ms),
        _seconds(facts.cadence_ms),
        facts.limit_ms / MS_PER_S,
        facts.arm_limit_ms / MS_PER_S,
        facts.basis,
        facts.verdict,
    )


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else ms / MS_PER_S


def judge(document: FreshnessDocument, utc_ns: int) -> JudgedFreshness:
    """Judge a document for arming at an instant of the same machine's wall clock."""
    age_ns = utc_ns - document.written_utc_ns
    rows = tuple(_judged(row, max(age_ns, 0), utc_ns) for row in document.series)
    ages = [row.age_seconds for row in rows]
    known = [age for age in ages if age is not None]
    headline = max(known) if known and len(known) == len(ages) else None
    status, why = GateStatus.PASS, ""
    if age_ns > DOCUMENT_LIMIT_NS:
        status, why = GateStatus.UNKNOWN, f"written {age_ns / NS_PER_S:.1f} s ago, over 1 s: no daemon is writing it"
    elif age_ns < -AHEAD_LIMIT_NS:
        status, why = GateStatus.UNKNOWN, f"written {-age_ns / NS_PER_S:.1f} s ahead of this machine's clock"
    elif not rows:
        status, why = GateStatus.UNKNOWN, "it names no series"
    else:
        for worse in (GateStatus.UNKNOWN, GateStatus.FAIL):
            if any(row.status is worse for row in rows):
                status, why = worse, "; ".join(f"{row.symbol}: {row.why}" for row in rows if row.status is worse)
    return JudgedFreshness(status, why, age_ns / NS_PER_S, headline, rows)


def _judged(row: IndexRow, document_age_ns: int, utc_ns: int) -> JudgedIndex:
    """One series: the older of its stamp's age and of the age told plus the document's own."""
    age_s = None
    if row.received_utc_ns is not None and row.age_seconds is not None:
        age_s = max((utc_ns - row.received_utc_ns) / NS_PER_S, row.age_seconds + document_age_ns / NS_PER_S)
    allowed_s = row.arm_limit_seconds
    if row.basis == "lateness":
        allowed_s += row.cadence_seconds or 0.0
    if age_s is None:
        status, why = GateStatus.UNKNOWN, "no valid value has been seen yet"
    elif row.verdict == Reason.LOOP_STALL:
        status, why = GateStatus.UNKNOWN, "no value since a stall of the daemon can be believed yet"
    elif age_s < allowed_s:
        status, why = GateStatus.PASS, ""
    else:
        status, why = GateStatus.FAIL, f"{age_s:.2f} s old, arming asks for less than {allowed_s:g} s"
    return JudgedIndex(row.series, row.symbol, row.feed, row.received_utc, age_s, row.arm_limit_seconds, status, why)
