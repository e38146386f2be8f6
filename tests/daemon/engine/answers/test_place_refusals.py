"""Refusals are bounded: what cools, what is read, what pauses, and how many places go out before that."""

from __future__ import annotations

import itertools
from collections import Counter
from fnmatch import fnmatch

import pytest

from domain.actions import (
    AnyAction,
    Ask,
    AskWatcher,
    CancelAll,
    CancelOrders,
    Place,
    Read,
    SubscribeBooks,
    TriggerGroup,
)
from domain.clock import NS_PER_MS, NS_PER_S
from domain.events import AnyEvent, CancelOutcome, Command, PlaceOutcome, Verdict
from domain.ids import RequestId, Ticker
from domain.reasons import RungReason
from execution.kalshi.answers import unanswered
from execution.kalshi.codes import ROWS, RequestKind
from ops.alerts.raised import Raised
from tests.daemon.exchange import BASE
from tests.daemon.stand import Stand
from tests.heard import heard

S, MS = NS_PER_S, NS_PER_MS
CANCELS = (TriggerGroup, CancelAll, CancelOrders)


def restless() -> Stand:
    """Quoting."""
    stand = Stand()
    stand.quote_both()
    stand.run(500 * MS)
    stand.forget()
    stand.story.clear()
    return stand


def shake(stand: Stand, for_ns: int) -> None:
    """Run on with an index that wanders over some rungs, so that other markets and other prices are wanted."""
    wander = itertools.cycle([*range(25), *range(25, -25, -1), *range(-25, 0)])
    until_ns = stand.mono_ns + for_ns
    while stand.mono_ns < until_ns:
        place = next(wander)
        stand.moves = {series: place * BASE[series] * 75 // 1_000_000 for series in BASE}
        stand.run(250 * MS)
        stand.books()


def refusing(code: str, status: int, where: str = "") -> Stand:
    stand = restless()
    bad = stand.exchange.bad
    bad.refuse_places, bad.refuse_status, bad.refuse_in = code, status, where
    return stand


def places(stand: Stand) -> list[Place]:
    return [action for action in stand.sent(Place) if isinstance(action, Place)]


def told(stand: Stand, kind: str) -> list[Raised]:
    return heard(stand.acts, kind)


def most_in_a_minute(stand: Stand) -> int:
    at_ns = [s.now.mono_ns for s in stand.story for a in s.actions if isinstance(a, Place)]
    return max((sum(1 for other in at_ns if since <= other < since + 60 * S) for since in at_ns), default=0)


# --- any code, for ever ----------------------------------------------------------------------------------------------


# docs/exchange.md 6, and what no list has: a code never seen, a body without a code.
EVERY_CODE = [
    (400, "bad_request"), (400, "parameter_validation"), (400, "invalid_order"), (400, "invalid_price"),
    (400, "invalid_parameters"), (400, "insufficient_balance"), (400, "post_only_cross"), (400, "market_inactive"),
    (400, "market_closed"), (401, "header_timestamp_expired"), (401, "unauthorized"), (403, "forbidden"),
    (404, "market_not_found"), (404, "not_found"), (409, "order_already_exists"), (409, "trading_is_paused"),
    (409, "exchange_is_paused"), (409, "market_inactive"), (409, "market_closed"), (409, "order_group_triggered"),
    (429, "too_many_requests"), (500, "internal_server_error"), (503, "service_unavailable"), (504, "gateway_timeout"),
    (409, "never_seen"), (418, ""),
]  # fmt: skip


def test_the_list_has_every_code_that_the_tables_know() -> None:
    known = {(row.status, row.code) for row in ROWS if row.kind is RequestKind.PLACE}
    for status, code in known:
        assert any(s == status and fnmatch(c, code) for s, c in EVERY_CODE), (status, code)


@pytest.mark.step("G07")
@pytest.mark.parametrize(("status", "code"), EVERY_CODE)
def test_any_code_for_ever_gets_bounded_attempts_and_no_name_twice(status: int, code: str) -> None:
    stand = restless()
    bad = stand.exchange.bad
    bad.refuse_places, bad.refuse_status = code or "no code", status
    stand.forget()
    stand.story.clear()
    for turn in range(3):
        shake(stand, 25 * S)
        stand.operator(Command.RESUME)  # whoever resumes again and again gets no more attempts out of it
        assert most_in_a_minute(stand) <= 20, turn
    sent = places(stand)
    names = [place.client_order_id for place in sent]
    assert len(names) == len(set(names)), "a place is never sent again under its name"
    at_ns = [(s.now.mono_ns, a.ticker) for s in stand.story for a in s.actions if isinstance(a, Place)]
    for since_ns, ticker in at_ns:
        of_market = sum(1 for at, t in at_ns if t == ticker and since_ns <= at < since_ns + 10 * S)
        assert of_market <= 5 + 1, "one may be under way when the fifth is answered"


@pytest.mark.step("G07")
def test_twenty_refusals_in_a_minute_pause_with_an_alert_and_only_a_person_lifts_it() -> None:
    stand = refusing("invalid_price", 400)
    shake(stand, 40 * S)
    assert stand.engine.state.paused.startswith("by itself: 20 places in 60 s")
    (account,) = [alert for alert in told(stand, "places_refused") if not alert.payload["ticker"]]
    assert (account.severity, account.payload["code"]) == ("error", "invalid_price")
    stand.exchange.bad.refuse_places = ""
    stand.forget()
    stand.run(20 * S)
    assert places(stand) == []


def test_with_too_many_behind_it_nothing_leaves_after_a_resume_before_they_are_old() -> None:
    stand = refusing("invalid_price", 400)
    shake(stand, 20 * S)
    assert stand.engine.state.paused
    stand.operator(Command.RESUME)
    stand.forget()
    shake(stand, 5 * S)
    assert stand.engine.state.paused == ""
    assert places(stand) == []


@pytest.mark.step("G07")
def test_five_refusals_cool_a_market_for_a_minute_and_the_other_series_goes_on() -> None:
    stand = restless()
    desk, ticker = stand.engine.state.desks["INXU"], stand.exchange.resting("INXU")[0].ticker
    for _ in range(5):
        refuse(stand, ticker, 400, "invalid_price")
    assert [alert.payload["ticker"] for alert in told(stand, "places_refused")] == [ticker]
    assert {desk.cooling[t, s] for t, s in desk.cooling if t == ticker} == {stand.now().mono_ns + 60 * S}
    stand.forget()
    stand.run(12 * S)
    assert not [p for p in places(stand) if p.ticker == ticker]
    assert RungReason.COOLING in desk.unquoted.values()
    assert stand.exchange.resting("NASDAQ100U")
    assert stand.engine.state.paused == ""


def test_places_that_are_never_answered_count_like_refusals() -> None:
    stand = restless()
    stand.exchange.bad.lose, stand.exchange.bad.deaf = (Place,), True
    shake(stand, 60 * S)
    assert most_in_a_minute(stand) <= 20
    assert told(stand, "places_refused")


# --- one market ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code"), [(409, "trading_is_paused"), (409, "market_inactive"), (400, "invalid_price")]
)
def test_what_concerns_one_market_flattens_nobody(status: int, code: str) -> None:
    stand = restless()
    ticker = stand.exchange.resting("INXU")[0].ticker
    bad = stand.exchange.bad
    bad.refuse_places, bad.refuse_status, bad.refuse_in = code, status, ticker
    shake(stand, 20 * S)
    assert [p for p in places(stand) if p.ticker == ticker]
    assert stand.sent(TriggerGroup) == []
    assert stand.closed("INXU") == stand.closed("NASDAQ100U") == ()
    assert [p for p in places(stand) if p.ticker != ticker], "the others are quoted"


