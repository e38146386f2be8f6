"""Which markets make up one ladder: read from the markets' own fields, never from their tickers.

A market belongs to a window when its `close_time` is the window's target. What settles it are `strike_type`,
`floor_strike` and `cap_strike`; the number in the ticker is off by a hundredth or less and only looks like the strike
(docs/exchange.md 12 and 15). Strikes are JSON numbers: they are read from their text, digit by digit, so that no
binary fraction ever stands between the exchange's 6844.9999 and our integer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from domain.door import Door, Name, Whole, raw_text
from domain.errors import ProtocolError
from domain.events import OddRow
from domain.ids import Ticker
from domain.market import SERIES, Market, PriceRange, StrikeType
from domain.money import INDEX_DECIMALS, IndexValue, parse_fixed, parse_price
from domain.stamps import parse_rfc3339
from execution.kalshi.codes import BODY_BYTES_MAX, PARSE_ERRORS, detail_text
from execution.kalshi.rows import row_name

_STRIKE_TYPES: Final = {kind.value: kind for kind in StrikeType if kind is not StrikeType.OTHER}
_ABSENT: Final = msgspec.Raw(b"null")


class _Range(msgspec.Struct):
    start: Name
    end: Name
    step: Name


class WireMarket(msgspec.Struct):
    """A market as GET /markets lists it: the fields that we use."""

    ticker: Name
    event_ticker: Name
    open_time: Name
    close_time: Name
    status: Name
    price_ranges: list[_Range]
    result: Name = ""
    expiration_value: Name = ""
    strike_type: Name | None = None
    floor_strike: msgspec.Raw = _ABSENT
    cap_strike: msgspec.Raw = _ABSENT
    exchange_index: Whole | None = None


_market = Door(WireMarket, BODY_BYTES_MAX, bounded=True).read


def _strike(raw: msgspec.Raw) -> IndexValue | None:
    text = raw_text(raw)
    return None if text == "null" else IndexValue(parse_fixed(text, INDEX_DECIMALS))


def read_market(series: str, wire: WireMarket) -> Market:
    """Turn one listed market of our series (`INXU`, ...) into a rung. Raises ProtocolError for what cannot be exact."""
    try:
        return Market(
            ticker=Ticker(wire.ticker),
            event_ticker=wire.event_ticker,
            series=series,
            strike_type=_STRIKE_TYPES.get(wire.strike_type or "", StrikeType.OTHER),
            floor_strike=_strike(wire.floor_strike),
            cap_strike=_strike(wire.cap_strike),
            open_ns=parse_rfc3339(wire.open_time),
            close_ns=parse_rfc3339(wire.close_time),
            price_ranges=tuple(
                PriceRange(parse_price(each.start), parse_price(each.end), parse_price(each.step))
                for each in wire.price_ranges
            ),
            exchange_index=wire.exchange_index or 0,
            status=wire.status,
            result=wire.result,
            expiration_value=wire.expiration_value,
        )
    except PARSE_ERRORS as error:
        raise ProtocolError(f"market {wire.ticker}: {error}") from None


def exchange_series(series: str) -> str:
    """Return the exchange's name of our series; the name itself where it is not one of ours."""
    known = SERIES.get(series)
    return series if known is None else known.exchange_series


def ladder(
    series: str, target_ns: int, listed: Iterable[WireMarket | msgspec.Raw]
) -> tuple[tuple[Market, ...], tuple[OddRow, ...]]:
    """The rungs that close exactly at the target, lowest strike first, and the rows that cannot be read.

    `target_ns` 0 takes every market. A rung that cannot be read is not quoted; its neighbours are.
    Raises ProtocolError for a row that does not even tell its ticker.
    """
    rungs: list[Market] = []
    odd: list[OddRow] = []
    for row in listed:
        try:
            wire = _market(bytes(row)) if isinstance(row, msgspec.Raw) else row
            closes_ns = parse_rfc3339(wire.close_time)
            if target_ns in (0, closes_ns):
                rungs.append(read_market(series, wire))
        except (*PARSE_ERRORS, ProtocolError) as error:
            odd.append(OddRow(row_name(row, "ticker"), detail_text(error)))
    return tuple(sorted(rungs, key=_position)), tuple(odd)


def _position(market: Market) -> tuple[int, int, str]:
    low = market.floor_strike if market.floor_strike is not None else market.cap_strike
    return (0 if low is None else low, market.cap_strike or 0, market.ticker)
