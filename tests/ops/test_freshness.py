"""What the freshness document says, and how a reader judges it later."""

from __future__ import annotations

import msgspec
import pytest

from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.reasons import GateStatus, Reason
from domain.window import Phase
from ops.freshness import FreshnessDocument, freshness_document, judge
from tests.ops.pictures import HandClock, freshness

NOW = HandClock().now()
PASS, FAIL, UNKNOWN = GateStatus.PASS, GateStatus.FAIL, GateStatus.UNKNOWN


def document(spx_ms: float | None = 300.0, ndx_ms: float | None = 400.0) -> FreshnessDocument:
    rows = [
        (Phase.PREFLIGHT, freshness("INXU", "I:SPX", spx_ms, 2000.0)),
        (Phase.PREFLIGHT, freshness("NASDAQ100U", "I:NDX", ndx_ms, 2000.0)),
    ]
    return freshness_document(NOW, 4711, "massive", rows)


def later(ms: float) -> int:
    return NOW.utc_ns + round(ms * NS_PER_MS)


def test_each_row_has_the_stamp_of_its_own_symbol_and_the_headline_is_the_oldest() -> None:
    told = document(142_000.0, 50.0)
    assert told.polygon_index.websocket.age_seconds == 142.0
    assert told.polygon_index.websocket.arm_limit_seconds == 2.0
    assert told.polygon_index.active_feed == "massive"
    assert [(row.symbol, row.age_seconds, row.received_utc_ns) for row in told.series] == [
        ("I:SPX", 142.0, NOW.utc_ns - 142 * NS_PER_S),
        ("I:NDX", 0.05, NOW.utc_ns - 50 * NS_PER_MS),
    ]
    assert told.series[0].received_utc == "2026-03-06T14:52:38.000Z"
    assert (told.written_utc_ns, told.pid) == (NOW.utc_ns, 4711)
    assert [row.verdict for row in told.ws_final_minute_guard] == ["polygon_ws_stale", "PASS"]


def test_an_index_never_seen_is_the_worst_of_all_and_has_no_age() -> None:
    assert document(None, 50.0).polygon_index.websocket.age_seconds is None
    assert freshness_document(NOW, 1, "massive", []).polygon_index.websocket.age_seconds is None


def test_the_document_survives_the_file() -> None:
    assert msgspec.json.decode(msgspec.json.encode(document()), type=FreshnessDocument) == document()


@pytest.mark.parametrize(
    ("spx_ms", "ndx_ms", "after_ms", "status"),
    [
        (300.0, 400.0, 0, PASS),
        (300.0, 400.0, 1000, PASS),
        (300.0, 400.0, 1000.001, UNKNOWN),  # the file stands still: nothing in it counts
        (300.0, 400.0, 3_600_000, UNKNOWN),
        (1_999.0, 400.0, 0, PASS),
        (2_000.0, 400.0, 0, FAIL),  # under the limit, not at it
        (1_500.0, 400.0, 600, FAIL),  # the file's own age is added
        (142_000.0, 50.0, 0, FAIL),  # a dead index beside one that ticks
        (50.0, 142_000.0, 0, FAIL),
        (None, 50.0, 0, UNKNOWN),
        (300.0, 400.0, -251, UNKNOWN),  # written by another clock
    ],
)
def test_a_reader_judges_by_stamps_and_by_the_documents_own_age(
    spx_ms: float | None, ndx_ms: float | None, after_ms: float, status: GateStatus
) -> None:
    judged = judge(document(spx_ms, ndx_ms), later(after_ms))
    assert judged.status is status
    assert bool(judged.why) is (status is not PASS)


def test_the_age_comes_from_the_stamp_even_where_the_writer_says_zero() -> None:
    told = document(1_990.0)
    young = msgspec.structs.replace(told.series[0], age_seconds=0.0)
    claimed = msgspec.structs.replace(told, series=(young, told.series[1]))
    judged = judge(claimed, later(20))
    assert judged.status is FAIL
    assert judged.age_seconds == pytest.approx(2.01)


def test_a_wall_clock_set_back_makes_nothing_younger() -> None:
    told = document(1_900.0)
    ahead = msgspec.structs.replace(told.series[0], received_utc_ns=NOW.utc_ns)
    assert judge(msgspec.structs.replace(told, series=(ahead,)), later(200)).status is FAIL


def test_lateness_allows_the_cadence_and_a_stall_allows_nothing() -> None:
    slow = msgspec.structs.replace(freshness(age_ms=2_500.0, limit_ms=2_000.0), basis="lateness")
    assert judge(freshness_document(NOW, 1, "massive", [(Phase.CLOSED, slow)]), NOW.utc_ns).status is PASS
    stalled = msgspec.structs.replace(freshness(age_ms=10.0), reason=Reason.LOOP_STALL, ok=False, fresh=False)
    assert judge(freshness_document(NOW, 1, "massive", [(Phase.CLOSED, stalled)]), NOW.utc_ns).status is UNKNOWN


def test_no_series_proves_nothing() -> None:
    assert judge(freshness_document(Now(1, NOW.utc_ns), 1, "massive", []), NOW.utc_ns).status is UNKNOWN