def test_a_halted_market_has_the_exchanges_status_read_and_waits_ten_seconds() -> None:
    stand = restless()
    (order,) = stand.exchange.resting("INXU")[:1]
    refuse(stand, order.ticker, 409, "trading_is_paused")
    assert Read.STATUS in [a.what for a in stand.sent(Ask) if isinstance(a, Ask)]
    desk, now_ns = stand.engine.state.desks["INXU"], stand.now().mono_ns
    assert {desk.cooling[t, s] - now_ns for t, s in desk.cooling if t == order.ticker} == {10 * S}


def refuse(stand: Stand, ticker: Ticker, status: int, code: str, detail: str = "") -> Stand:
    """The answer to a place of ours in this market, whatever had been said of it."""
    order = next(o for o in stand.engine.state.held.book.live.values() if o.ticker == ticker)
    stand.step(PlaceOutcome(RequestId(1), Verdict.REFUSED, status, code, detail, client_order_id=order.client_order_id))
    return stand


def test_a_post_only_reject_proves_a_stale_book_which_is_had_anew_before_it_is_priced_on() -> None:
    stand = restless()
    ticker = stand.exchange.resting("INXU")[0].ticker
    desk = stand.engine.state.desks["INXU"]
    refuse(stand, ticker, 400, "invalid_order", "post only cross")
    assert ticker not in desk.books_fresh
    assert [a.anew for a in stand.sent(SubscribeBooks) if isinstance(a, SubscribeBooks)] == [(ticker,)]
    assert {desk.cooling[t, s] for t, s in desk.cooling if t == ticker} == {stand.now().mono_ns + 2 * S}


