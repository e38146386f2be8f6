from __future__ import annotations

import msgspec
import pytest

from daemon.engine.holdings import FILLS
from daemon.engine.settling.window_result import Result, close_flat
from domain.actions import AnyAction, Ask, Read, Report
from domain.clock import NS_PER_MS, NS_PER_S
from domain.events import AnyEvent, MarketChanged, MarketsRead, OddRow, SettlementState
from domain.ids import Ticker
from domain.market import Market, Side
from execution.positions import Ledger
from tests.daemon.exchange import BASE
from tests.daemon.scenes import quoting
from tests.daemon.stand import LEAD_NS, Stand
from tests.heard import heard

S, MS = NS_PER_S, NS_PER_MS


def asked(stand: Stand, what: Read) -> int:
    return sum(1 for a in stand.sent(Ask) if isinstance(a, Ask) and a.what is what)


def test_the_ladder_is_asked_for_until_it_is_there() -> None:
    stand = Stand(begin=False)
    stand.exchange.listed = False
    stand.begin()
    stand.run(21 * S)
    assert asked(stand, Read.MARKETS) >= 2 * 4
    stand.exchange.listed = True
    stand.quote_both()


def test_the_print_is_the_last_value_at_or_before_the_target() -> None:
    stand = Stand()
    stand.quote_both()
    stand.run_before_target(1 * S)
    stand.moves["INXU"] = 3_210_000
    stand.run_before_target(0)
    stand.moves["INXU"] = 9_000_000
    stand.run(1 * S)
    assert stand.engine.state.results.by_window["INXU", stand.target_ns].print_value == BASE["INXU"] + 3_210_000


def test_a_window_that_is_never_settled_is_reported_as_it_stands_after_its_patience() -> None:
    stand = Stand()
    stand.exchange.settle_after = False
    stand.quote_both()
    stand.run_before_target(-30 * S)
    assert stand.sent(Report) == []
    stand.tick_every_ns = 60 * S
    stand.wait(3_600 * S)
    stand.run(1 * S)
    first = [r for r in stand.records("window_result") if r["target_ns"] == stand.target_ns]
    assert [(r["settled"], r["pnl"]) for r in first] == [(False, None)] * 2


def test_a_window_is_reported_once_for_each_series() -> None:
    stand = Stand()
    stand.quote_both()
    stand.run_before_target(-40 * S)
    told = [(r.series, r.target_ns) for r in stand.sent(Report) if isinstance(r, Report)]
    assert [row for row in told if row[1] == stand.target_ns] == [(series, stand.target_ns) for series in BASE]


def test_markets_in_which_we_are_flat_are_closed_once_and_not_at_every_chore(monkeypatch: pytest.MonkeyPatch) -> None:
    stand = Stand()
    stand.quote_both()
    bid, ask = stand.exchange.resting("INXU")
    assert bid.ticker == ask.ticker
    for order_id in (bid.order_id, ask.order_id, stand.exchange.stranger("KXINXU-1800000120-T00", "ladderd-17-1")):
        stand.tell(*stand.exchange.execute(order_id))
    looked: list[int] = []

    def counted(ledger: Ledger, result: Result, markets: dict[Ticker, Market]) -> tuple[SettlementState, ...]:
        looked.append(result.target_ns)
        return close_flat(ledger, result, markets)

    monkeypatch.setattr("daemon.engine.results.close_flat", counted)
    stand.exchange.bad.unreadable = (Read.SETTLEMENTS,)
    stand.run_before_target(-20 * S)
    assert stand.engine.state.results.by_window["INXU", stand.target_ns].results_known
    assert not stand.engine.state.results.by_window["INXU", stand.target_ns].reported
    assert looked.count(stand.target_ns) == 2, "once for each series"
    flat = [row for row in stand.records("settlement") if row["ticker"] == bid.ticker]
    assert [row["position"] for row in flat] == [0]


def test_how_young_the_index_was_is_told_of_the_window_that_has_ended() -> None:
    stand = Stand()
    stand.quote_both()
    stand.run_before_target(-10 * S)
    row = next(r for r in stand.records("ws_freshness") if r["series"] == "INXU")
    assert (row["basis"], row["age_p50_ms"], row["cadence_p50_ms"]) == ("age", 250.0, 250.0)
    assert row["ticks"] > 350


def test_quotes_fills_and_trips_are_counted_in_their_window() -> None:
    stand = Stand()
    stand.quote_both()
    stand.tell(*stand.exchange.execute(stand.exchange.resting("INXU")[0].order_id))
    stand.run_before_target(10 * S)
    stand.silence("INXU")
    stand.run_before_target(-10 * S)
    result = stand.engine.state.results.by_window["INXU", stand.target_ns]
    assert (result.fills, result.trips, result.quotes >= 2) == (1, 1, True)
    assert stand.engine.state.results.by_window["NASDAQ100U", stand.target_ns].trips == 0


