from __future__ import annotations

import pytest
from msgspec.structs import replace

from domain.actions import AnyAction, CancelAll, CancelOrders, Cleared, Place, TriggerGroup
from domain.alert_types.catalogue import CashMovedAlert, NeverAnsweredAlert, ReconcileDriftAlert, Severity
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import (
    AnyEvent,
    BooksStale,
    CancelAllOutcome,
    CancelOutcome,
    GroupOp,
    GroupOutcome,
    LoopStall,
    OrdersRead,
    PlaceOutcome,
    ReadFailed,
    StreamStatus,
    Tick,
    Verdict,
    Wake,
)
from domain.ids import ClientOrderId, GroupId, OrderId, RequestId, Ticker, close_out_order_id
from domain.market import OrderRef, Side
from domain.money import Count, IndexValue, Price
from domain.reasons import RiskDecision, RiskLimit
from domain.records import (
    CancelAllDoneEntry,
    CloseOutOrderEntry,
    FeedSwitchEntry,
    ForeignFillEntry,
    GuardTripEntry,
    KillSwitchEntry,
    NoteEntry,
    OrderRefusedEntry,
    RiskDecisionEntry,
    TimeToFlatEntry,
)
from ops.metrics.fold import CODES_MAX
from tests.journal import story
from tests.ops.metrics.made import folding, samples, view

NOW = Now(2 * NS_PER_S, 3 * NS_PER_S)
SENT_NS = NOW.mono_ns - 4 * NS_PER_MS
ONE, NAME, GROUP = RequestId(1), ClientOrderId("n"), GroupId("g")
REF = OrderRef(OrderId("o"), Ticker("T"), 0)
CLOSING = close_out_order_id("1-1", 1)
CLOSE_OUT = CloseOutOrderEntry("1-1", CLOSING, Ticker("T"), Side.ASK, Price(4000), Count(100))
CROSSED = "post only cross"


def alerted(kind: str, severity: str) -> dict[str, float]:
    """What one alert counts."""
    return {f'ladderd_alerts_total{{severity="{severity}"}}': 1, f'ladderd_alerts_by_kind_total{{kind="{kind}"}}': 1}


def placed(verdict: Verdict, status: int = 0, code: str = "", detail: str = "") -> PlaceOutcome:
    return PlaceOutcome(ONE, verdict, status, code, detail, SENT_NS, client_order_id=NAME)


def cancelled(verdict: Verdict, status: int) -> CancelOutcome:
    return CancelOutcome(ONE, verdict, status, sent_mono_ns=SENT_NS, order_id=OrderId("o"))


PLACE = Place(ONE, NAME, Ticker("T"), Side.BID, Price(1), Count(100), GROUP, 0, 1, Cleared("INXU", 1))
TICK = Tick("massive", "I:SPX", IndexValue(1), "1", 0, SENT_NS, 0)
LISTED = OrdersRead(ONE, NOW, 0, resting_only=True, orders=())
FILL = story.filled(1, story.LOW, Side.BID, 4_200)
TRIP = replace(story.stale(), reason="polygon_ws_final_minute_stale")
APART = GuardTripEntry(reason="feed_divergence", symbol="I:SPX", values={})
LOST = GuardTripEntry(reason="order_group_lost", series="INXU", group_id=GROUP)
FLAT = TimeToFlatEntry("INXU", "polygon_ws_stale", 40.0, 2)
FOREIGN = ForeignFillEntry(**{name: getattr(FILL, name) for name in FILL.__struct_fields__})