def test_a_group_that_takes_no_orders_is_left_for_the_spare() -> None:
    stand = restless()
    order = stand.exchange.resting("INXU")[0]
    refuse(stand, order.ticker, 409, "order_group_triggered")
    ready = stand.engine.state.held.groups.ready("INXU", stand.target_ns)
    assert order.group_id not in {group.group_id for group in ready}


# --- the key ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "code"), [(401, "authentication_error"), (403, "insufficient_scope")])
def test_a_key_that_is_refused_pauses_after_two_and_at_most_eight_places(status: int, code: str) -> None:
    stand = refusing(code, status)
    began_ns = stand.mono_ns
    shake(stand, 30 * S)
    assert "refuses our key" in stand.engine.state.paused
    (alert,) = told(stand, "key_refused")
    assert alert.severity == "critical"
    first = next(s for s in stand.story if isinstance(s.event, PlaceOutcome) and s.event.verdict is Verdict.REFUSED)
    after = [
        s for s in stand.story if s.now.mono_ns >= first.now.mono_ns and any(isinstance(a, Place) for a in s.actions)
    ]
    assert sum(isinstance(a, Place) for s in after for a in s.actions) <= 8
    raised = next(s.now.mono_ns for s in stand.story if heard(s.actions, "key_refused"))
    assert raised - first.now.mono_ns <= 5 * S
    assert began_ns < raised


def test_a_403_of_one_market_restricts_it_for_the_day_over_a_restart_and_its_neighbour_is_quoted() -> None:
    stand = restless()
    ticker = stand.exchange.resting("INXU")[0].ticker
    bad = stand.exchange.bad
    bad.refuse_places, bad.refuse_status, bad.refuse_in = "restricted", 403, ticker
    shake(stand, 10 * S)
    assert stand.engine.state.paused == ""
    assert [a.payload["ticker"] for a in told(stand, "market_restricted")] == [ticker]
    tried = [p for p in places(stand) if p.ticker == ticker]
    assert 1 <= len(tried) <= 2
    assert [p for p in places(stand) if p.ticker.startswith("KXINXU") and p.ticker != ticker]
    stand.crash(1 * S)
    stand.forget()
    shake(stand, 10 * S)
    assert not [p for p in places(stand) if p.ticker == ticker]


def test_a_stamp_refused_once_corrects_itself_and_what_is_refused_after_that_is_the_key() -> None:
    stand = restless()
    tickers = [o.ticker for o in stand.exchange.resting()]
    for ticker in tickers[:2]:
        refuse(stand, ticker, 401, "header_timestamp_expired")
    assert stand.engine.state.paused == "", "they left before the correction"
    for _ in range(2):
        order = next(iter(stand.engine.state.held.book.live.values()))
        stand.step(
            PlaceOutcome(
                RequestId(1), Verdict.REFUSED, 401, "header_timestamp_expired", "", stand.now().mono_ns + 1,
                client_order_id=order.client_order_id,
            )
        )  # fmt: skip
    assert "refuses our key" in stand.engine.state.paused


def test_a_cancel_that_the_key_may_not_send_is_the_watchers_at_once() -> None:
    stand = restless()
    stand.moves = {}
    order = next(iter(stand.engine.state.held.book.live.values()))
    stand.forget()
    stand.step(CancelOutcome(RequestId(1), Verdict.REFUSED, 401, "authentication_error", order_id=order.order_id))
    (asked,) = stand.sent(AskWatcher)
    assert isinstance(asked, AskWatcher)
    assert asked.reason == "key_refused"
    assert stand.sent(CancelAll), "and by our own key beside it"
    assert [alert.severity for alert in told(stand, "key_refused")] == ["critical"]
    assert "refuses our key" in stand.engine.state.paused


