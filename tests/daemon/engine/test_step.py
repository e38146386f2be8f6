"""The engine's promises, seen from outside: who closes the gate empties the book; edges are exact; silence is heard."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from domain.actions import CancelAll, CreateGroup, Exit, MarkCancelAll, Place, Read, Report, TriggerGroup
from domain.clock import NS_PER_MS, NS_PER_S
from domain.counts import Counted
from domain.events import (
    BooksStale,
    CancelAllMarker,
    CancelOutcome,
    ClockSample,
    Command,
    ExchangeStatusRead,
    FeesRead,
    JournalFault,
    KillSwitch,
    LoopStall,
    Started,
    Stop,
    StreamStatus,
    Verdict,
    Wake,
)
from domain.ids import RequestId
from domain.reasons import GateStatus, Reason
from tests.daemon.exchange import BASE
from tests.daemon.stand import CANCELLING, DOUBT_NS, LEAD_NS, ROUND_TRIP_NS, Stand

MS, S = NS_PER_MS, NS_PER_S


def quoting() -> Stand:
    stand = Stand()
    stand.quote_both()
    stand.run(500 * MS)
    stand.forget()
    return stand


def test_it_says_nothing_before_it_has_started() -> None:
    stand = Stand(begin=False)
    stand.step(KillSwitch(active=False, source="file", reason=""))
    stand.step(StreamStatus(up=True, reason=""))
    stand.run(3 * S)
    assert stand.sent(Place, CreateGroup, CancelAll) == []


def test_with_nothing_known_every_gate_is_closed_and_each_series_says_why() -> None:
    stand = Stand(begin=False)
    stand.step(Started("run", 1, "paper", "h", "b", ""))
    for series in BASE:
        assert set(stand.closed(series)) >= {
            "clock_untrusted", "exchange_paused", "private_stream_down", "not_reconciled",
            "limits_unknown", "risk_limit", "freshness_missing", "markets_unknown", "fees_unknown", "book_stale",
            "volatility_unknown",
        }  # fmt: skip
        votes = dict(stand.engine.state.gates[series])
        assert votes["kill_switch"].status is GateStatus.UNKNOWN, "closed before it was read, and not called engaged"
        assert "kill_switch_engaged" not in stand.closed(series)


# --- every reason closes the gate and the book empties ---------------------------------------------------------------


def _diverge(stand: Stand) -> None:
    stand.lean_ppm["polygon"] = 2_000
    stand.run(1_500 * MS)


def _silence(stand: Stand) -> None:
    for series in BASE:
        stand.silence(series)
    stand.run(2 * S)


def _drift(stand: Stand) -> None:
    stand.exchange.stranger("KXINXU-1800000120-T05")
    stand.stream(up=False)
    stand.stream(up=True)


CLOSERS: dict[Reason, Callable[[Stand], object]] = {
    Reason.KILL_SWITCH: lambda s: s.step(KillSwitch(active=True, source="file", reason="x")),
    Reason.SHUTDOWN: lambda s: s.step(Stop("SIGTERM")),
    Reason.JOURNAL_FAULT: lambda s: s.step(JournalFault("disk full")),
    Reason.PAUSED: lambda s: s.operator(Command.PAUSE),
    Reason.CANCEL_ALL_ACTIVE: lambda s: s.operator(Command.CANCEL_ALL),
    Reason.CANCEL_ALL_TAIL: lambda s: s.step(CancelAllMarker(s.utc_ns, "cancel-all", "shutdown")),
    Reason.CLOCK_UNTRUSTED: lambda s: s.step(ClockSample(2 * S, MS)),
    Reason.EXCHANGE_PAUSED: lambda s: s.step(
        ExchangeStatusRead(RequestId(0), s.now(), exchange_active=True, trading_active=False)
    ),
    Reason.PRIVATE_STREAM_DOWN: lambda s: s.stream(up=False),
    Reason.RECONCILE_DRIFT: _drift,
    Reason.LOOP_STALL: lambda s: s.step(LoopStall(300 * MS)),
    Reason.WS_STALE: _silence,
    Reason.FEED_DIVERGENCE: _diverge,
    Reason.BOOK_STALE: lambda s: s.step(BooksStale((), "gap")),
    Reason.FEES_UNKNOWN: lambda s: [
        s.step(FeesRead(RequestId(0), s.now(), name, "flat", 1_000_000, "")) for name in BASE
    ],
}


@pytest.mark.parametrize("reason", list(CLOSERS), ids=str)
def test_every_reason_closes_the_gate_and_the_book_empties(reason: Reason) -> None:
    stand = quoting()
    assert len(stand.exchange.resting()) == 4
    seen: set[str] = set()
    CLOSERS[reason](stand)
    for _ in range(30):
        seen |= {why for series in BASE for why in stand.closed(series)}
        stand.run(10 * MS)
    assert reason.value in seen
    assert [o for o in stand.exchange.resting() if o.client_order_id.startswith("ladderd")] == []
    assert stand.sent(*CANCELLING)


@pytest.mark.parametrize("missing", [Read.LIMITS, Read.FEES, Read.MARKETS, Read.BALANCE, Read.FILLS, Read.RESTING])
def test_nothing_is_placed_while_one_read_never_succeeds(missing: Read) -> None:
    stand = Stand(begin=False)
    stand.exchange.bad.unreadable = (missing,)
    stand.begin()
    stand.run(8 * S)
    assert stand.sent(Place) == []
    stand.exchange.bad.unreadable = ()
    stand.quote_both()


def test_an_unreadable_fee_file_keeps_the_gate_closed_by_name() -> None:
    stand = Stand(fees=None)
    stand.run(8 * S)
    assert stand.sent(Place) == []
    assert "fees_unknown" in stand.closed()


def test_live_needs_to_be_armed_in_every_session() -> None:
    stand = quoting()
    stand.engine.state.settings = stand.engine.state.settings._replace(live=True)
    stand.run(300 * MS)
    assert stand.exchange.resting() == []
    assert "not_armed" in stand.closed()
    stand.operator(Command.ARM)
    stand.run(5 * S)
    assert len(stand.exchange.resting()) == 4


def test_a_stale_index_pulls_only_its_own_series() -> None:
    stand = quoting()
    stand.silence("INXU")
    stand.run(1_800 * MS)
    assert stand.closed("INXU")[0] == "polygon_ws_stale"
    assert stand.exchange.resting("INXU") == []
    assert len(stand.exchange.resting("NASDAQ100U")) == 2
    assert stand.sent(CancelAll) == []


# --- edges -----------------------------------------------------------------------------------------------------------


def test_flattening_starts_at_freeze_less_lead_and_not_a_nanosecond_earlier() -> None:
    stand = quoting()
    flatten_ns = stand.target_ns - 2 * S - LEAD_NS
    stand.run_to(stand.mono_ns + flatten_ns - 1 - stand.utc_ns)
    assert stand.sent(TriggerGroup) == []
    assert len(stand.exchange.resting()) == 4
    stand.run_to(stand.mono_ns + 1)
    assert stand.utc_ns == flatten_ns
    # The group in use and the spare of both series: each window proves the control, whatever rests.
    assert len(stand.sent(TriggerGroup)) == 4
    stand.run(100 * MS)
    assert stand.exchange.resting() == []


def test_no_place_within_a_round_trip_of_the_flattening() -> None:
    stand = Stand(quoting={"reject_cooldown_ms": 100})
    stand.quote_both()
    # A lead of three seconds: with the usual one the shortest life of an order, one second, is what ends placing.
    stand.engine.state.held.times_to_flat_ns.extend([1 * S] * 101)
    stand.run_before_target(5_300 * MS)
    # From here on something is always to be placed: each is refused, and its side cools down for 100 ms only. Not for
    # longer, since five refusals cool a market.
    stand.exchange.bad.refuse_places = "invalid_price"
    for resting in stand.exchange.resting():
        stand.tell(*stand.exchange.end(resting.order_id, "HaltCancel"))
    flatten_ns = stand.target_ns - 2 * S - 3 * S - DOUBT_NS
    last_ns = 0
    while stand.utc_ns < flatten_ns:
        stand.forget()
        stand.run(5 * MS)
        stand.step(Wake())
        last_ns = stand.utc_ns if stand.sent(Place) else last_ns
    assert flatten_ns - ROUND_TRIP_NS - 120 * MS < last_ns <= flatten_ns - ROUND_TRIP_NS


def test_orders_expire_on_a_whole_second_three_before_the_target() -> None:
    stand = Stand()
    stand.quote_both()
    assert {p.expiration_s for p in stand.sent(Place) if isinstance(p, Place)} == {stand.target_ns // S - 3}


def test_nothing_rests_from_the_freeze_on_and_the_window_is_settled_and_reported() -> None:
    stand = quoting()
    stand.tell(*stand.exchange.execute(stand.exchange.resting("INXU")[0].order_id))
    stand.run_before_target(2 * S)
    assert stand.exchange.resting() == []
    stand.run_before_target(-20 * S)
    results = {row["series"]: row for row in stand.records("window_result")}
    assert len(stand.sent(Report)) == 2
    assert results["INXU"]["settled"]
    assert results["INXU"]["fills"] == 1
    bid_won = 1_000_000 - 4_300 * 100
    assert results["INXU"]["pnl"] == bid_won
    assert set(stand.exchange.groups) <= set(stand.engine.state.held.groups.known), "a group was left behind"


def test_the_lead_grows_with_the_measured_time_to_flat_within_its_bounds() -> None:
    stand = quoting()
    times = stand.engine.state.held.times_to_flat_ns
    for sample_ms, lead_ms in ((100, 1_500), (1_000, 3_000), (60_000, 15_000)):
        times.clear()
        times.extend([sample_ms * MS] * 99)
        stand.run(500 * MS)
        assert stand.engine.state.ladders.lead_ns == LEAD_NS
        times.append(sample_ms * MS)
        stand.run(500 * MS)
        assert stand.engine.state.ladders.lead_ns == lead_ms * MS + DOUBT_NS


@pytest.mark.parametrize(("offset_ms", "earlier_ms"), [(0, 200), (900, 1_100), (-900, 200)])
def test_orders_are_gone_by_the_earlier_of_both_clocks(offset_ms: int, earlier_ms: int) -> None:
    stand = quoting()
    stand.step(ClockSample(offset_ms * MS, 200 * MS))
    stand.run(500 * MS)
    assert stand.engine.state.ladders.lead_ns == 1_500 * MS + earlier_ms * MS
    flatten_ns = stand.target_ns - 2 * S - stand.engine.state.ladders.lead_ns
    stand.run_to(stand.mono_ns + flatten_ns - 1 - stand.utc_ns)
    assert stand.sent(TriggerGroup) == []
    stand.run_to(stand.mono_ns + 1)
    assert len(stand.sent(TriggerGroup)) == 4
    stand.run_before_target(2 * S + max(0, offset_ms) * MS)
    assert stand.exchange.resting() == []


def test_the_part_of_the_lead_for_the_clock_shrinks_only_between_windows() -> None:
    stand = quoting()
    stand.step(ClockSample(0, 200 * MS))
    stand.run(500 * MS)
    stand.step(ClockSample(0, 50 * MS))
    stand.run(500 * MS)
    assert stand.engine.state.ladders.lead_ns == 1_700 * MS
    stand.run_before_target(-5 * S)
    assert stand.engine.state.desks["INXU"].phase.value == "closed"
    assert stand.engine.state.ladders.lead_ns == 1_550 * MS


def test_a_window_that_has_begun_to_flatten_does_not_open_again_when_the_lead_shrinks() -> None:
    stand = quoting()
    stand.engine.state.held.times_to_flat_ns.extend([3 * S] * 101)
    stand.run_before_target(9 * S)
    assert stand.engine.state.desks["INXU"].phase.value == "flattening"
    stand.engine.state.held.times_to_flat_ns.clear()
    stand.forget()
    stand.run_before_target(0)
    assert stand.sent(Place) == []


# --- the final minute ------------------------------------------------------------------------------------------------


def in_strict() -> Stand:
    stand = quoting()
    stand.run_before_target(15 * S)
    assert len(stand.exchange.resting()) == 4
    stand.forget()
    return stand


@pytest.mark.step("H13")
def test_the_strict_limit_trips_just_beyond_700_ms_by_a_wake_alone_and_the_window_stays_flat() -> None:
    stand = in_strict()
    last = stand.engine.state.desks["INXU"].sentry.last
    assert last is not None
    stand.silence("INXU")
    stand.run_to(last.received_mono_ns + 700 * MS)
    assert stand.sent(TriggerGroup) == []
    wake_ns = stand.engine.next_deadline(stand.now())
    assert wake_ns is not None
    assert wake_ns <= last.received_mono_ns + 700 * MS + MS // 10
    stand.wait(wake_ns - stand.mono_ns)
    stand.step(Wake())
    assert len(stand.sent(TriggerGroup)) == 1
    assert stand.records("guard_trip")[0]["limit_ms"] == 700
    for fed in stand.feeding.values():
        fed.add("INXU")
    stand.forget()
    stand.run_before_target(0)
    assert [p for p in stand.sent(Place) if isinstance(p, Place) and p.cleared.series == "INXU"] == []
    assert stand.exchange.resting("INXU") == []


def test_a_trip_in_one_series_leaves_the_other_quoting() -> None:
    stand = in_strict()
    stand.silence("INXU")
    stand.run(900 * MS)
    assert stand.exchange.resting("INXU") == []
    assert len(stand.exchange.resting("NASDAQ100U")) == 2


def test_the_second_trip_freezes_the_session_until_resumed() -> None:
    stand = Stand()
    for count in (1, 2):
        stand.quote_both()
        target_ns = stand.target_ns + (count - 1) * 120 * S
        stand.run_to(stand.mono_ns + target_ns - 10 * S - stand.utc_ns)
        stand.silence("INXU")
        stand.run(1 * S)
        for fed in stand.feeding.values():
            fed.add("INXU")
        stand.run_to(stand.mono_ns + target_ns + 12 * S - stand.utc_ns)
    stand.run(20 * S)
    assert stand.exchange.resting("INXU") == []
    assert len(stand.exchange.resting("NASDAQ100U")) == 2
    stand.operator(Command.RESUME)
    stand.run(2 * S)
    assert len(stand.exchange.resting("INXU")) == 2


def test_a_feed_too_slow_for_the_strict_limit_stands_down_as_planned_and_counts_no_trip() -> None:
    stand = Stand()
    stand.tick_every_ns = 1_000 * MS
    stand.quote_both()
    stand.run_before_target(20 * S)
    assert len(stand.exchange.resting()) == 4
    stand.run(300 * MS)
    assert stand.exchange.resting() == []
    assert stand.records("guard_trip") == []
    assert len(stand.records("strict_stand_down")) == 2


# --- deadlines and ends ----------------------------------------------------------------------------------------------


def test_every_deadline_lies_ahead_and_waking_at_it_makes_progress() -> None:
    stand = quoting()
    stand.silence("INXU")
    stand.exchange.bad.refuse_triggers = stand.exchange.bad.cancel_404 = True
    begun_ns = stand.mono_ns
    for _ in range(400):
        due_ns = stand.engine.next_deadline(stand.now())
        assert due_ns is not None
        assert due_ns > stand.mono_ns
        stand.wait(due_ns - stand.mono_ns)
        stand.step(Wake())
        for action in list(stand.acts):
            for event in stand.exchange.answer(action):
                stand.step(event)
        stand.forget()
    assert stand.mono_ns - begun_ns > 4 * S, "deadlines crowd together: the shell would spin"


@pytest.mark.step("A10")
def test_stop_cancels_everything_proves_it_and_ends_with_zero() -> None:
    stand = quoting()
    stand.step(Stop("SIGTERM"))
    stand.run(5 * S)
    assert stand.exit == Exit(0, "shutdown")
    assert stand.exchange.resting() == []
    assert [type(a) for a in stand.sent(CancelAll, MarkCancelAll)] == [CancelAll, MarkCancelAll]


def test_stop_with_nothing_live_looks_and_leaves_without_a_cancel_all() -> None:
    stand = Stand()
    stand.run(1 * S)
    stand.step(Stop("SIGTERM"))
    stand.run(5 * S)
    assert stand.exit == Exit(0, "shutdown")
    assert stand.sent(CancelAll) == []


@pytest.mark.step("A10")
def test_stop_with_lost_answers_keeps_trying_and_says_what_may_still_be_live() -> None:
    stand = quoting()
    names = stand.live()
    stand.exchange.bad.lose, stand.exchange.bad.deaf = CANCELLING, True
    stand.exchange.bad.fail_reads = True
    stand.step(Stop("SIGTERM"))
    stand.run(21 * S)
    assert stand.exit is not None
    assert stand.exit.code == 1
    assert all(name in stand.exit.reason for name in names)
    assert len(stand.sent(CancelAll)) > 20
    assert len(stand.sent(MarkCancelAll)) < 30
    assert len(stand.sent(TriggerGroup)) < 2 * 21 * 8, "a failing exchange is sent triggers as fast as it fails"


def test_a_second_stop_changes_nothing() -> None:
    stand = quoting()
    stand.exchange.bad.fail_reads = True
    stand.step(Stop("SIGTERM"))
    stand.run(10 * S)
    stand.step(Stop("SIGINT"))
    stand.run(10 * S + 100 * MS)
    assert stand.exit is not None
    assert stand.exit.code == 1


def test_a_broken_journal_pulls_the_quotes_first_and_ends_with_one() -> None:
    stand = quoting()
    actions = stand.step(JournalFault("no space left"))
    assert any(isinstance(a, CancelAll) for a in actions)
    stand.forget()
    stand.run(5 * S)
    assert stand.exchange.resting() == []
    assert stand.exit == Exit(1, "journal_fault")
    assert stand.sent(Place) == []


# --- flat is proven before anything is placed again ------------------------------------------------------------------


def test_a_series_that_was_pulled_quotes_again_only_when_it_was_proven_flat() -> None:
    stand = quoting()
    stand.exchange.bad.list_lag_ns = 400 * MS
    stand.silence("INXU")
    stand.run(1_600 * MS)
    for fed in stand.feeding.values():
        fed.add("INXU")
    flat_at: list[int] = []
    for _ in range(400):
        stand.run(10 * MS)
        if not flat_at and [r for r in stand.records("time_to_flat") if r["series"] == "INXU"]:
            flat_at.append(stand.mono_ns)
        if not flat_at:
            assert stand.exchange.resting("INXU") == []
    assert flat_at
    assert len(stand.exchange.resting("INXU")) == 2


def test_the_expected_word_on_an_order_works_out_its_own_series_alone() -> None:
    stand = quoting()
    engine = stand.engine
    cycles, housekeeping_ns = engine.state.held.counts[Counted.CYCLES], engine.state.housekeeping_ns
    bid = next(o for o in engine.state.held.book.live.values() if o.series == "INXU")
    told = CancelOutcome(RequestId(900_001), Verdict.ACCEPTED, 200, order_id=bid.order_id)
    actions = stand.step(told)
    assert any(isinstance(a, Place) and a.ticker == bid.ticker for a in actions)  # its side is free again
    assert (engine.state.held.counts[Counted.CYCLES], engine.state.housekeeping_ns) == (cycles + 1, housekeeping_ns)
    # While something is pursued to its end, every word counts at once.
    stand.operator(Command.CANCEL_ALL)
    housekeeping_ns = engine.state.housekeeping_ns
    stand.wait(10 * MS)
    stand.step(msgspec.structs.replace(told, request_id=RequestId(900_002)))
    assert engine.state.housekeeping_ns == housekeeping_ns + 10 * MS


def test_each_flattening_is_measured_from_its_own_trigger() -> None:
    stand = quoting()
    stand.silence("INXU")
    stand.run(1_600 * MS)
    for fed in stand.feeding.values():
        fed.add("INXU")
    stand.run_before_target(0)
    took = [row["ms"] for row in stand.records("time_to_flat") if row["series"] == "INXU"]
    assert len(took) == 2
    assert max(took) < 1_000
