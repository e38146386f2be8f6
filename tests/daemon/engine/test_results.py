from __future__ import annotations

import pytest

from daemon.engine.settling.window_result import Result, finish, held_in, own_verdict, settle
from domain.actions import Ask
from domain.clock import NS_PER_S as S
from domain.events import AnyEvent, Command, Fill, OddRow, ReadFailed, SettlementsRead, SettlementState
from domain.ids import ClientOrderId, OrderId, Ticker, TradeId
from domain.market import Side
from domain.money import Cash, Count, IndexValue, Price
from execution.positions import Ledger
from ops.alerts.raised import Raised
from tests.daemon.stand import Stand
from tests.execution.made import TICKER, market
from tests.heard import heard

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
    assert (row.result, row.own_verdict, row.position, row.pnl) == ("yes", "yes", 100, 600_000 - 10)
    assert settle(book, window, (said(TICKER, "yes"),), {}) == []


def test_settlements_of_strangers_and_without_a_result_close_nothing() -> None:
    book, window = ledger(TICKER), result()
    assert settle(book, window, (said(OTHER, "yes"), said(TICKER, "")), {}) == []
    assert book.open_positions() == {TICKER: 100}


def test_a_market_that_we_cannot_read_has_no_verdict_of_ours() -> None:
    (row,) = settle(ledger(TICKER), result(), (said(TICKER, "no"),), {})
    assert row.own_verdict == "UNKNOWN"


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


# --- whatever the exchange says, and whenever -------------------------------------------------------------------------


class Late(Stand):
    """A bid is filled; no settlement comes until `row` is set, and then only when all settlements are read."""

    def __init__(self) -> None:
        super().__init__()
        self.row: SettlementState | None = None
        self.unread: tuple[OddRow, ...] = ()
        self.broken = False
        self.exchange.settle_after = False
        self.quote_both()
        self.target = self.target_ns
        self.order = next(o for o in self.exchange.resting("INXU") if o.side is Side.BID)
        self.tell(*self.exchange.execute(self.order.order_id))
        honest = self.exchange.read

        def read(ask: Ask) -> AnyEvent:
            answer = honest(ask)
            if isinstance(answer, SettlementsRead) and self.broken:
                return ReadFailed(answer.request_id, ask.what.value, 200, "unreadable answer: no key `settlements`")
            if isinstance(answer, SettlementsRead) and not ask.ticker:
                rows = (self.row,) if self.row is not None else ()
                return SettlementsRead(answer.request_id, answer.asked, "", rows, self.unread)
            return answer

        self.exchange.read = read  # type: ignore[method-assign]

    def alerts(self, kind: str) -> list[Raised]:
        return heard(self.acts, kind)


@pytest.mark.parametrize("result", ["scalar", "void", "a_new_word"])
def test_any_result_however_late_is_booked_at_what_was_paid_and_releases_its_risk(
    result: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.engine.results.SETTLEMENT_PATIENCE_NS", 20 * S)
    stand = Late()
    paid = stand.order.price * 100
    stand.run_before_target(-30 * S)
    held = stand.engine.state.held
    window = stand.engine.state.results.by_window["INXU", stand.target]
    assert window.reported, "given up for its report"
    assert held.ledger.worst_loss() == paid
    stand.row = SettlementState(stand.order.ticker, result, Cash(10_000), Cash(0), yes=Count(100), no=Count(0))
    stand.run(70 * S)
    assert (held.ledger.worst_loss(), held.ledger.realised) == (0, 10_000 - paid)
    assert stand.engine.state.risk.loss == paid - 10_000
    (row,) = [row for row in stand.records("settlement") if row["ticker"] == stand.order.ticker]
    assert (row["result"], row["worth"], row["pnl"]) == (result, 100, 10_000 - paid)


def test_what_is_amended_after_all_is_booked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.engine.results.AMENDED_POLL_NS", 20 * S)
    stand = Late()
    paid = stand.order.price * 100
    stand.row = SettlementState(stand.order.ticker, "no", Cash(0), Cash(0), yes=Count(100), no=Count(0))
    stand.run_before_target(-15 * S)
    assert stand.engine.state.held.ledger.realised == -paid
    stand.row = SettlementState(stand.order.ticker, "yes", Cash(1_000_000), Cash(0), yes=Count(100), no=Count(0))
    stand.run(65 * S)
    assert stand.engine.state.held.ledger.realised == 1_000_000 - paid


@pytest.mark.parametrize("whole", [False, True])
def test_one_that_cannot_be_read_is_told_until_a_person_acts(monkeypatch: pytest.MonkeyPatch, *, whole: bool) -> None:
    stand = Late()
    monkeypatch.setattr("daemon.engine.results.AMENDED_POLL_NS", 30 * S)
    stand.broken = whole
    if not whole:
        stand.unread = (OddRow(stand.order.ticker, "Object missing required field `revenue`"),)
    stand.run_before_target(-45 * S)
    (first, again) = stand.alerts("settlement_unreadable")
    assert first.payload["ticker"] == stand.order.ticker
    assert first.severity == "critical"
    held = stand.engine.state.held
    assert held.ledger.worst_loss() == stand.order.price * 100, "its risk is held"
    stand.crash(2 * S)
    assert stand.order.ticker in stand.engine.state.held.unread_settlements, "over a restart too"
    stand.unread, stand.broken = (), False
    stand.operator(Command.ADOPT)
    stand.run(10 * S)
    ledger = stand.engine.state.held.ledger
    assert (ledger.worst_loss(), ledger.realised) == (0, -stand.order.price * 100)
    stand.forget()
    stand.run(40 * S)
    assert not stand.alerts("settlement_unreadable")
    assert again.payload == first.payload


def test_one_that_can_be_read_after_all_ends_the_alert() -> None:
    stand = Late()
    stand.row = SettlementState(stand.order.ticker, "scalar", Cash(2_500_000), Cash(0), yes=Count(100), no=Count(0))
    stand.run_before_target(-15 * S)
    assert len(stand.alerts("settlement_unreadable")) == 1
    stand.row = SettlementState(stand.order.ticker, "scalar", Cash(500_000), Cash(0), yes=Count(100), no=Count(0))
    stand.run(70 * S)
    assert stand.engine.state.held.unread_settlements == {}
    assert stand.engine.state.held.ledger.open_positions() == {}
