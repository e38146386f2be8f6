"""REST answers: the vendor's keys and types, the socket's values, and refusals in its words."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pytest

from sim.index_feed.hours import Hours, instant
from sim.index_feed.rest import (
    BadQueryError,
    Reads,
    aggregates_body,
    bars_within,
    error_body,
    read_date,
    read_range,
)
from sim.index_feed.tape import LiveTape

MS = 1_000_000
FRIDAY = dt.date(2026, 11, 20)
NOON = instant(FRIDAY, dt.time(12, 0))
SESSION_KEYS = {"change", "change_percent", "close", "high", "low", "open", "previous_close"}
SNAPSHOT_KEYS = {
    "last_updated",
    "market_status",
    "name",
    "session",
    "ticker",
    "timeframe",
    "type",
    "value",
}


def tape() -> LiveTape:
    return LiveTape(3, ["I:SPX", "I:NDX"], 1_000, 0.2, 1.0)


def reads(*, always: bool = False, delayed: bool = False) -> Reads:
    return Reads(tape(), Hours(always=always), delayed=delayed)


def bars(path: dict[str, str], query: dict[str, str] | None = None, now: int = NOON) -> list[dict[str, Any]]:
    return list(reads().aggregates(read_range(path, query or {}), now))


def path(span: str = "minute", start: str = "2026-11-20", end: str = "2026-11-20", n: str = "1") -> dict[str, str]:
    return {"ticker": "I:SPX", "multiplier": n, "span": span, "start": start, "end": end}


def test_snapshot_has_the_documented_shape_and_the_sockets_value() -> None:
    body = reads().snapshot({"ticker.any_of": "I:SPX,I:NDX,I:NOPE"}, NOON, "r")
    assert body["status"] == "OK"
    ndx, nope, spx = body["results"]
    assert nope == {"ticker": "I:NOPE", "error": "NOT_FOUND", "message": "Ticker not found."}
    for row in (ndx, spx):
        assert set(row) == SNAPSHOT_KEYS
        assert set(row["session"]) == SESSION_KEYS
        assert (row["type"], row["timeframe"], row["market_status"]) == ("indices", "REAL-TIME", "regular_trading")
        last = tape().last(row["ticker"], NOON)
        assert last is not None
        assert (row["value"], row["last_updated"]) == (last.value / 1e6, last.utc_ns)
        session = row["session"]
        assert session["low"] <= min(session["open"], session["close"])
        assert session["high"] >= max(session["open"], session["close"])


def test_snapshot_after_the_close_keeps_the_last_value_and_says_closed() -> None:
    night = instant(FRIDAY, dt.time(22, 0))
    (row,) = reads().snapshot({"ticker.any_of": "I:SPX"}, night, "r")["results"]
    assert row["market_status"] == "closed"
    assert row["last_updated"] < instant(FRIDAY, dt.time(16, 0))


def test_snapshot_of_a_delayed_plan_says_so() -> None:
    (row,) = reads(delayed=True).snapshot({"ticker.any_of": "I:SPX"}, NOON, "r")["results"]
    assert row["timeframe"] == "DELAYED"


def test_snapshot_pages_sorts_and_filters() -> None:
    both = {"ticker.any_of": "I:SPX,I:NDX", "limit": "1"}
    body = reads().snapshot(both, NOON, "r")
    assert [r["ticker"] for r in body["results"]] == ["I:NDX"]
    assert "cursor=I:NDX" in body["next_url"]
    rest = reads().snapshot({**both, "cursor": "I:NDX"}, NOON, "r")
    assert [r["ticker"] for r in rest["results"]] == ["I:SPX"]
    assert "next_url" not in rest
    down = reads().snapshot({"order": "desc"}, NOON, "r")["results"]
    assert [r["ticker"] for r in down] == ["I:SPX", "I:NDX"]
    assert [r["ticker"] for r in reads().snapshot({"ticker.gt": "I:NDX"}, NOON, "r")["results"]] == ["I:SPX"]


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "251"}, {"limit": "x"}, {"ticker.any_of": "I:A," * 251}])
def test_snapshot_refuses_bad_queries(query: dict[str, str]) -> None:
    with pytest.raises(BadQueryError):
        reads().snapshot(query, NOON, "r")


def test_minute_bars_cover_the_session_so_far_and_nothing_else() -> None:
    result = bars(path())
    assert len(result) == 150
    assert result[0]["t"] == instant(FRIDAY, dt.time(9, 30)) // MS
    assert result[-1]["t"] == NOON // MS - 60_000
    for bar in result:
        assert set(bar) == {"o", "h", "l", "c", "t"}
        assert bar["l"] <= min(bar["o"], bar["c"]) <= max(bar["o"], bar["c"]) <= bar["h"]


def test_second_bars_agree_with_the_ticks() -> None:
    start = NOON // MS - 60_000
    result = bars(path("second", str(start), str(NOON // MS - 1)))
    shown = tape().between("I:SPX", start * MS, NOON, 999)
    closes = {tick.utc_ns // MS // 1_000 * 1_000: tick.value / 1e6 for tick in shown}
    assert {bar["t"]: bar["c"] for bar in result} == closes


def test_bars_of_weekends_and_before_the_history_do_not_exist() -> None:
    assert bars(path(start="2026-11-14", end="2026-11-15")) == []
    assert bars(path("day", start="2023-02-01", end="2023-02-13")) == []
    assert bars(path(start="2027-01-04", end="2027-01-05")) == []


def test_descending_and_multiples() -> None:
    up, down = bars(path(n="5")), bars(path(n="5"), {"sort": "desc"})
    assert down == up[::-1]
    assert {b["t"] - a["t"] for a, b in itertools.pairwise(up)} == {300_000}


def test_the_limit_counts_base_aggregates_and_next_url_goes_on() -> None:
    query = read_range(path(n="5"), {"limit": "10"})
    assert bars_within(query) == 2
    assert bars_within(read_range(path("hour"), {"limit": "120"})) == 2
    some = bars(path(n="5"))[:2]
    body = aggregates_body(query, some, "r", more=True)
    assert body["next_url"].startswith(
        f"https://api.massive.com/v2/aggs/ticker/I:SPX/range/5/minute/{some[1]['t'] + 300_000}/"
    )
    assert (body["count"], body["resultsCount"], body["queryCount"]) == (2, 2, 2)
    assert "results" not in aggregates_body(query, [], "r", more=False)


@pytest.mark.parametrize(
    "bad",
    [
        {"ticker": "SPX"},
        {"span": "fortnight"},
        {"multiplier": "0"},
        {"multiplier": "x"},
        {"start": "yesterday"},
        {"start": "2026-11-21", "end": "2026-11-20"},
    ],
)
def test_bad_ranges_are_refused(bad: dict[str, str]) -> None:
    with pytest.raises(BadQueryError):
        read_range({**path(), **bad}, {})
    with pytest.raises(BadQueryError):
        read_range(path(), {"limit": "50001"})
    with pytest.raises(BadQueryError):
        read_date("20-11-2026")


def test_previous_and_open_close() -> None:
    body = reads().previous("I:NDX", NOON, "r")
    assert set(body) == {"queryCount", "request_id", "results", "resultsCount", "status", "ticker"}
    (bar,) = body["results"]
    assert set(bar) == {"T", "o", "h", "l", "c", "t"}
    assert bar["t"] == instant(dt.date(2026, 11, 19), dt.time(16, 0)) // MS
    day = reads().open_close("I:NDX", dt.date(2026, 11, 19), NOON)
    assert day is not None
    assert set(day) == {"afterHours", "close", "from", "high", "low", "open", "preMarket", "status", "symbol"}
    assert (day["close"], day["from"]) == (bar["c"], "2026-11-19T00:00:00.000Z")
    assert reads().open_close("I:NDX", dt.date(2026, 11, 21), NOON) is None


def test_market_status() -> None:
    body = reads().status_now(NOON)
    assert (body["market"], body["exchanges"]) == ("open", {"nasdaq": "open", "nyse": "open", "otc": "open"})
    assert body["serverTime"] == "2026-11-20T12:00:00-05:00"
    assert body["indicesGroups"]["s_and_p"] == "open"
    assert reads().status_now(instant(FRIDAY, dt.time(20, 0)))["market"] == "closed"
    assert reads(always=True).status_now(instant(FRIDAY, dt.time(20, 0)))["market"] == "open"


def test_upcoming_holidays_and_early_closes() -> None:
    rows = reads().status_upcoming(NOON)
    nyse = [row for row in rows if row["exchange"] == "NYSE"][:2]
    assert (nyse[0]["date"], nyse[0]["status"]) == ("2026-11-26", "closed")
    assert nyse[1] == {
        "exchange": "NYSE",
        "name": "Day after Thanksgiving Day",
        "date": "2026-11-27",
        "status": "early-close",
        "open": "2026-11-27T14:30:00.000Z",
        "close": "2026-11-27T18:00:00.000Z",
    }


def test_hours_on_a_half_day_a_holiday_and_a_day_of_clock_change() -> None:
    hours = Hours(always=False)
    black_friday = dt.date(2026, 11, 27)
    assert hours.is_open(instant(black_friday, dt.time(12, 59)))
    assert not hours.is_open(instant(black_friday, dt.time(13, 0)))
    assert hours.session(dt.date(2026, 11, 26)) is None
    spring, summer = hours.session(dt.date(2026, 3, 6)), hours.session(dt.date(2026, 3, 9))
    assert spring is not None
    assert summer is not None
    assert (summer[0] - spring[0]) // 10**9 == 3 * 86_400 - 3_600


@pytest.mark.parametrize(
    ("status", "key", "text"),
    [
        (401, "error", "Unknown API Key"),
        (403, "message", "You are not entitled to this data."),
        (429, "error", "exceeded"),
    ],
)
def test_error_bodies(status: int, key: str, text: str) -> None:
    body = error_body(status, "r")
    assert body["request_id"] == "r"
    assert text in body[key]
