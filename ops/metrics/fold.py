"""Metrics as a fold over the steps that the live shell performs: what a step saw and sent is counted here.

A step itself touches no metric. It leaves its event, its actions and their records; the runner hands each step over
once it has been performed. What a metric needs and no step tells is in the engine's counts (domain/counts.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import UNSET

from domain.actions import AnyAction, CancelAll, CancelOrders, Place, TriggerGroup
from domain.clock import NS_PER_S, Now
from domain.events import (
    AnyEvent,
    BalanceRead,
    BooksStale,
    CancelAllOutcome,
    CancelOutcome,
    ExchangeScheduleRead,
    ExchangeStatusRead,
    FeesRead,
    FillsRead,
    GroupOutcome,
    GroupsRead,
    LimitsRead,
    LoopStall,
    MarketsRead,
    OrdersRead,
    Outcome,
    PlaceOutcome,
    PositionsRead,
    ReadFailed,
    SettlementsRead,
    StreamStatus,
    Tick,
    Verdict,
)
from domain.ids import is_close_out
from domain.metrics import Metric
from domain.reasons import Reason, RiskLimit
from domain.records import (
    CancelAllDoneEntry,
    CloseOutOrderEntry,
    FeedSwitchEntry,
    GuardTripEntry,
    KillSwitchEntry,
    OrderFilledEntry,
    OrderRefusedEntry,
    RiskDecisionEntry,
    TimeToFlatEntry,
)
from ops.alerts.raised import ALERT_KINDS, Raised, raised_by
from ops.metrics.registry import Metrics

READS = (
    *(BalanceRead, ExchangeStatusRead, FeesRead, FillsRead, GroupsRead, LimitsRead, MarketsRead, PositionsRead),
    *(ExchangeScheduleRead, SettlementsRead),
)
SEVERITIES = ("debug", "info", "warning", "error", "critical")
OUTCOMES = ("ok", "4xx", "5xx", "expected", "none")
# What usually empties a book; each of these stands at 0 from the start.
TRIGGERS = (
    *(Reason.T_MINUS_2S, Reason.WS_STALE, Reason.FINAL_MINUTE_STALE, Reason.KILL_SWITCH, Reason.PAUSED),
    *(Reason.OPERATOR_SIGUSR1, Reason.OPERATOR_CLI, Reason.OPERATOR_HTTP, Reason.PRIVATE_STREAM_DOWN),
)
CODES_MAX = 64
# Each is told of one difference; a fill that is not ours, and cash that somebody moved, have alerts of their own.
DRIFTS = frozenset({"reconcile_drift", "foreign_fill", "cash_moved"})
HTTP_NOT_FOUND, HTTP_CLIENT, HTTP_SERVER = 404, 400, 500


def would_have_taken(event: PlaceOutcome) -> bool:
    """Whether the exchange refused an order because it would have crossed the book."""
    said = f"{event.code} {event.detail}".replace("_", " ")
    return event.verdict is Verdict.REFUSED and "post only cross" in said


def outcome_of(http_status: int) -> str:
    """The class of an HTTP status; "none" where no answer came."""
    if http_status >= HTTP_SERVER:
        return "5xx"
    if http_status >= HTTP_CLIENT:
        return "4xx"
    return "ok" if http_status else "none"


class MetricsFold:
    """Counts what each step saw and sent. `series`: those that may be quoted."""

    def __init__(self, metrics: Metrics, series: Sequence[str]) -> None:
        self._metrics = metrics
        self._bind(metrics, series)
        self._codes: set[str] = set()
        self._events: dict[type, Callable[[Any, Now], None]] = {
            Tick: self._tick,
            PlaceOutcome: self._placed,
            CancelOutcome: self._cancelled,
            GroupOutcome: self._answered,
            CancelAllOutcome: self._answered,
            OrdersRead: self._listed,
            ReadFailed: self._read_failed,
            BooksStale: lambda _e, _n: self._books_stale.inc(),
            StreamStatus: self._stream,
            LoopStall: lambda _e, _n: self._stalls.inc(),
        } | dict.fromkeys(READS, lambda _e, _n: self._answers["ok"].inc())
        self._actions: dict[type, Callable[[Any], None]] = {
            Place: lambda _: self._sent.inc(),
            CancelOrders: lambda action: self._cancels.inc(len(action.orders)),
            TriggerGroup: lambda _: self._triggers.inc(),
            CancelAll: lambda _: self._cancel_alls.inc(),
            GuardTripEntry: self._trip,
            FeedSwitchEntry: lambda _: self._failovers.inc(),
            KillSwitchEntry: lambda _: self._halts.inc(),
            OrderFilledEntry: self._filled,
            CloseOutOrderEntry: self._close_out,
            OrderRefusedEntry: self._over_limit,
            RiskDecisionEntry: self._over_limit,
            CancelAllDoneEntry: lambda _: self._completed.inc(),
            TimeToFlatEntry: self._flat,
        }

    def _bind(self, metrics: Metrics, series: Sequence[str]) -> None:
        counter, histogram = metrics.counter, metrics.histogram
        self._steps = histogram(Metric.STEP)
        self._delivery = histogram(Metric.FEED_DELIVERY)
        self._place_time = histogram(Metric.PLACE_TIME)
        self._cancel_time = histogram(Metric.CANCEL_TIME)
        self._alerts = {severity: counter(Metric.ALERTS, severity) for severity in SEVERITIES}
        self._kinds = {kind: counter(Metric.ALERTS_BY_KIND, kind) for kind in ALERT_KINDS}
        self._answers = {outcome: counter(Metric.ANSWERS, outcome) for outcome in OUTCOMES}
        self._trips = {name: counter(Metric.TRIPS, name) for name in series}
        self._halts = counter(Metric.HALTS)
        self._stalls = counter(Metric.LOOP_STALLS)
        self._divergences = counter(Metric.DIVERGENCES)
        self._failovers = counter(Metric.FAILOVERS)
        self._stream_drops = counter(Metric.STREAM_DROPS)
        self._books_stale = counter(Metric.BOOKS_STALE)
        self._reads_failed = counter(Metric.READ_FAILURES)
        self._listings = counter(Metric.LISTINGS)
        self._sent = counter(Metric.ORDERS_SENT)
        self._accepted = counter(Metric.ORDERS_ACCEPTED)
        self._unproven = {
            Verdict.UNKNOWN: counter(Metric.ORDERS_UNKNOWN),
            Verdict.UNSENT: counter(Metric.ORDERS_UNSENT),
        }
        self._crossing = counter(Metric.POST_ONLY_REJECTS)
        self._cancels = counter(Metric.CANCELS_SENT)
        self._triggers = counter(Metric.GROUP_TRIGGERS)
        self._groups_lost = counter(Metric.GROUPS_LOST)
        self._cancel_alls = counter(Metric.CANCEL_ALLS)
        self._completed = counter(Metric.CANCEL_ALLS_DONE)
        self._drifts = counter(Metric.DRIFTS)
        self._over = {limit: counter(Metric.OVER_LIMITS, limit.value) for limit in RiskLimit}
        self._fills = counter(Metric.FILLS)
        self._taken = counter(Metric.TAKER_FILLS)
        self._closing = counter(Metric.CLOSE_OUT_ORDERS)
        self._closed = counter(Metric.CLOSE_OUT_FILLS)
        self._flats = {trigger.value: histogram(Metric.TIME_TO_FLAT, trigger.value) for trigger in TRIGGERS}

    def step(self, event: AnyEvent, now: Now, actions: Sequence[AnyAction], took_ns: int) -> None:
        """One step was made and performed; `took_ns` is the engine's part of it."""
        self._steps.observe(took_ns / NS_PER_S)
        seen = self._events.get(type(event))
        if seen is not None:
            seen(event, now)
        for action in actions:
            done = self._actions.get(type(action))
            if done is not None:
                done(action)
            raised = raised_by(action)
            if raised is not None:
                self._raised(raised)

    # --- events --------------------------------------------------------------------------------------------------

    def _tick(self, event: Tick, now: Now) -> None:
        self._delivery.observe((now.mono_ns - event.received_mono_ns) / NS_PER_S)

    def _placed(self, event: PlaceOutcome, now: Now) -> None:
        if event.verdict is Verdict.ACCEPTED:
            self._accepted.inc()
            if event.sent_mono_ns:
                self._place_time.observe((now.mono_ns - event.sent_mono_ns) / NS_PER_S)
        elif event.verdict is Verdict.REFUSED:
            self._metrics.counter(Metric.ORDERS_REFUSED, self._code(event)).inc()
        else:
            self._unproven[event.verdict].inc()
        if would_have_taken(event):
            self._crossing.inc()
            self._answers["expected"].inc()
        else:
            self._answered(event, now)

    def _code(self, event: PlaceOutcome) -> str:
        """The exchange's code as a label, but not ever more of them: what an exchange may invent has no end."""
        code = event.code or str(event.http_status)
        if len(self._codes) < CODES_MAX:
            self._codes.add(code)
        return code if code in self._codes else "other"

    def _cancelled(self, event: CancelOutcome, now: Now) -> None:
        if event.verdict is Verdict.ACCEPTED and event.sent_mono_ns:
            self._cancel_time.observe((now.mono_ns - event.sent_mono_ns) / NS_PER_S)
        if event.http_status == HTTP_NOT_FOUND:
            self._answers["expected"].inc()
        else:
            self._answered(event, now)

    def _answered(self, event: Outcome, _now: Now) -> None:
        if event.verdict is Verdict.ACCEPTED:
            self._answers["ok"].inc()
        elif event.verdict is not Verdict.UNSENT:
            self._answers[outcome_of(event.http_status)].inc()

    def _listed(self, event: OrdersRead, _now: Now) -> None:
        self._answers["ok"].inc()
        if event.resting_only:
            self._listings.inc()

    def _read_failed(self, event: ReadFailed, _now: Now) -> None:
        self._reads_failed.inc()
        self._answers[outcome_of(event.http_status)].inc()

    def _stream(self, event: StreamStatus, _now: Now) -> None:
        if not event.up:
            self._stream_drops.inc()

    # --- actions -------------------------------------------------------------------------------------------------

    def _raised(self, raised: Raised) -> None:
        self._alerts[raised.severity].inc()
        self._kinds[raised.kind].inc()
        if raised.kind in DRIFTS:
            self._drifts.inc()

    # --- records -------------------------------------------------------------------------------------------------

    def _trip(self, told: GuardTripEntry) -> None:
        if told.reason == Reason.FINAL_MINUTE_STALE and told.series is not UNSET:
            self._trips[told.series].inc()
        elif told.reason == Reason.FEED_DIVERGENCE:
            self._divergences.inc()
        elif told.reason == Reason.ORDER_GROUP_LOST:
            self._groups_lost.inc()

    def _filled(self, told: OrderFilledEntry) -> None:
        self._fills.inc()
        if told.liquidity_side == "taker":
            (self._closed if is_close_out(told.client_order_id) else self._taken).inc()

    def _close_out(self, told: CloseOutOrderEntry) -> None:
        if told.filled is UNSET:
            self._closing.inc()

    def _over_limit(self, told: OrderRefusedEntry | RiskDecisionEntry) -> None:
        if told.limit is not UNSET:
            self._over[told.limit].inc()

    def _flat(self, told: TimeToFlatEntry) -> None:
        if told.orders:
            flat = self._flats.get(told.trigger) or self._metrics.histogram(Metric.TIME_TO_FLAT, told.trigger)
            flat.observe(told.ms / 1_000)
