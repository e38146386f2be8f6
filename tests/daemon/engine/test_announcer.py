"""Each alert of the announcer and its neighbours is raised by its own fault, and absent without it."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import Command, FeedState, FeedStatus, FeesRead, MarketsRead, Tick
from domain.ids import RequestId
from guards.calendar import NyseCalendar
from guards.windows import WindowPlan, WindowSettings
from ops.alerts.raised import Raised
from tests.daemon.exchange import BASE
from tests.daemon.stand import Stand
from tests.heard import heard

S, MS = NS_PER_S, NS_PER_MS


def quoting() -> Stand:
    stand = Stand()
    stand.quote_both()
    stand.run(500 * MS)
    return stand


def raised(stand: Stand, kind: str = "") -> list[Raised]:
    """The alerts since the last `forget`, of one kind or all."""
    return heard(stand.acts, kind)


def when(stand: Stand, action: str) -> int:
    """When (monotonic) an alert was raised first."""
    return next(s.now.mono_ns for s in stand.story if heard(s.actions, action))


def test_a_whole_window_without_a_fault_raises_none() -> None:
    stand = quoting()
    stand.run(130 * S)
    assert raised(stand) == []


# --- one index -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dead", sorted(BASE))
def test_a_dead_index_is_told_once_within_five_seconds_and_once_when_it_is_back(dead: str) -> None:
    stand = quoting()
    stand.silence(dead)
    silent_ns = stand.mono_ns
    stand.run(30 * S)
    (alert,) = raised(stand, "index_stale")
    assert (alert.severity, alert.payload["series"]) == ("error", dead)
    assert when(stand, "index_stale") - silent_ns <= 5 * S
    assert alert.payload["age_ms"] > 2_000
    assert raised(stand, "feeds_lost") == [], "the other index ticks on"
    stand.forget()
    for fed in stand.feeding.values():
        fed.add(dead)
    stand.run(2 * S)
    (alert,) = raised(stand, "index_fresh")
    assert (alert.severity, alert.payload["series"]) == ("info", dead)


def test_an_index_that_never_comes_is_told_without_an_age() -> None:
    stand = Stand(begin=False)
    for fed in stand.feeding.values():
        fed.discard("INXU")
    stand.begin()
    stand.run(9 * S)
    assert raised(stand, "index_stale") == []
    stand.run(3 * S)
    (alert,) = raised(stand, "index_stale")
    assert alert.payload["age_ms"] is None


def test_a_value_a_little_late_in_the_final_minute_is_no_outage() -> None:
    stand = quoting()
    stand.tick_every_ns = 1_000 * MS
    stand.run_before_target(5 * S)
    assert raised(stand, "index_stale") == []


def test_outside_market_hours_silence_is_no_outage() -> None:
    stand = quoting()
    closed = WindowPlan(WindowSettings(), NyseCalendar(None))
    stand.engine.state.announcer = type(stand.engine.state.announcer)(closed)
    sunday = dt.datetime(2026, 3, 8, 15, tzinfo=dt.UTC)
    for ahead_s in range(0, 60, 5):
        later = Now(stand.mono_ns + ahead_s * S, int(sunday.timestamp() + ahead_s) * S)
        assert (
            stand.engine.state.announcer.look(stand.engine.state.desks.values(), stand.engine.state.failover, "", later)
            == []
        )


# --- feeds -----------------------------------------------------------------------------------------------------------


def test_both_feeds_lost_are_told_once_within_five_seconds_and_once_when_one_is_back() -> None:
    stand = quoting()
    stand.feeding["massive"].clear()
    stand.run(10 * S)
    assert raised(stand, "feeds_lost") == [], "the backup delivers"
    stand.feeding["polygon"].clear()
    silent_ns = stand.mono_ns
    stand.run(30 * S)
    (alert,) = raised(stand, "feeds_lost")
    assert alert.severity == "critical"
    assert when(stand, "feeds_lost") - silent_ns <= 5 * S
    stand.forget()
    stand.feeding["polygon"].update(BASE)
    stand.run(2 * S)
    assert [a.severity for a in raised(stand, "feeds_back")] == ["info"]


@pytest.mark.parametrize("state", [FeedState.SUBSCRIBED, FeedState.DOWN, FeedState.COOLING])
def test_a_feed_that_was_live_and_is_not_is_told_also_when_it_only_fell_silent(state: FeedState) -> None:
    stand = quoting()
    stand.step(FeedStatus("massive", FeedState.CONNECTED, "hello"))
    stand.step(FeedStatus("massive", FeedState.SUBSCRIBED, "I:SPX, I:NDX"))
    stand.step(FeedStatus("massive", FeedState.LIVE, "values are flowing"))
    assert raised(stand, "feed_down") == []
    stand.step(FeedStatus("massive", state, "stale: I:SPX silent for 5 s"))
    (alert,) = raised(stand, "feed_down")
    assert alert.payload == {"feed": "massive", "reason": "stale: I:SPX silent for 5 s"}
    stand.step(FeedStatus("massive", FeedState.DOWN, "closed as told"))
    assert len(raised(stand, "feed_down")) == 1, "its end is no second fall"


@pytest.mark.step("G04")
def test_an_index_dead_on_the_feed_in_use_alone_sets_that_feed_aside_and_says_so() -> None:
    stand = quoting()
    stand.feeding["massive"].discard("INXU")
    stand.run(12 * S)
    (alert,) = raised(stand, "feed_quarantined")
    assert (alert.payload["feed"], alert.payload["symbol"]) == ("massive", "I:SPX")
    assert [(a.payload["from_feed"], a.payload["to_feed"]) for a in raised(stand, "feed_switch")] == [
        ("massive", "polygon")
    ]
    stand.feeding["massive"].add("INXU")
    stand.run(30 * S)
    assert stand.engine.state.failover.active == "polygon", "it is not chosen again, though it ticks"
    assert stand.closed() == (), "and the other is quoted from"


@pytest.mark.step("G04")
def test_a_stuck_index_sets_its_feed_aside_and_the_backup_is_quoted_from() -> None:
    stand = quoting()
    stuck_ns = stand.utc_ns
    honest = stand.tick

    def stuck(series: str, feed: str = "massive") -> Tick:
        tick = honest(series, feed)
        still = feed == "massive" and series == "INXU"
        return msgspec.structs.replace(tick, event_ns=stuck_ns) if still else tick

    stand.tick = stuck  # type: ignore[method-assign]
    stand.run(8 * S)
    (alert,) = raised(stand, "feed_quarantined")
    assert (alert.payload["feed"], alert.payload["symbol"], alert.payload["why"]) == ("massive", "I:SPX", "stuck")
    assert stand.engine.state.failover.active == "polygon"
    assert stand.closed() == ()


def test_an_index_dead_on_both_feeds_sets_neither_aside() -> None:
    stand = quoting()
    stand.silence("INXU")
    stand.run(60 * S)
    assert raised(stand, "feed_quarantined") == []
    assert raised(stand, "feed_switch") == []


def test_feeds_that_differ_are_told_and_that_they_agree_again() -> None:
    stand = quoting()
    stand.lean_ppm["polygon"] = 1_000
    stand.run(3 * S)
    assert {a.payload["symbol"] for a in raised(stand, "feed_divergence")} == {"I:SPX", "I:NDX"}
    assert raised(stand, "feed_divergence_over") == []
    stand.lean_ppm["polygon"] = 0
    stand.run(3 * S)
    assert {a.payload["symbol"] for a in raised(stand, "feed_divergence_over")} == {"I:SPX", "I:NDX"}


# --- pauses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [Command.PAUSE, Command.CANCEL_ALL])
def test_whoever_pauses_it_is_told_once(command: Command) -> None:
    stand = quoting()
    stand.operator(command)
    stand.run(3 * S)
    (alert,) = raised(stand, "paused")
    assert "ann: because" in alert.payload["cause"]
    stand.operator(Command.RESUME)
    stand.run(3 * S)
    stand.operator(Command.PAUSE)
    assert len(raised(stand, "paused")) == 2, "another pause is other news"


def test_a_pause_by_the_days_loss_is_told_too() -> None:
    stand = quoting()
    stand.engine.state.risk.restore(stand.engine.state.risk.state() | {"paused": "daily loss"})
    stand.run(1 * S)
    assert [a.payload["cause"] for a in raised(stand, "paused")] == ["daily loss"]


def test_a_start_that_is_still_paused_says_so() -> None:
    stand = quoting()
    stand.operator(Command.PAUSE)
    stand.run(1 * S)
    stand.forget()
    stand.crash(2 * S)
    stand.run(1 * S)
    assert len(raised(stand, "paused")) == 1


# --- the exchange ----------------------------------------------------------------------------------------------------


def test_refused_places_are_told_when_they_are_many() -> None:
    stand = quoting()
    stand.exchange.bad.refuse_places = "invalid_order"
    stand.moves = {series: value // 4000 for series, value in BASE.items()}  # new prices are wanted, and refused
    stand.run(20 * S)
    told = raised(stand, "places_refused")
    assert told
    assert told[0].payload["code"] == "invalid_order"
    assert told[0].payload["ticker"].startswith("KX")
    assert told[0].severity == "warning"


def test_fee_terms_that_disagree_with_the_file_are_told_for_each_series() -> None:
    stand = quoting()
    assert raised(stand, "fees_disagree") == []
    stand.exchange.fee_type = "flat"
    for series in BASE:
        stand.step(FeesRead(RequestId(0), stand.now(), series, "flat", 1_000_000, ""))
    assert {(a.severity, a.payload["series"]) for a in raised(stand, "fees_disagree")} == {
        ("error", series) for series in BASE
    }


def test_drift_between_the_exchanges_books_and_ours_is_told() -> None:
    stand = quoting()
    stand.run(31 * S)
    assert raised(stand, "reconcile_drift") == []
    stand.exchange.stranger("KXINXU-1800000120-T05")
    stand.run(31 * S)
    (alert,) = raised(stand, "reconcile_drift")
    assert "FOREIGN_ORDER" in alert.payload["drift"]


@pytest.mark.parametrize("agree", [True, False])
def test_a_settlement_that_disagrees_with_our_own_print_is_told(agree: bool) -> None:  # noqa: FBT001 - a case
    stand = quoting()
    order = next(o for o in stand.exchange.resting("INXU"))
    stand.tell(*stand.exchange.execute(order.order_id))
    honest = stand.exchange.read

    def turned(ask: object) -> object:
        answer = honest(ask)  # type: ignore[arg-type]
        if not isinstance(answer, MarketsRead) or agree:
            return answer
        other = {"yes": "no", "no": "yes", "": ""}
        return msgspec.structs.replace(
            answer, markets=tuple(msgspec.structs.replace(m, result=other[m.result]) for m in answer.markets)
        )

    settled = stand.exchange._settlements  # noqa: SLF001 - the stand's exchange, told to lie

    def lied(ask: object) -> object:
        other = {"yes": "no", "no": "yes"}
        rows = settled(ask)  # type: ignore[arg-type]
        return rows if agree else tuple(msgspec.structs.replace(r, result=other[r.result]) for r in rows)

    stand.exchange.read = turned  # type: ignore[method-assign,assignment]
    stand.exchange._settlements = lied  # type: ignore[method-assign,assignment]  # noqa: SLF001
    # Away from every strike, so that our own print has a verdict.
    stand.moves["INXU"] = 700_000
    stand.run_before_target(-40 * S)
    rows = [row for row in stand.records("settlement") if row["ticker"] == order.ticker]
    assert rows, "the market was settled"
    told = raised(stand, "settlement_disagrees")
    assert [a.payload["ticker"] for a in told] == ([] if agree else [order.ticker])
    assert all(a.severity == "critical" for a in told)
