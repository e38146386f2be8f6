"""A trial order can neither match nor cost more than a cent, and is not sent while anything speaks against it."""

from __future__ import annotations

import msgspec
import pytest

from daemon.preflight.order_drill import (
    KalshiOrderbook,
    best_ask,
    cannot_match,
    choose,
    choose_closing,
    daemon_idle,
    no_window_open,
    trial_price,
)
from domain.clock import NS_PER_S
from domain.errors import ProtocolError
from domain.market import PriceRange
from domain.money import Price
from domain.reasons import GateStatus
from execution.kalshi.quoted import QuotedMarket, read_quote
from guards.windows import WindowPlan
from tests.guards.made import short_settings

PLAN = WindowPlan(short_settings(1_795_000_120, 120, 20))


def quoted(ticker: str = "KXINXU-A-T1", **changes: str) -> QuotedMarket:
    fields = {
        "ticker": ticker,
        "event_ticker": "KXINXU-A",
        "open_time": "2026-11-18T00:00:00Z",
        "close_time": "2026-11-18T23:00:00Z",
        "status": "active",
        "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}],
        "yes_bid_dollars": "0.4800",
        "yes_bid_size_fp": "5.00",
        "yes_ask_dollars": "0.5200",
        "yes_ask_size_fp": "5.00",
    }
    return msgspec.convert(fields | changes, QuotedMarket)


def test_a_size_of_zero_is_no_quote() -> None:
    quote = read_quote("INXU", quoted(yes_ask_dollars="0.0000", yes_ask_size_fp="0.00"))
    assert quote.ask is None
    assert quote.bid == 4800
    with pytest.raises(ProtocolError):
        read_quote("INXU", quoted(yes_ask_dollars="half"))


def test_the_market_nearest_the_money_that_cannot_match_is_chosen() -> None:
    near = read_quote("INXU", quoted("NEAR"))
    off = read_quote("INXU", quoted("OFF", yes_bid_dollars="0.7000", yes_ask_dollars="0.7400"))
    cheap = read_quote("INXU", quoted("CHEAP", yes_bid_dollars="0.0200", yes_ask_dollars="0.0900"))
    closed = read_quote("INXU", quoted("CLOSED", status="closed"))
    utc_ns = near.market.close_ns - 120 * NS_PER_S
    assert choose([off, cheap, near, closed], utc_ns) == near
    assert choose([off, cheap], utc_ns) == off
    assert choose([cheap, closed], utc_ns) is None, "an offer at nine cents is too near"
    assert choose([near], near.market.close_ns - 60 * NS_PER_S) is None, "about to close"


def test_the_first_to_close_within_the_span_is_chosen_for_questions_about_the_close() -> None:
    quote = read_quote("INXU", quoted())
    close_ns = quote.market.close_ns
    assert choose_closing([quote], close_ns - 30 * NS_PER_S, 6, 75) == quote
    assert choose_closing([quote], close_ns - 5 * NS_PER_S, 6, 75) is None
    assert choose_closing([quote], close_ns - 76 * NS_PER_S, 6, 75) is None


@pytest.mark.parametrize(
    ("ranges", "price"),
    [
        (((0, 10_000, 100),), 100),
        (((0, 1000, 10), (1000, 9000, 100)), 100),
        (((0, 10_000, 30),), 30),
        (((50, 10_000, 200),), 50),
        (((0, 10_000, 500),), None),
    ],
)
def test_the_price_is_a_cent_or_the_lowest_step_below(ranges: tuple[tuple[int, int, int], ...], price: int) -> None:
    stretches = tuple(PriceRange(Price(a), Price(b), Price(c)) for a, b, c in ranges)
    assert trial_price(msgspec.structs.replace(read_quote("INXU", quoted()).market, price_ranges=stretches)) == price


def test_best_offer_comes_from_bids_for_no() -> None:
    assert best_ask(KalshiOrderbook([], [("0.4500", "1.00"), ("0.9500", "1.00")])) == 500
    assert best_ask(KalshiOrderbook([("0.4000", "1.00")], [("0.9500", "0.00")])) is None
    assert not cannot_match(Price(500)).open
    assert cannot_match(Price(1000)).open
    assert cannot_match(None).open
    with pytest.raises(ValueError, match="plain decimal"):
        best_ask(KalshiOrderbook([], [("cheap", "1.00")]))


def test_no_trial_inside_a_window_or_shortly_before() -> None:
    window = PLAN.next_window("INXU", 1_795_000_000 * NS_PER_S)
    assert window is not None

    def judged(utc_ns: int) -> bool:
        return no_window_open(PLAN, ("INXU",), utc_ns).open

    assert not judged(window.opens_ns)
    assert not judged(window.target_ns)
    assert not judged(window.opens_ns - 29 * NS_PER_S)
    assert judged(1_795_000_000 * NS_PER_S - 1000 * NS_PER_S), "long before the first one"


@pytest.mark.parametrize(
    ("runs", "answers", "orders", "phases", "status"),
    [
        (False, False, 0, (), GateStatus.PASS),
        (True, True, 0, ("closed",), GateStatus.PASS),
        (True, True, 0, ("closed", "quoting"), GateStatus.FAIL),
        (True, True, 1, ("closed",), GateStatus.FAIL),
        (True, False, 0, (), GateStatus.UNKNOWN),
    ],
)
def test_no_trial_beside_a_daemon_that_quotes_or_hangs(
    runs: bool,  # noqa: FBT001 - cases
    answers: bool,  # noqa: FBT001
    orders: int,
    phases: tuple[str, ...],
    status: GateStatus,
) -> None:
    assert daemon_idle(phases, orders, runs=runs, answers=answers).status is status