def test_reads_have_their_pace_in_and_outside_windows() -> None:
    stand = Stand()
    stand.quote_both()
    stand.run(2 * S)
    stand.forget()
    stand.run(60 * S)
    assert {what: asked(stand, what) for what in (Read.FILLS, Read.POSITIONS, Read.BALANCE)} == {
        Read.FILLS: 2, Read.POSITIONS: 2, Read.BALANCE: 2,
    }  # fmt: skip
    assert asked(stand, Read.RESTING) <= 3
    assert asked(stand, Read.STATUS) <= 7
    assert stand.engine.state.ladders.lead_ns == LEAD_NS


def test_a_fill_listed_after_its_window_was_reported_is_settled_all_the_same() -> None:
    stand = Stand()
    stand.quote_both()
    stand.run_before_target(5 * S)
    order = stand.exchange.resting("INXU")[0]
    stand.exchange.bad.silent_stream = True
    fill_told = stand.exchange.execute(order.order_id)
    late = stand.exchange.fills.pop()
    stand.exchange.bad.silent_stream = False
    assert fill_told == []
    result = stand.engine.state.results.by_window["INXU", stand.target_ns]
    stand.run_before_target(-10 * S)
    assert (result.reported, result.fills) == (True, 0)
    stand.exchange.fills.append(late)
    stand.run(90 * S)
    assert (result.reported, result.settled, result.fills) == (True, True, 1)
    assert stand.engine.state.held.ledger.open_positions() == {}
    assert stand.engine.state.books.drift == ""


def test_a_lost_fill_is_found_before_its_window_is_closed() -> None:
    stand = Stand()
    stand.quote_both()
    stand.run_before_target(6 * S)
    bid, _ = stand.exchange.resting("INXU")
    stand.tell(*stand.exchange.execute(bid.order_id))
    stand.run_before_target(5 * S)
    stand.exchange.bad.silent_stream = True
    ask = next(o for o in stand.exchange.resting("INXU") if o.side is Side.ASK)
    stand.exchange.execute(ask.order_id)
    stand.run_before_target(-10 * S)
    (row,) = [r for r in stand.records("window_result") if r["series"] == "INXU"]
    assert (row["fills"], row["settled"]) == (2, True)
    assert row["pnl"] == stand.engine.state.held.ledger.realised == (ask.price - bid.price) * 100


def test_no_window_is_over_before_the_fills_were_listed() -> None:
    stand = Stand()
    stand.quote_both()
    stand.run_before_target(-10 * S)
    state, out = stand.engine.state, list[AnyAction]()
    result, ladders = state.results.by_window["INXU", stand.target_ns], state.ladders
    result.reported = False
    state.held.reconciled.discard(FILLS)
    ladders.housekeeping(stand.now(), out, clock_doubted=False)
    assert not result.reported
    stand.engine.state.held.reconciled.add(FILLS)
    ladders.housekeeping(stand.now(), out, clock_doubted=False)
    assert result.reported


def test_a_rung_that_cannot_be_read_is_a_warning_by_its_name_once_and_its_neighbours_are_quoted() -> None:
    stand = quoting()
    ticker = stand.exchange.resting("INXU")[0].ticker
    honest = stand.exchange.answer

    def odd(action: AnyAction) -> list[AnyEvent]:
        return [_without(event, ticker) for event in honest(action)]

    stand.exchange.answer = odd  # type: ignore[method-assign] # one row of its list is odd
    stand.forget()
    stand.step(MarketChanged(Ticker(ticker), "price_level_structure_updated"))
    stand.run(500 * MS)
    (alert,) = heard(stand.acts, "reconcile_drift")
    assert alert.severity == "warning"
    assert alert.payload["drift"] == f"ODD_ROW {ticker}: ladder of INXU: strike_type missing"
    stand.moves["INXU"] = 5_000_000  # to the next rung
    stand.run(3 * S)
    assert stand.closed("INXU") == ()
    resting = {order.ticker for order in stand.exchange.resting("INXU")}
    assert resting
    assert ticker not in resting
    stand.run(40 * S)
    assert len(heard(stand.acts, "reconcile_drift")) == 1, "told once while it lasts"
    stand.exchange.answer = honest  # type: ignore[method-assign] # as before
    stand.step(MarketChanged(Ticker(ticker), "activated"))
    stand.run(500 * MS)
    assert not [drift for drift in stand.engine.state.parity.drifts if drift.what == ticker]


def _without(event: AnyEvent, ticker: str) -> AnyEvent:
    if not isinstance(event, MarketsRead) or event.series != "INXU":
        return event
    kept = tuple(market for market in event.markets if market.ticker != ticker)
    return msgspec.structs.replace(event, markets=kept, odd=(OddRow(ticker, "strike_type missing"),))
