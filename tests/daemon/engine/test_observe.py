"""Operator, kill switch, markers, stalls, and the events that only count."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import msgspec
import pytest

from daemon.engine.desk import LISTING_LIMIT_NS
from domain.actions import (
    Answer,
    AnyAction,
    Ask,
    CancelAll,
    FeedControl,
    MarkCancelAll,
    Place,
    Read,
    SubscribeBooks,
)
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import (
    AnyEvent,
    BooksStale,
    BookTop,
    CancelAllMarker,
    ClockSample,
    Command,
    FeedState,
    FeedStatus,
    Filled,
    KillSwitch,
    LoopStall,
    MarketChanged,
    Operator,
    ReadFailed,
    Started,
    StreamStatus,
)
from domain.ids import RequestId, Ticker
from domain.market import Market
from domain.reasons import Reason
from tests.daemon.exchange import BASE
from tests.daemon.stand import Stand
from tests.heard import heard

MS, S = NS_PER_MS, NS_PER_S
TAIL_S = 65


def quoting() -> Stand:
    stand = Stand()
    stand.quote_both()
    stand.run(500 * MS)
    stand.forget()
    return stand


def alerts(stand: Stand) -> list[str]:
    return [alert.kind for alert in heard(stand.acts)]


def test_every_kind_of_event_has_its_observer() -> None:
    assert set(Stand(begin=False).engine.observers.table) == set(get_args(AnyEvent))


# --- the operator ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("road", ["operator_sigusr1", "operator_cli", "operator_http"])
def test_an_operators_cancel_all_empties_the_account_marks_it_and_pauses(road: str) -> None:
    stand = quoting()
    actions = stand.operator(Command.CANCEL_ALL, road)
    kinds = [type(a) for a in actions]
    assert kinds.count(CancelAll) == 1
    assert MarkCancelAll in kinds
    assert [a.reason for a in actions if isinstance(a, CancelAll | MarkCancelAll)] == [road, road]
    stand.run(50 * MS)
    assert stand.exchange.resting() == []
    stand.run(70 * S)
    assert stand.closed() == ("paused",)
    assert stand.sent(Place) == []


def test_after_resume_the_tail_of_65_seconds_still_holds() -> None:
    stand = quoting()
    begun_ns = stand.mono_ns
    stand.operator(Command.CANCEL_ALL)
    stand.run(5 * S)
    assert [a.text for a in stand.operator(Command.RESUME) if isinstance(a, Answer)] == [""]
    assert stand.closed() == ("cancel_all_tail",)
    stand.run_to(begun_ns + TAIL_S * S)
    assert stand.sent(Place) == []
    stand.run(2 * S)
    assert len(stand.exchange.resting()) == 4


def test_a_cancel_all_is_active_until_the_list_agrees() -> None:
    stand = quoting()
    stand.exchange.bad.fail_reads = True
    stand.operator(Command.CANCEL_ALL)
    stand.run(10 * S)
    assert "cancel_all_active" in stand.closed()
    stand.exchange.bad.fail_reads = False
    stand.run(5 * S)
    assert "cancel_all_active" not in stand.closed()
    assert stand.engine.state.held.completed_cancel_alls == 1


def test_pause_empties_by_groups_and_resume_goes_on() -> None:
    stand = quoting()
    stand.operator(Command.PAUSE)
    stand.run(3 * S)
    assert stand.exchange.resting() == []
    assert stand.sent(CancelAll) == []
    stand.operator(Command.RESUME)
    stand.run(2 * S)
    assert len(stand.exchange.resting()) == 4


def test_an_operators_request_is_recorded_and_answered() -> None:
    stand = quoting()
    stand.operator(Command.NOTE)
    assert stand.records("operator_action")[0] == {
        "command": "note", "by": "ann", "cause": "because", "road": "operator_cli",
    }  # fmt: skip
    assert stand.records("note") == [{"text": "because", "by": "ann"}]
    assert stand.sent(Answer) == [Answer("id", "")]


def test_a_signal_has_no_address_to_be_answered_at() -> None:
    stand = quoting()
    stand.step(Operator(Command.CANCEL_ALL, "signal", "SIGUSR1", "operator_sigusr1", ""))
    assert stand.sent(Answer) == []


# --- the kill switch -------------------------------------------------------------------------------------------------


def test_the_kill_switch_latches_and_only_a_person_opens_it() -> None:
    stand = quoting()
    stand.step(KillSwitch(active=True, source="state/KILL_SWITCH", reason="fire"))
    stand.run(50 * MS)
    assert stand.exchange.resting() == []
    refused = [a.text for a in stand.operator(Command.RESUME) if isinstance(a, Answer)]
    assert "fire" in refused[0]
    stand.step(KillSwitch(active=False, source="state/KILL_SWITCH", reason=""))
    stand.run(70 * S)
    assert stand.closed() == ("kill_switch_engaged",)
    assert stand.sent(Place) == []
    stand.operator(Command.RESUME)
    stand.run(2 * S)
    assert len(stand.exchange.resting()) == 4


def test_the_first_reason_to_kill_is_kept() -> None:
    stand = quoting()
    stand.operator(Command.KILL)
    stand.step(KillSwitch(active=True, source="file", reason="later"))
    assert stand.engine.state.kill.reason == "ann: because"
    assert alerts(stand).count("kill_switch") == 1


# --- markers of other processes --------------------------------------------------------------------------------------


def test_a_marker_of_an_operators_program_pauses_and_empties() -> None:
    stand = quoting()
    stand.step(CancelAllMarker(stand.utc_ns, "cancel-all", "operator_cli"))
    stand.run(3 * S)
    assert stand.exchange.resting() == []
    assert set(stand.closed()) == {"paused", "cancel_all_tail"}
    assert {row["reason"] for row in stand.records("cancel_all_done")} == {"operator_cli"}


@pytest.mark.parametrize(("by", "reason"), [("cancel-all", "shutdown"), ("run-1799999990", "polygon_ws_stale")])
def test_an_automatic_cancel_all_of_another_process_blocks_for_the_tail_and_then_quoting_goes_on(
    by: str, reason: str
) -> None:
    stand = quoting()
    asked_ns = stand.mono_ns - 20 * S
    stand.step(CancelAllMarker(stand.utc_ns - 20 * S, by, reason))
    stand.run(3 * S)
    assert stand.exchange.resting() == []
    assert stand.closed() == ("cancel_all_tail",)
    assert {row["reason"] for row in stand.records("cancel_all_done")} == {"earlier_run"}, "no watcher asked for it"
    again = stand.sent(CancelAll)
    begun_ns = stand.last(CancelAll) if again else asked_ns
    stand.run_to(begun_ns + TAIL_S * S - 1)
    assert stand.sent(Place) == []
    stand.run(2 * S)
    assert len(stand.exchange.resting()) == 4


def test_a_marker_met_at_the_start_only_looks_unless_something_rests() -> None:
    for rests in (False, True):
        stand = Stand()
        stand.step(CancelAllMarker(stand.utc_ns - 20 * S, "run-1799999990", "kill_switch_engaged"))
        if rests:
            stand.exchange.stranger("KXINXU-1800000120-T05")
        stand.run(4 * S)
        assert bool(stand.sent(CancelAll)) is rests
        assert stand.exchange.resting() == []


def test_an_old_marker_shortens_no_tail() -> None:
    stand = quoting()
    stand.operator(Command.CANCEL_ALL)
    tail = stand.engine.state.held.tail_until_utc_ns
    stand.step(CancelAllMarker(stand.utc_ns - 50 * S, "run-1", "shutdown"))
    assert stand.engine.state.held.tail_until_utc_ns == tail


# --- stalls, clocks, feeds, books ------------------------------------------------------------------------------------


def test_after_a_stall_each_series_waits_for_a_value_that_agrees_with_the_clock() -> None:
    stand = quoting()
    stand.silence("INXU")
    stand.step(LoopStall(300 * MS))
    stand.run(1_400 * MS)
    assert stand.closed("INXU")[0] == "loop_stall"
    assert "loop_stall" not in stand.closed("NASDAQ100U")


def test_after_a_stall_nothing_is_quoted_for_a_second_even_when_values_agree_at_once() -> None:
    stand = quoting()
    stand.exchange.bad.refuse_places = "invalid_price"  # nothing rests: no flattening hides what is looked at here
    for order in stand.exchange.resting():
        stand.tell(*stand.exchange.end(order.order_id, "HaltCancel"))
    stand.run(300 * MS)
    assert stand.live() == []
    stand.step(LoopStall(300 * MS))
    stalled_ns = stand.mono_ns
    for series in BASE:
        stand.step(stand.tick(series))
    while stand.mono_ns < stalled_ns + 990 * MS:
        stand.run(10 * MS)
        assert stand.closed("NASDAQ100U") == ("loop_stall",)
    stand.exchange.bad.refuse_places = ""
    stand.run(3 * S)
    assert len(stand.exchange.resting()) == 4


def test_a_short_lag_is_forgiven() -> None:
    stand = quoting()
    stand.step(LoopStall(100 * MS))
    assert stand.closed() == ()


def test_a_step_of_the_wall_clock_stands_quoting_down_for_half_a_minute() -> None:
    stand = quoting()
    stand.utc_ns += 300 * MS
    stepped_ns = stand.mono_ns
    stand.run(3 * S)
    assert stand.closed()[0] == "clock_untrusted"
    assert stand.exchange.resting() == []
    stand.run_to(stepped_ns + 29 * S)
    stand.step(ClockSample(0, MS))
    assert stand.closed()[0] == "clock_untrusted"
    stand.run(4 * S)
    assert len(stand.exchange.resting()) == 4


def test_stale_books_pull_and_fresh_ones_bring_the_quotes_back() -> None:
    stand = quoting()
    stand.step(BooksStale((), "gap"))
    stand.run(3 * S)
    assert stand.closed("INXU") == ("book_stale",)
    stand.books()
    stand.run(1 * S)
    assert len(stand.exchange.resting()) == 4


def test_one_stale_book_leaves_the_others_believed() -> None:
    stand = quoting()
    ticker = stand.exchange.resting("INXU")[0].ticker
    stand.step(BooksStale((ticker,), "gap"))
    stand.run(200 * MS)
    assert stand.closed("INXU") == ()
    assert all(o.ticker != ticker for o in stand.exchange.resting("INXU"))


@pytest.mark.parametrize("what", ["deactivated", "close_date_updated", "price_level_structure_updated"])
def test_a_market_that_changed_is_listed_again_and_no_longer_quoted(what: str) -> None:
    stand = quoting()
    ticker = stand.exchange.resting("INXU")[0].ticker
    stand.step(MarketChanged(Ticker(ticker), what))
    assert Read.MARKETS in {a.what for a in stand.sent(Ask) if isinstance(a, Ask)}
    stand.run(200 * MS)
    assert all(o.ticker != ticker for o in stand.exchange.resting("INXU"))


def _only_listed(stand: Stand, keep: Callable[[Market], bool]) -> None:
    """From now on the exchange lists only these rungs."""
    honest = stand.exchange.ladder
    stand.exchange.ladder = lambda series, target_ns: tuple(  # type: ignore[method-assign]
        market for market in honest(series, target_ns) if keep(market)
    )


def test_a_listing_without_the_window_is_no_permission() -> None:
    stand = quoting()
    _only_listed(stand, lambda _market: False)
    ticker = stand.exchange.resting("INXU")[0].ticker
    stand.step(MarketChanged(Ticker(ticker), "close_date_updated"))
    stand.run(2 * S)
    assert stand.closed("INXU")[0] == "markets_unknown"
    assert not stand.exchange.resting("INXU")
    assert stand.exchange.resting("NASDAQ100U"), "the other ladder is listed"


def test_a_rung_that_is_halted_alone_is_out_until_it_is_listed_as_active_again() -> None:
    stand = quoting()
    ticker = Ticker(stand.exchange.resting("INXU")[0].ticker)
    desk = stand.engine.state.desks["INXU"]
    halted = [True]
    _only_listed(stand, lambda market: market.ticker != ticker or not halted[0])
    stand.step(MarketChanged(ticker, "deactivated"))
    assert ticker not in desk.markets, "before any listing tells"
    stand.run(3 * S)
    assert stand.closed("INXU") == ()
    assert all(o.ticker != ticker for o in stand.exchange.resting("INXU"))
    halted[0] = False
    stand.step(MarketChanged(ticker, "activated"))
    stand.run(500 * MS)
    assert ticker in desk.markets


def test_a_listing_that_was_asked_too_early_does_not_bring_a_halted_rung_back() -> None:
    stand = quoting()
    ticker = Ticker(stand.exchange.resting("INXU")[0].ticker)
    desk = stand.engine.state.desks["INXU"]
    stand.step(MarketChanged(ticker, "deactivated"))
    stand.run(700 * MS)
    assert ticker not in desk.markets, "the list lags, and still calls it active"
    stand.run(2 * S)
    assert ticker in desk.markets, "the list was asked again, and still does"


def test_strikes_that_are_added_are_quoted_and_the_books_of_the_others_stay() -> None:
    stand = quoting()
    desk = stand.engine.state.desks["INXU"]
    gone = list(desk.markets)[3]
    missing = [True]
    _only_listed(stand, lambda market: market.ticker != gone or not missing[0])
    stand.step(MarketChanged(gone, "price_level_structure_updated"))
    stand.run(3 * S)
    before = set(desk.books_fresh)
    missing[0] = False
    stand.step(MarketChanged(gone, "created"))
    stand.run(200 * MS)
    assert gone in desk.markets
    assert before <= desk.books_fresh


def test_a_listing_that_is_too_old_is_no_permission() -> None:
    stand = quoting()
    desk = stand.engine.state.desks["INXU"]
    now = Now(desk.listed_ns + LISTING_LIMIT_NS + 1, stand.utc_ns)
    assert desk.markets_vote(stand.now()).open
    assert desk.markets_vote(now).reason is Reason.MARKETS_UNKNOWN
    assert desk.next_deadline(stand.now()) is not None


def _late_books(stand: Stand, age_ns: int) -> None:
    """Every book of the first series is told once more, sent `age_ns` ago."""
    for top in list(stand.engine.state.desks["INXU"].tops.values()):
        sent_ms = (stand.utc_ns - age_ns) // MS
        stand.step(BookTop(msgspec.structs.replace(top, received_mono_ns=stand.mono_ns, exchange_ms=sent_ms)))


def test_books_that_come_five_seconds_late_are_not_priced_on_however_regular_they_are() -> None:
    stand = quoting()
    for _ in range(2):
        _late_books(stand, 5 * S)
        stand.run(100 * MS)
    stand.run(1 * S)
    assert stand.closed("INXU") == ("book_stale",)
    assert not stand.exchange.resting("INXU")
    assert stand.exchange.resting("NASDAQ100U")
    _late_books(stand, 10 * MS)
    stand.run(5 * S)
    assert not stand.exchange.resting("INXU"), "its markets cool"
    stand.run(8 * S)
    assert stand.exchange.resting("INXU")


def test_a_fill_that_is_told_late_is_taken_and_closes_the_gate() -> None:
    stand = quoting()
    orders = stand.exchange.resting("INXU")[:2]
    for order in orders:
        for event in stand.exchange.execute(order.order_id):
            late = (
                msgspec.structs.replace(event, sent_ms=stand.utc_ns // MS - 8_000)
                if isinstance(event, Filled)
                else event
            )
            stand.step(late)
    assert len(stand.engine.state.held.ledger.trades) == 2
    stand.run(1 * S)
    assert "messages_late" in stand.closed("INXU")


def test_the_feed_is_switched_told_and_the_new_value_counts_at_once() -> None:
    stand = quoting()
    stand.feeding["massive"].clear()
    stand.run(1_450 * MS)
    assert [(r["from_feed"], r["to_feed"]) for r in stand.records("feed_switch")] == [("massive", "polygon")]
    assert "feed_switch" in alerts(stand)
    assert len(stand.exchange.resting()) == 4, "the pair hides one silent feed"


def test_in_standby_a_silent_feed_is_closed_by_time_alone_before_the_other_is_opened() -> None:
    stand = Stand(feeds={"mode": "standby"})
    stand.feeding["polygon"].clear()
    stand.quote_both()
    stand.run(500 * MS)
    stand.feeding["massive"].clear()
    stand.forget()
    stand.run(4_500 * MS)
    assert stand.sent(FeedControl) == []
    stand.run(1_000 * MS)
    assert stand.sent(FeedControl) == [FeedControl("massive", open=False)]


def test_a_feeds_state_is_kept_for_the_screens() -> None:
    stand = quoting()
    status = FeedStatus("massive", FeedState.COOLING, "max_connections")
    stand.step(status)
    assert stand.engine.state.feed_states["massive"] == status


def test_starting_records_its_configuration() -> None:
    stand = Stand(begin=False)
    stand.step(Started("run", 7, "paper", "hash", "build", ""))
    assert stand.records("config") == [{"hash": "hash", "build_id": "build", "mode": "paper"}]
    assert stand.engine.state.held.numbers.epoch == 7


def test_books_are_followed_only_for_the_ladder_of_the_present_window() -> None:
    stand = quoting()
    stand.run_before_target(-9 * S)
    stand.forget()
    stand.run(5 * S)
    followed = [t for a in stand.sent(SubscribeBooks) if isinstance(a, SubscribeBooks) for t in a.tickers]
    assert followed
    old = f"-{stand.target_ns // S}-"
    assert [t for t in followed if old in t] == []


def test_every_reason_of_the_contract_is_a_road_or_a_guard() -> None:
    for road in ("operator_sigusr1", "operator_cli", "operator_http", "watcher", "shutdown"):
        assert Reason(road)
    assert set(BASE) == {"INXU", "NASDAQ100U"}


def raised(actions: list[AnyAction]) -> list[str]:
    return [alert.kind for alert in heard(actions)]


def test_a_refused_key_is_said_aloud() -> None:
    stand = quoting()
    told = stand.step(ReadFailed(RequestId(1), "balance", 401, "INCORRECT_API_KEY_SIGNATURE"))
    assert raised(told) == ["exchange_refuses_key"]
    told = stand.step(ReadFailed(RequestId(1), "balance", 401, "HTTP 401 header_timestamp_expired"))
    assert raised(told) == ["exchange_refuses_clock"]
    assert raised(stand.step(ReadFailed(RequestId(1), "balance", 503, "busy"))) == []
    told = stand.step(FeedStatus("massive", FeedState.FATAL, "auth_failed"))
    assert raised(told)[:1] == ["feed_refused"]


def test_a_lost_feed_or_stream_is_said_once() -> None:
    stand = quoting()
    stand.step(FeedStatus("massive", FeedState.LIVE, "values are flowing"))
    down = FeedStatus("massive", FeedState.DOWN, "socket closed")
    assert "feed_down" in raised(stand.step(down))
    assert "feed_down" not in raised(stand.step(down))
    lost = StreamStatus(up=False, reason="closed")
    assert "private_stream_down" in raised(stand.step(lost))
    assert "private_stream_down" not in raised(stand.step(lost))