REFUSED = OrderRefusedEntry(
    "INXU", 1, ClientOrderId("o"), Ticker("T"), Side.BID, Price(5000), Count(100), "risk: too much", RiskLimit.PER_WEEK
)
# what a step saw, what it sent, and by how much which sample moves
CASES: dict[str, tuple[AnyEvent, list[AnyAction], dict[str, float]]] = {
    "a tick": (TICK, [], {"ladderd_feed_delivery_seconds_count": 1, "ladderd_feed_delivery_seconds_sum": 0.004}),
    "an order sent": (Wake(), [PLACE, PLACE], {"ladderd_orders_sent_total": 2}),
    "an order taken": (
        placed(Verdict.ACCEPTED, 201),
        [],
        {"ladderd_orders_accepted_total": 1, 'ladderd_exchange_answers_total{outcome="ok"}': 1,
         "ladderd_place_round_trip_seconds_count": 1, "ladderd_place_round_trip_seconds_sum": 0.004},
    ),
    "an order refused": (
        placed(Verdict.REFUSED, 400, "invalid_price"),
        [],
        {'ladderd_orders_refused_total{reason="invalid_price"}': 1,
         'ladderd_exchange_answers_total{outcome="4xx"}': 1},
    ),
    "an order that would have taken": (
        placed(Verdict.REFUSED, 400, "invalid_order", CROSSED),
        [],
        {'ladderd_orders_refused_total{reason="invalid_order"}': 1, "ladderd_post_only_rejects_total": 1,
         'ladderd_exchange_answers_total{outcome="expected"}': 1},
    ),
    "an order whose fate is unknown": (
        placed(Verdict.UNKNOWN, 503),
        [],
        {"ladderd_orders_unknown_total": 1, 'ladderd_exchange_answers_total{outcome="5xx"}': 1},
    ),
    "an order without an answer": (
        placed(Verdict.UNKNOWN),
        [],
        {"ladderd_orders_unknown_total": 1, 'ladderd_exchange_answers_total{outcome="none"}': 1},
    ),
    "an order never written": (placed(Verdict.UNSENT), [], {"ladderd_orders_unsent_total": 1}),
    "a cancel taken": (
        cancelled(Verdict.ACCEPTED, 200),
        [],
        {"ladderd_cancel_round_trip_seconds_count": 1, "ladderd_cancel_round_trip_seconds_sum": 0.004,
         'ladderd_exchange_answers_total{outcome="ok"}': 1},
    ),
    "a cancel of what is gone": (
        cancelled(Verdict.UNKNOWN, 404), [], {'ladderd_exchange_answers_total{outcome="expected"}': 1},
    ),
    "a group's answer": (
        GroupOutcome(ONE, Verdict.REFUSED, 429, op=GroupOp.TRIGGER),
        [],
        {'ladderd_exchange_answers_total{outcome="4xx"}': 1},
    ),
    "a cancel-all's answer": (
        CancelAllOutcome(ONE, Verdict.ACCEPTED, 200), [], {'ladderd_exchange_answers_total{outcome="ok"}': 1},
    ),
    "a list": (LISTED, [], {"ladderd_listings_total": 1, 'ladderd_exchange_answers_total{outcome="ok"}': 1}),
    "a read that failed": (
        ReadFailed(ONE, "fills", 500, "boom"),
        [],
        {"ladderd_read_failures_total": 1, 'ladderd_exchange_answers_total{outcome="5xx"}': 1},
    ),
    "books not believed": (BooksStale((), "gap"), [], {"ladderd_books_stale_total": 1}),
    "the stream lost": (StreamStatus(up=False, reason="gone"), [], {"ladderd_stream_drops_total": 1}),
    "the stream had": (StreamStatus(up=True, reason=""), [], {}),
    "a stall": (LoopStall(NS_PER_S), [], {"ladderd_loop_stalls_total": 1}),
    "cancels": (
        Wake(),
        [CancelOrders(ONE, (REF, REF), "requote"), TriggerGroup(ONE, GROUP, 0, "x"), CancelAll(ONE, "x")],
        {"ladderd_cancels_sent_total": 2, "ladderd_group_triggers_total": 1, "ladderd_cancel_alls_total": 1},
    ),
    "an alert": (Wake(), [NeverAnsweredAlert(Severity.ERROR, 1, 0)], {**alerted("never_answered", "error")}),
    "a drift": (
        Wake(),
        [ReconcileDriftAlert(Severity.CRITICAL, "x", "x")],
        {**alerted("reconcile_drift", "critical"), "ladderd_reconcile_drifts_total": 1},
    ),
    "a fill that is not ours": (
        Wake(),
        [FOREIGN],
        {**alerted("foreign_fill", "critical"), "ladderd_reconcile_drifts_total": 1},
    ),
    "cash that somebody moved": (
        Wake(),
        [CashMovedAlert(Severity.WARNING, "x", "x")],
        {**alerted("cash_moved", "warning"), "ladderd_reconcile_drifts_total": 1},
    ),
    "a trip": (
        Wake(),
        [TRIP],
        {'ladderd_guard_trips_total{series="INXU"}': 1, **alerted("final_minute_stale", "warning")},
    ),
    "feeds that disagree": (
        Wake(), [APART], {"ladderd_feed_divergences_total": 1, **alerted("feed_divergence", "error")},
    ),
    "a group lost": (
        Wake(), [LOST], {"ladderd_groups_lost_total": 1, **alerted("order_group_lost", "warning")},
    ),
    "a switch of feeds": (
        Wake(),
        [FeedSwitchEntry("a", "b", "stale", None)],
        {"ladderd_feed_failovers_total": 1, **alerted("feed_switch", "warning")},
    ),
    "a halt": (
        Wake(),
        [KillSwitchEntry("file", "x")],
        {"safety_halted_total": 1, **alerted("kill_switch", "critical")},
    ),
    "a fill": (Wake(), [FILL], {"ladderd_fills_total": 1}),
    "a fill that took": (
        Wake(),
        [replace(FILL, liquidity_side="taker")],
        {"ladderd_fills_total": 1, "ladderd_taker_fills_total": 1, **alerted("taker_fill", "critical")},
    ),
    "a fill of a close-all": (
        Wake(),
        [replace(FILL, liquidity_side="taker", client_order_id=CLOSING)],
        {"ladderd_fills_total": 1, "ladderd_close_out_fills_total": 1},
    ),
    "an order of a close-all": (
        Wake(),
        [CLOSE_OUT, replace(CLOSE_OUT, filled=Count(0))],
        {"ladderd_close_out_orders_total": 1},
    ),
    "an order that a limit refused": (
        Wake(),
        [REFUSED],
        {'ladderd_limit_acts_total{limit="per_week"}': 1, **alerted("risk_reject", "warning")},
    ),
    "risk stops an event": (
        Wake(),
        [RiskDecisionEntry(RiskDecision.REDUCE, approved=False, reason="x", series="INXU", limit=RiskLimit.EVENT_LOSS)],
        {'ladderd_limit_acts_total{limit="event_loss"}': 1, **alerted("risk_stop_loss", "critical")},
    ),
    "a gate that turned is no limit's": (
        Wake(), [RiskDecisionEntry(RiskDecision.ALLOW, approved=True, reason="", series="INXU")], {},
    ),
    "a cancel-all done": (Wake(), [CancelAllDoneEntry("operator_cli", 1.0)], {"ladderd_cancel_all_completed_total": 1}),
    "a series proven flat": (
        Wake(),
        [FLAT],
        {'ladderd_time_to_flat_seconds_count{trigger="polygon_ws_stale"}': 1,
         'ladderd_time_to_flat_seconds_sum{trigger="polygon_ws_stale"}': 0.04},
    ),
    "nothing was there to empty": (Wake(), [replace(FLAT, orders=0)], {}),
    "a record of no metric": (Wake(), [NoteEntry("x", "ann")], {}),
}  # fmt: skip
ALWAYS = ("ladderd_step_seconds", "agent_tick_duration_seconds", "process_", "python_")


