"""The vendor's REST answers for indices, on the same clock and values as the socket (docs/feed.md 6).

Pure: a query and an instant in, a status and a body out. Aggregates come from the ticks that the socket would have
shown, thinned inside long bars; a span without a value has no bar, and history starts at 2023-02-14.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from domain.clock import NS_PER_MS, NS_PER_S
from domain.stamps import NEW_YORK
from sim.index_feed.hours import CLOSES_EARLY, OPENS, Hours, date_of, instant, local
from sim.index_feed.tape import Shown, Tape
from sim.index_feed.wire import points

HISTORY_STARTS: Final = dt.date(2023, 2, 14)
TICKER: Final = re.compile(r"I:[A-Za-z0-9]+")
SPAN_S: Final = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
BASE_S: Final = {"second": 1, "minute": 60, "hour": 60, "day": 86_400}
NAMES: Final = {"I:SPX": "S&P 500", "I:NDX": "Nasdaq 100", "I:VIX": "Cboe Volatility Index"}
LIMIT_DEFAULT, LIMIT_MAX = 5_000, 50_000
SNAPSHOT_DEFAULT, SNAPSHOT_MAX = 10, 250
SAMPLES_PER_BAR: Final = 12
SAMPLES_PER_DAY: Final = 400
UPCOMING_DAYS: Final = 400
EXCHANGES: Final = ("NYSE", "NASDAQ", "OTC")
GROUPS: Final = (
    "s_and_p",
    "nasdaq",
    "dow_jones",
    "cgi",
    "cccy",
    "msci",
    "ftse_russell",
    "mstar",
    "mstarc",
    "societe_generale",
)
ERRORS: Final[dict[int, dict[str, str]]] = {
    401: {"status": "ERROR", "error": "Unknown API Key"},
    403: {
        "status": "NOT_AUTHORIZED",
        "message": "You are not entitled to this data. Please upgrade your plan at https://massive.com/pricing",
    },
    429: {
        "status": "ERROR",
        "error": "You've exceeded the maximum requests per minute, please wait or upgrade your subscription "
        "to continue. https://massive.com/pricing",
    },
}


class BadQueryError(ValueError):
    """A query the vendor answers with 400 (or 404)."""


class Range(NamedTuple):
    """One aggregates query: bars of `multiplier` x `span`, from and to in UTC ns (end exclusive)."""

    ticker: str
    multiplier: int
    span: str
    start_ns: int
    end_ns: int
    limit: int
    descending: bool


Bar = dict[str, float | int]


def error_body(status: int, request_id: str, message: str = "") -> dict[str, Any]:
    """The body of a refused read."""
    body = ERRORS.get(status, {"status": "ERROR", "error": message or f"HTTP {status}"})
    return {"status": body["status"], "request_id": request_id, **{k: v for k, v in body.items() if k != "status"}}


class Reads:
    """Answers reads from a tape."""

    __slots__ = ("_delayed", "_hours", "_tape")

    def __init__(self, tape: Tape, hours: Hours, *, delayed: bool) -> None:
        """`delayed`: say so in `timeframe`, as a starter plan's snapshot does."""
        self._tape: Final = tape
        self._hours: Final = hours
        self._delayed: Final = delayed

    def snapshot(self, query: Mapping[str, str], utc_ns: int, request_id: str) -> dict[str, Any]:
        """GET /v3/snapshot/indices. Unknown tickers fail inside the 200."""
        limit = _whole(query, "limit", SNAPSHOT_DEFAULT, SNAPSHOT_MAX)
        asked = [text.strip() for text in query.get("ticker.any_of", query.get("ticker", "")).split(",")]
        wanted = [text for text in asked if text] or sorted(self._tape.tickers)
        if len(wanted) > SNAPSHOT_MAX:
            raise BadQueryError(f"ticker.any_of holds {len(wanted)} tickers; at most {SNAPSHOT_MAX}")
        tests = [(test, query[name]) for name, test in RANGE_TESTS.items() if name in query]
        kept = [ticker for ticker in wanted if all(test(ticker, bound) for test, bound in tests)]
        kept.sort(reverse=query.get("order") == "desc")
        results = [self._snapshot_of(ticker, utc_ns) for ticker in kept if ticker > query.get("cursor", "")]
        body: dict[str, Any] = {"request_id": request_id, "results": results[:limit], "status": "OK"}
        if len(results) > limit:
            named = f"&ticker.any_of={','.join(wanted)}" if any(asked) else ""
            last = results[limit - 1]["ticker"]
            body["next_url"] = f"https://api.massive.com/v3/snapshot/indices?limit={limit}{named}&cursor={last}"
        return body

    def aggregates(self, query: Range, utc_ns: int) -> Iterator[Bar]:
        """GET /v2/aggs/ticker/.../range/...: bars one by one, so that a caller can pause between them."""
        length = query.multiplier * SPAN_S[query.span] * NS_PER_S
        first = instant(HISTORY_STARTS, dt.time(0, 0))
        start = max(query.start_ns, first) // length * length
        if query.span == "day":
            start = instant(date_of(max(query.start_ns, first)), dt.time(0, 0))
        end = min(query.end_ns, utc_ns + 1)
        starts = range(start, end, length)
        for at in reversed(starts) if query.descending else starts:
            bar = self._bar(query.ticker, at, min(at + length, utc_ns + 1))
            if bar is not None:
                yield bar

    def previous(self, ticker: str, utc_ns: int, request_id: str) -> dict[str, Any]:
        """GET /v2/aggs/ticker/.../prev."""
        _, start, end = self._hours.last_session(utc_ns, back=1)
        bar = self._bar(ticker, start, end, SAMPLES_PER_DAY)
        results = [] if bar is None else [{"T": ticker, **bar, "t": end // NS_PER_MS}]
        body: dict[str, Any] = {"queryCount": len(results), "request_id": request_id}
        return {**body, "results": results, "resultsCount": len(results), "status": "OK", "ticker": ticker}

    def open_close(self, ticker: str, date: dt.date, utc_ns: int) -> dict[str, Any] | None:
        """GET /v1/open-close/...; None when there is no session on that date (the vendor answers 404)."""
        span = self._hours.session(date)
        bar = None if span is None else self._bar(ticker, span[0], min(span[1], utc_ns + 1), SAMPLES_PER_DAY)
        if bar is None:
            return None
        named = {"open": bar["o"], "high": bar["h"], "low": bar["l"], "close": bar["c"]}
        stamp = f"{date.isoformat()}T00:00:00.000Z"
        return {**named, "afterHours": bar["c"], "from": stamp, "preMarket": bar["o"], "status": "OK", "symbol": ticker}

    def status_now(self, utc_ns: int) -> dict[str, Any]:
        """GET /v1/marketstatus/now."""
        state = "open" if self._hours.is_open(utc_ns) else "closed"
        return {
            "afterHours": False,
            "currencies": {"crypto": "open", "fx": "open"},
            "earlyHours": False,
            "exchanges": dict.fromkeys(("nasdaq", "nyse", "otc"), state),
            "indicesGroups": dict.fromkeys(GROUPS, state),
            "market": state,
            "serverTime": local(utc_ns).isoformat(),
        }

    def status_upcoming(self, utc_ns: int) -> list[dict[str, str]]:
        """GET /v1/marketstatus/upcoming: an array without an envelope, dates ascending."""
        rows = []
        for special in self._hours.specials(date_of(utc_ns), UPCOMING_DAYS):
            for exchange in EXCHANGES:
                row = {"exchange": exchange, "name": special.name, "date": special.date.isoformat()}
                if special.early_close:
                    if exchange == "OTC":
                        continue
                    opens, closes = (_utc_text(special.date, at) for at in (OPENS, CLOSES_EARLY))
                    rows.append({**row, "status": "early-close", "open": opens, "close": closes})
                else:
                    rows.append({**row, "status": "closed"})
        return rows

    def _snapshot_of(self, ticker: str, utc_ns: int) -> dict[str, Any]:
        at = utc_ns if self._hours.is_open(utc_ns) else self._hours.last_session(utc_ns)[2] - 1
        last = self._tape.last(ticker, at)
        if last is None:
            return {"ticker": ticker, "error": "NOT_FOUND", "message": "Ticker not found."}
        _, start, end = self._hours.last_session(utc_ns)
        today = self._bar(ticker, start, min(end, utc_ns + 1), SAMPLES_PER_DAY) or _flat(last)
        _, before, until = self._hours.last_session(utc_ns, back=1)
        past = self._tape.last(ticker, until - 1) or last
        close = points(last.value)
        change = close - points(past.value)
        session = {"change": round(change, 4), "change_percent": round(change / points(past.value) * 100, 4)}
        session |= {"close": close, "high": max(today["h"], close), "low": min(today["l"], close), "open": today["o"]}
        session["previous_close"] = points(past.value)
        del before
        return {
            "last_updated": last.utc_ns,
            "market_status": "regular_trading" if self._hours.is_open(utc_ns) else "closed",
            "name": NAMES.get(ticker, ticker.removeprefix("I:")),
            "session": session,
            "ticker": ticker,
            "timeframe": "DELAYED" if self._delayed else "REAL-TIME",
            "type": "indices",
            "value": close,
        }

    def _bar(self, ticker: str, start_ns: int, end_ns: int, samples: int = SAMPLES_PER_BAR) -> Bar | None:
        shown = [t for t in self._tape.between(ticker, start_ns, end_ns, samples) if self._hours.is_open(t.utc_ns)]
        if not shown:
            return None
        values = [points(tick.value) for tick in shown]
        start_ms = start_ns // NS_PER_MS
        return {"c": values[-1], "h": max(values), "l": min(values), "o": values[0], "t": start_ms}


def read_range(path: Mapping[str, str], query: Mapping[str, str]) -> Range:
    """Read an aggregates query. Raises BadQueryError."""
    if not TICKER.fullmatch(path["ticker"]):
        raise BadQueryError(f"ticker {path['ticker']!r} is not of the form I:SPX")
    if path["span"] not in SPAN_S or not path["multiplier"].isdigit() or int(path["multiplier"]) < 1:
        raise BadQueryError(f"range {path['multiplier']}/{path['span']}: want a whole number and one of {[*SPAN_S]}")
    start, end = _edge(path["start"], last=False), _edge(path["end"], last=True)
    if end <= start:
        raise BadQueryError("'to' must not be before 'from'")
    limit = _whole(query, "limit", LIMIT_DEFAULT, LIMIT_MAX)
    span = path["span"]
    return Range(path["ticker"], int(path["multiplier"]), span, start, end, limit, query.get("sort") == "desc")


def bars_within(query: Range) -> int:
    """How many result bars the limit, which counts base aggregates (seconds, minutes, days), leaves room for."""
    return max(query.limit * BASE_S[query.span] // (query.multiplier * SPAN_S[query.span]), 1)


def aggregates_body(query: Range, bars: list[Bar], request_id: str, *, more: bool) -> dict[str, Any]:
    """Wrap bars in the envelope; `more` adds `next_url`, which goes on after the last bar."""
    body: dict[str, Any] = {"ticker": query.ticker, "queryCount": len(bars), "resultsCount": len(bars)}
    body |= {"status": "OK", "request_id": request_id, "count": len(bars)}
    if bars:
        body["results"] = bars
    if more and bars:
        length_ms = query.multiplier * SPAN_S[query.span] * 1_000
        edge = int(bars[-1]["t"])
        start, end = query.start_ns // NS_PER_MS, query.end_ns // NS_PER_MS - 1
        start, end = (start, edge - 1) if query.descending else (edge + length_ms, end)
        body["next_url"] = (
            f"https://api.massive.com/v2/aggs/ticker/{query.ticker}/range/{query.multiplier}/{query.span}/{start}/{end}"
            f"?limit={query.limit}&sort={'desc' if query.descending else 'asc'}"
        )
    return body


def read_date(text: str) -> dt.date:
    """Read YYYY-MM-DD. Raises BadQueryError."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise BadQueryError(f"date {text!r}: want YYYY-MM-DD") from error


RANGE_TESTS: Final[dict[str, Callable[[str, str], bool]]] = {
    "ticker.gt": lambda ticker, bound: ticker > bound,
    "ticker.gte": lambda ticker, bound: ticker >= bound,
    "ticker.lt": lambda ticker, bound: ticker < bound,
    "ticker.lte": lambda ticker, bound: ticker <= bound,
}


def _edge(text: str, *, last: bool) -> int:
    """An edge of a range: a date (its New York start, or end for the last) or Unix ms (inclusive for the last)."""
    if text.isdigit() and not re.fullmatch(r"\d{8}", text):
        return (int(text) + last) * NS_PER_MS
    return instant(read_date(text) + dt.timedelta(days=int(last)), dt.time(0, 0))


def _whole(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = query.get(name, str(default))
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise BadQueryError(f"{name} is {text!r}; want a whole number of 1 to {most}")
    return int(text)


def _utc_text(date: dt.date, time: dt.time) -> str:
    moment = dt.datetime.combine(date, time, NEW_YORK).astimezone(dt.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _flat(last: Shown) -> Bar:
    value = points(last.value)
    return {"o": value, "h": value, "l": value, "c": value}
