"""The fee terms that will hold for one window, read whole: series, event override, planned changes of both.

The terms in force are the event's override where it has one, else the series' (docs/exchange.md 10). A change that
is planned to begin before the window's target would change the terms under resting orders, so it is a problem, named;
so is a read without a target and any change ahead. Whether the terms agree with the fee file is judged elsewhere.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import msgspec

from domain.actions import Ask
from domain.clock import Now
from domain.door import Door, raw_text
from domain.errors import ProtocolError
from domain.events import FeesRead
from domain.money import parse_fixed
from domain.stamps import parse_rfc3339
from execution.kalshi import objects as wire
from execution.kalshi.codes import BODY_BYTES_MAX
from execution.kalshi.discovery import exchange_series
from execution.kalshi.pages import Script, one
from execution.kalshi.wire import KalshiAccount

MULTIPLIER_DECIMALS: Final = 6

_series = Door(wire.SeriesAnswer, BODY_BYTES_MAX, bounded=True).read
_series_changes = Door(wire.SeriesFeeChanges, BODY_BYTES_MAX, bounded=True).read
_event = Door(wire.EventAnswer, BODY_BYTES_MAX, bounded=True).read
_event_changes = Door(wire.EventFeeChanges, BODY_BYTES_MAX, bounded=True).read


def read_fees(account: KalshiAccount, ask: Ask) -> Script:
    """Script of Read.FEES: `series` is ours, `ticker` the event or "", `target_ns` the window's target or 0."""
    name = exchange_series(ask.series)
    terms, asked = yield from one(account, f"/series/{quote(name, safe='')}", _series)
    planned, _ = yield from one(account, "/series/fee_changes", _series_changes, series_ticker=name)
    if terms.series.ticker != name:
        raise ProtocolError(f"/series/{name}: the answer speaks of {terms.series.ticker!r}")
    kind, multiplier = terms.series.fee_type, _ppm(terms.series.fee_multiplier)
    problems = [
        _planned(change.scheduled_ts, change.fee_type, _ppm(change.fee_multiplier))
        for change in planned.series_fee_change_arr
        if change.series_ticker == name
        and _ahead(change.scheduled_ts, asked, ask.target_ns)
        and (change.fee_type, _ppm(change.fee_multiplier)) != (kind, multiplier)
    ]
    if ask.ticker:
        event, _ = yield from one(account, f"/events/{quote(ask.ticker, safe='')}", _event)
        kind = event.event.fee_type_override or kind
        multiplier = _ppm(event.event.fee_multiplier_override, multiplier)
        coming, _ = yield from one(account, "/events/fee_changes", _event_changes, event_ticker=ask.ticker)
        if coming.cursor:
            raise ProtocolError(f"/events/fee_changes: {ask.ticker} has more planned changes than one page holds")
        problems += [
            _planned(
                each.scheduled_ts, each.fee_type_override or "the series' terms", _ppm(each.fee_multiplier_override)
            )
            for each in coming.event_fee_changes
            if each.event_ticker == ask.ticker and _ahead(each.scheduled_ts, asked, ask.target_ns)
        ]
    return FeesRead(ask.request_id, asked, ask.series, kind, multiplier, "; ".join(problems))


def _ppm(raw: msgspec.Raw, absent: int = 0) -> int:
    text = raw_text(raw)
    return absent if text == "null" else parse_fixed(text, MULTIPLIER_DECIMALS)


def _ahead(scheduled_ts: str, asked: Now, target_ns: int) -> bool:
    at_ns = parse_rfc3339(scheduled_ts)
    return at_ns > asked.utc_ns and (not target_ns or at_ns <= target_ns)


def _planned(scheduled_ts: str, kind: str, multiplier: int) -> str:
    return f"fee change to {kind} x {multiplier} ppm planned at {scheduled_ts}"
