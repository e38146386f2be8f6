from __future__ import annotations

from typing import Any

import pytest

from daemon.engine.desk import Desk
from daemon.engine.shown.rungs import RUNGS_SHOWN, UnquotedRungs, why_not_quoted
from domain.clock import NS_PER_S, Now
from domain.ids import Ticker
from domain.market import Side
from domain.money import Count
from domain.reasons import Reason, RungReason
from tests.daemon.scenes import drawn, quoting
from tests.daemon.stand import PERIOD_S, Stand


def stage() -> tuple[Stand, Desk, Ticker]:
    """A stand that quotes, its first desk, and a rung that is quoted."""
    stand = quoting()
    desk = stand.engine.state.desks["INXU"]
    return stand, desk, next(iter(desk.looked_at))


def why(desk: Desk, ticker: Ticker, side: Side = Side.BID, *, may_quote: bool = True) -> str:
    fair = dict(zip(desk.markets, desk.fairs, strict=True)).get(ticker) if desk.fairs else None
    return why_not_quoted(desk, ticker, side, fair, (), may_quote=may_quote)


def test_each_side_of_each_rung_is_quoted_or_says_why() -> None:
    rungs = drawn(quoting()).ladder
    assert rungs
    for rung in rungs:
        assert (rung.our_bid is None) == bool(rung.why_bid)
        assert (rung.our_ask is None) == bool(rung.why_ask)
    assert {rung.why_bid for rung in rungs} == {"", RungReason.FAR_FROM_MONEY}


def test_the_gate_comes_before_everything() -> None:
    _, desk, ticker = stage()
    assert why(desk, ticker, may_quote=False) == RungReason.GATE_CLOSED


def test_a_full_market_and_a_full_window_are_told_apart() -> None:
    stand, desk, ticker = stage()
    others = [t for t in desk.markets if t != ticker]
    desk.want([], {ticker: Count(500)}, stand.now())
    assert why(desk, ticker) == RungReason.MARKET_LIMIT
    desk.want([], dict.fromkeys(others[:5], Count(400)), stand.now())
    assert why(desk, ticker) == RungReason.WINDOW_LIMIT


def test_a_refused_side_cools() -> None:
    stand, desk, ticker = stage()
    desk.cooling[ticker, Side.BID] = stand.mono_ns + 1
    desk.want([], {}, stand.now())
    assert why(desk, ticker) == RungReason.COOLING
    assert why(desk, ticker, Side.ASK) not in {RungReason.COOLING, ""}


def test_without_a_book_and_without_a_price() -> None:
    stand, desk, ticker = stage()
    desk.books_stale((ticker,))
    desk.want([], {}, stand.now())
    assert why(desk, ticker) == RungReason.NO_BOOK
    desk.basis = desk._fairs = None  # noqa: SLF001 - as when the volatility is not known
    assert why(desk, ticker) == RungReason.NOT_PRICED


def test_where_risk_confines_us_and_where_others_are_nearer() -> None:
    stand, desk, ticker = stage()
    desk.want([], {}, stand.now(), set())
    assert why(desk, ticker) == RungReason.MARKETS_LIMIT
    desk.want([], {}, stand.now())
    desk.looked_at.pop(ticker)
    assert why(desk, ticker) == RungReason.OTHERS_NEARER


@pytest.mark.parametrize("waits", [True, False])
def test_what_is_wanted_and_not_sent(waits: bool) -> None:  # noqa: FBT001 - two cases
    stand, desk, ticker = stage()
    desk.want([], {}, stand.now())
    desk.waiting_for_group = waits
    assert why(desk, ticker) == (RungReason.WAITS_TO_SEND if waits else RungReason.TOO_LATE)


def test_what_risk_refuses_is_said() -> None:
    stand = Stand(risk={"stress_limit_ppm": 1})
    stand.run(30 * NS_PER_S)
    rungs = drawn(stand).ladder
    said = {why for rung in rungs for why in (rung.why_bid, rung.why_ask)}
    assert RungReason.RISK_REFUSED in said, said


def later(now: Now, ns: int) -> Now:
    return Now(now.mono_ns + ns, now.utc_ns + ns)


def told(stand: Stand, series: str = "INXU") -> dict[str, tuple[str | None, str | None]]:
    """What the journal says of each rung, its last word."""
    records = [said for said in stand.records("rungs_unquoted") if said["series"] == series]
    return {rung["ticker"]: (rung["bid"], rung["ask"]) for said in records for rung in said["rungs"]}


@pytest.mark.step("K19")
@pytest.mark.parametrize("closing", [RungReason.SCORE_TOO_LOW, RungReason.RISK_REFUSED, RungReason.FAR_FROM_MONEY])
def test_the_journal_tells_of_each_rung_what_the_page_shows(closing: RungReason) -> None:
    changes: dict[str, Any] = {
        RungReason.SCORE_TOO_LOW: {"selection": {"minimum_score": 99}},
        RungReason.RISK_REFUSED: {"risk": {"stress_limit_ppm": 1}},
    }
    stand = Stand(**changes.get(closing, {}))
    stand.run(30 * NS_PER_S)
    said = {why for both in told(stand).values() for why in both}
    assert closing.value in said, said
    for rung in drawn(stand).ladder:
        if rung.series == "INXU":
            assert told(stand)[rung.ticker] == (rung.why_bid or None, rung.why_ask or None)


@pytest.mark.step("K19")
def test_what_has_not_changed_is_not_told_again_and_news_comes_once_a_second_at_most() -> None:
    stand = quoting()
    stand.run(3 * NS_PER_S)
    stand.forget()
    stand.run(2 * NS_PER_S)
    assert stand.records("rungs_unquoted") == []
    log, began = UnquotedRungs(), stand.now()
    state = stand.engine.state
    assert {said.series for said in log.look(state, began)} == set(state.desks)
    desk = state.desks["INXU"]
    unpriced, desk.edge_needed = desk.edge_needed, None
    assert list(log.look(state, later(began, NS_PER_S - 1))) == []
    (news,) = log.look(state, later(began, NS_PER_S))
    assert news.series == "INXU"
    assert 0 < len(news.rungs) <= RUNGS_SHOWN
    assert {why for rung in news.rungs for why in (rung.bid, rung.ask)} <= {RungReason.NOT_PRICED, None}
    desk.edge_needed = unpriced
    state.closed["INXU"] = (Reason.PAUSED,)
    assert list(log.look(state, later(began, 2 * NS_PER_S))) == [], "the gate's own record tells"


@pytest.mark.step("K19")
def test_a_window_and_a_restart_tell_everything_anew() -> None:
    stand = quoting()
    whole = set(told(stand))
    assert len(whole) == len([rung for rung in drawn(stand).ladder if rung.series == "INXU"])
    stand.forget()
    stand.crash(NS_PER_S)
    stand.run(10 * NS_PER_S)
    assert set(told(stand)) == whole
    stand.forget()
    stand.run_before_target(-60 * NS_PER_S)
    assert len(told(stand)) >= len(whole)
    assert {said["window"] for said in stand.records("rungs_unquoted")} == {stand.target_ns + PERIOD_S * NS_PER_S}
