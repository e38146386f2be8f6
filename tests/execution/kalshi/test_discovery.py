from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from domain.errors import ProtocolError
from domain.market import PriceRange, StrikeType
from domain.money import Price
from execution.kalshi.discovery import WireMarket, exchange_series, ladder, read_market

NOON_NS = 1_795_453_200 * 1_000_000_000
BODY: dict[str, Any] = {
    "ticker": "KXINXU-26NOV23H1200-T6844.9999",
    "event_ticker": "KXINXU-26NOV23H1200",
    "open_time": "2026-11-20T21:00:00Z",
    "close_time": "2026-11-23T17:00:00Z",
    "status": "active",
    "result": "",
    "expiration_value": "",
    "strike_type": "greater_or_equal",
    "floor_strike": 6845,
    "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}],
    "exchange_index": 2,
    "some_new_field": [1, 2],
}


def wire(**changes: Any) -> WireMarket:  # noqa: ANN401 - any JSON
    body = {key: value for key, value in {**BODY, **changes}.items() if value is not ...}
    return msgspec.json.decode(json.dumps(body), type=WireMarket)


def test_a_rung_from_its_own_fields() -> None:
    rung = read_market("INXU", wire())
    assert (rung.ticker, rung.event_ticker, rung.series) == (BODY["ticker"], BODY["event_ticker"], "INXU")
    assert (rung.strike_type, rung.floor_strike, rung.cap_strike) == (
        StrikeType.GREATER_OR_EQUAL,
        6_845_000_000,
        None,
    )
    assert (rung.close_ns, rung.exchange_index, rung.status) == (NOON_NS, 2, "active")
    assert rung.price_ranges == (PriceRange(Price(0), Price(10_000), Price(100)),)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("6844.9999", 6_844_999_900),
        ("25959.99", 25_959_990_000),
        ("0.1", 100_000),
        ("6845.000000", 6_845_000_000),
        ("-5", -5_000_000),
        ("null", None),
    ],
)
def test_strikes_are_read_digit_by_digit(text: str, value: int | None) -> None:
    given = msgspec.structs.replace(wire(), floor_strike=msgspec.Raw(text.encode()))
    assert read_market("INXU", given).floor_strike == value


@pytest.mark.parametrize(
    "changes",
    [
        {"floor_strike": 6844.99999999},
        {"floor_strike": "6845"},
        {"floor_strike": 1e25},
        {"cap_strike": [1]},
        {"open_time": "yesterday"},
        {"price_ranges": [{"start": "0.00", "end": "1.00", "step": "0.00001"}]},
        {"price_ranges": [{"start": "0.00", "end": "one", "step": "0.01"}]},
    ],
)
def test_what_cannot_be_exact_is_refused_and_named(changes: dict[str, object]) -> None:
    with pytest.raises(ProtocolError, match=r"market KXINXU-26NOV23H1200-T6844\.9999"):
        read_market("INXU", wire(**changes))


@pytest.mark.parametrize(
    ("text", "kind"), [("between", StrikeType.BETWEEN), ("structured", StrikeType.OTHER), (None, StrikeType.OTHER)]
)
def test_strike_types(text: str | None, kind: StrikeType) -> None:
    assert read_market("INXU", wire(strike_type=text)).strike_type is kind


def test_the_ticker_says_nothing() -> None:
    """A ticker that looks like another strike changes nothing."""
    assert read_market("INXU", wire(ticker="KXINXU-26NOV23H1200-T9999.9999")).floor_strike == 6_845_000_000


def test_a_ladder_is_what_closes_exactly_at_the_target_lowest_first() -> None:
    listed = [
        wire(ticker="C", floor_strike=6855),
        wire(ticker="other hour", close_time="2026-11-23T18:00:00Z"),
        wire(ticker="a second off", close_time="2026-11-23T17:00:01Z"),
        wire(ticker="A", floor_strike=6845),
        wire(ticker="below all", strike_type="less", floor_strike=..., cap_strike=6000),
    ]
    assert [rung.ticker for rung in ladder("INXU", NOON_NS, listed)[0]] == ["below all", "A", "C"]
    assert len(ladder("INXU", 0, listed)[0]) == 5


def test_a_bad_rung_of_another_hour_does_no_harm_and_one_of_ours_is_left_out_by_name() -> None:
    other = wire(ticker="X", close_time="2026-11-23T18:00:00Z", floor_strike="bad")
    rungs, odd = ladder("INXU", NOON_NS, [wire(), other])
    assert (len(rungs), odd) == (1, ())
    for bad in (wire(ticker="X", floor_strike="bad"), wire(ticker="X", close_time="noon")):
        rungs, odd = ladder("INXU", NOON_NS, [wire(), bad])
        assert (len(rungs), [row.name for row in odd]) == (1, ["X"])


def test_names_of_series() -> None:
    assert exchange_series("INXU") == "KXINXU"
    assert exchange_series("NASDAQ100U") == "KXNASDAQ100U"
    assert exchange_series("KXOTHER") == "KXOTHER"