@pytest.mark.parametrize("case", CASES)
def test_a_step_moves_what_it_must_and_nothing_else(case: str) -> None:
    event, actions, expected = CASES[case]
    metrics, fold = folding()
    before = samples(view(), metrics)
    fold.step(event, NOW, actions, 1_000)
    moved = {
        name + ("{" + ",".join(f'{k}="{v}"' for k, v in labels) + "}" if labels else ""): value - before.get(key, 0.0)
        for key, value in samples(view(), metrics).items()
        for name, labels in [key]
        if value != before.get(key, 0.0) and not name.startswith(ALWAYS) and not name.endswith("_bucket")
    }
    assert moved == pytest.approx(expected)


def test_there_are_as_many_steps_as_were_made_and_they_took_what_they_took() -> None:
    metrics, fold = folding()
    for _ in range(10_000):
        fold.step(Wake(), NOW, [], 20_000)
    found = samples(view(), metrics)
    assert found["ladderd_step_seconds_count", ()] == 10_000
    assert found["ladderd_step_seconds_sum", ()] == pytest.approx(0.2)
    assert found["ladderd_step_seconds_bucket", (("le", "0.0001"),)] == 10_000


def test_labels_that_are_known_stand_at_zero_before_their_first_count() -> None:
    found = samples(view(), folding()[0])
    assert found["ladderd_guard_trips_total", (("series", "INXU"),)] == 0
    assert found["ladderd_exchange_answers_total", (("outcome", "5xx"),)] == 0
    assert found["ladderd_alerts_by_kind_total", (("kind", "key_refused"),)] == 0
    assert found["ladderd_time_to_flat_seconds_count", (("trigger", "kill_switch_engaged"),)] == 0


def test_codes_that_an_exchange_invents_have_an_end() -> None:
    metrics, fold = folding()
    for number in range(CODES_MAX + 10):
        fold.step(placed(Verdict.REFUSED, 400, f"code_{number}"), NOW, [], 0)
    found = {
        labels: value for (name, labels), value in samples(view(), metrics).items() if name.endswith("refused_total")
    }
    reasons = {labels: value for labels, value in found.items() if labels and dict(labels)["reason"] != "origin"}
    assert len(reasons) == CODES_MAX + 1
    assert reasons[("reason", "other"),] == 10