def test_a_watcher_is_asked_once_a_minute_however_often_the_key_is_refused() -> None:
    stand = restless()
    stand.exchange.bad.refuse_key = True
    stand.operator(Command.PAUSE)
    stand.run(20 * S)
    assert len(stand.sent(AskWatcher)) == 1


# --- cash ------------------------------------------------------------------------------------------------------------


def test_too_little_cash_cools_the_series_and_reads_the_books() -> None:
    stand = refusing("insufficient_balance", 400)
    shake(stand, 30 * S)
    assert {alert.payload["series"] for alert in told(stand, "cash_short")} == set(BASE)
    assert len(places(stand)) <= 8, "each series has tried once"
    first = next(s for s in stand.story if heard(s.actions, "cash_short"))
    asked = {
        a.what for s in stand.story for a in s.actions if isinstance(a, Ask) and s.now.mono_ns <= first.now.mono_ns + S
    }
    assert {Read.BALANCE, Read.RESTING, Read.FILLS, Read.POSITIONS} <= asked


def test_too_little_cash_three_times_in_ten_minutes_pauses() -> None:
    stand = restless()
    bad = stand.exchange.bad
    bad.refuse_places, bad.refuse_status = "insufficient_balance", 400
    shake(stand, 70 * S)
    assert "too little cash" in stand.engine.state.paused
    assert len(places(stand)) <= 1 + 8, "at most eight after the first"
    assert told(stand, "cash_short")[-1].severity == "error"
    stand.exchange.bad.refuse_places = ""
    stand.operator(Command.RESUME)
    stand.forget()
    stand.run(60 * S)
    assert places(stand), "an operator has looked: the next window is quoted"


def test_an_order_that_the_known_cash_cannot_pay_is_not_sent() -> None:
    stand = Stand()
    stand.exchange.balance = 300_000
    stand.run(30 * S)
    assert places(stand) == []
    assert any("of cash" in row["reason"] for row in stand.records("order_refused"))


def test_what_fills_have_taken_since_the_balance_was_read_is_not_there_any_more() -> None:
    stand = restless()
    held = stand.engine.state.held
    for event in stand.exchange.execute(stand.exchange.resting("INXU")[0].order_id):
        stand.step(event)
    assert held.spent > 0
    stand.run(35 * S)
    assert held.spent == 0, "a younger balance has them already"


# --- what cannot be sent ---------------------------------------------------------------------------------------------


@pytest.mark.step("G07")
def test_places_that_a_full_lane_turns_away_are_tried_again_at_a_bounded_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    stand = restless()
    honest = stand.exchange.answer

    def full(action: AnyAction) -> list[AnyEvent]:
        if isinstance(action, Place):
            return [*unanswered(action, Verdict.UNSENT, "lane_full", "x")]
        return honest(action)

    monkeypatch.setattr(stand.exchange, "answer", full)
    stand.moves = {series: BASE[series] * 3 // 1_000 for series in BASE}
    stand.run(2 * S)
    tries = Counter((place.ticker, place.side) for place in places(stand))
    assert 5 <= max(tries.values()) <= 20, "every 100 ms at most"
    monkeypatch.setattr(stand.exchange, "answer", honest)
    stand.run(200 * MS)
    assert stand.exchange.resting(), "and it goes on as soon as there is room"


@pytest.mark.parametrize("kind", [TriggerGroup, CancelAll, CancelOrders])
def test_cancels_that_a_full_lane_turns_away_are_sent_again_for_ever_and_at_a_bounded_pace(
    monkeypatch: pytest.MonkeyPatch, kind: type[AnyAction]
) -> None:
    stand = restless()
    honest = stand.exchange.answer

    def full(action: AnyAction) -> list[AnyEvent]:
        if isinstance(action, CANCELS):
            return [*unanswered(action, Verdict.UNSENT, "lane_full", "x")]
        return honest(action)

    monkeypatch.setattr(stand.exchange, "answer", full)
    stand.operator(Command.CANCEL_ALL if kind is CancelAll else Command.PAUSE)
    live = len(stand.engine.state.held.book.live)
    stand.run(2 * S)
    assert 1 <= len(stand.sent(kind)) <= 2 * 50 * live
    stand.forget()
    stand.run(2 * S)
    assert stand.sent(CancelOrders), "and on, until there is room"
    monkeypatch.setattr(stand.exchange, "answer", honest)
    stand.run(2 * S)
    assert not stand.exchange.resting()
