from __future__ import annotations

import pytest

from daemon.engine.results import Result, finish, held_in, own_verdict, settle
from domain.events import Fill, SettlementState
from domain.ids import ClientOrderId, OrderId, Ticker, TradeId
from domain.market import Side
from domain.money import Cash, Count, IndexValue, Price
from execution.positions import Ledger
from tests.execution.made import TICKER, market

OTHER = Ticker("KXINXU-X-T2")
STRIKE = 6_700_000_000


def ledger(*tickers: Ticker, fee: int = 0) -> Ledger:
    made = Ledger()
    for ticker in tickers:
        fill = Fill(
            TradeId(f"t-{ticker}"), OrderId("o"), ClientOrderId("c"), ticker, Side.BID, Price(4_000), Count(100),
            Cash(fee), is_taker=False, exchange_ms=0,
        )  # fmt: skip
        made.fill(fill, "INXU", 1)
    return made


def result() -> Result:
    return Result("INXU", "hourly-1000", 1)


def said(ticker: Ticker, outcome: str, fee: int = 0) -> SettlementState:
    return SettlementState(ticker, outcome, Cash(0), Cash(fee))


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (None, "UNKNOWN"),
        (STRIKE + 10_000, "UNKNOWN"),
        (STRIKE - 10_000, "UNKNOWN"),
        (STRIKE, "UNKNOWN"),
        (STRIKE + 20_000, "yes"),
        (STRIKE - 20_000, "no"),
    ],
)
def test_our_own_verdict_is_unknown_within_a_cent_of_the_strike(value: int | None, verdict: str) -> None:
    assert own_verdict(market(), None if value is None else IndexValue(value)) == verdict


def test_what_the_exchange_settled_is_closed_once_and_told_whole() -> None:
    book, window = ledger(TICKER), result()
    window.print_value = IndexValue(STRIKE + 1_000_000)
    (row,) = settle(book, window, (said(TICKER, "yes", fee=10),), {TICKER: market()})
    assert (row["result"], row["own_verdict"], row["position"], row["pnl"]) == ("yes", "yes", 100, 600_000 - 10)
    assert settle(book, window, (said(TICKER, "yes"),), {}) == []


def test_settlements_of_strangers_and_without_a_result_close_nothing() -> None:
    book, window = ledger(TICKER), result()
    assert settle(book, window, (said(OTHER, "yes"), said(TICKER, "")), {}) == []
    assert book.open_positions() == {TICKER: 100}


def test_a_market_that_we_cannot_read_has_no_verdict_of_ours() -> None:
    (row,) = settle(ledger(TICKER), result(), (said(TICKER, "no"),), {})
    assert row["own_verdict"] == "UNKNOWN"


def test_a_window_is_finished_when_the_exchange_has_told_everything() -> None:
    book, window = ledger(TICKER, OTHER, fee=5), result()
    assert not finish(book, window)
    window.results_known = True
    settle(book, window, (said(TICKER, "yes"),), {})
    assert not finish(book, window)
    settle(book, window, (said(OTHER, "no"),), {})
    assert finish(book, window)
    assert (window.settled, window.pnl) == (True, 600_000 - 400_000 - 10)


def test_a_window_without_fills_needs_only_its_results() -> None:
    window = result()
    window.results_known = True
    assert finish(Ledger(), window)
    assert window.pnl == 0


def test_only_the_windows_own_markets_count() -> None:
    book = ledger(TICKER)
    assert held_in(book, result()) == [TICKER]
    assert held_in(book, Result("INXU", "hourly-1100", 2)) == []
    assert held_in(book, Result("NASDAQ100U", "hourly-1000", 1)) == []
