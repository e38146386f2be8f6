"""Alerts go out here: each receiver has its own queue and its own task, so that a dead one delays nobody.

`send` never waits: it is called from the loop between two steps. A full queue drops its oldest alert and counts it.
A receiver that fails is tried again with growing pauses, then given up with a receipt that says so. Receipts are kept
in memory and appended to a file, one JSON line each; they are what `ladderd alert-test` shows as evidence.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

import aiohttp
import msgspec
import structlog

from domain.clock import NS_PER_S, Clock
from domain.stamps import utc_ms_text
from ops.alerts.policy import ATTEMPTS_MAX, RESEND, RUNBOOK, AlertMessage, Dedupe, Policy, Receipt
from ops.alerts.raised import Raised
from ops.logs.masking import Masker

QUEUE_MAX = 256
RECEIPTS_KEPT = 512
WEBHOOK_TIMEOUT_S = 5.0
ANSWER_CHARS_KEPT = 200
HTTP_FIRST_BAD = 300
LOG_RESERVED = frozenset({"event", "level", "logger", "ts_utc", "exc_info", "exception", "stream", "stack_info"})


class DeliveryError(Exception):
    """A receiver did not take the alert; it may next time."""


class Receiver(Protocol):
    """Whoever takes alerts. `send` returns the receiver's word, or raises DeliveryError."""

    @property
    def name(self) -> str:
        """Stands on receipts and metrics."""
        ...

    async def send(self, alert: AlertMessage) -> str:
        """Deliver one alert."""
        ...


class LogReceiver:
    """Alerts as log lines: always there, cannot fail."""

    name = "log"

    def __init__(self) -> None:
        self._log = structlog.get_logger("ladderd.alert")

    async def send(self, alert: AlertMessage) -> str:
        """Write it at its own level: what it is about, then where its runbook is."""
        level = alert.severity if alert.severity in {"debug", "info", "warning", "error"} else "critical"
        facts = {f"{key}_" if key in LOG_RESERVED else key: value for key, value in alert.payload.items()}
        again = {"suppressed": alert.suppressed} if alert.suppressed else {}
        whole = {"correlation_id": alert.correlation_id} if alert.correlation_id else {}
        getattr(self._log, level)(
            alert.action, **(facts | again | whole | {"runbook": alert.runbook, "alert_id": alert.alert_id})
        )
        return "logged"


class WebhookReceiver:
    """Alerts as JSON POSTs; `slack` wraps them in the one field that chat webhooks read."""

    def __init__(self, name: str, url: str, *, slack: bool = False, timeout_s: float = WEBHOOK_TIMEOUT_S) -> None:
        self.name = name
        self._url, self._slack = url, slack
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def send(self, alert: AlertMessage) -> str:
        """POST it; anything but a 2xx is a failure."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": alert.alert_id}
        body = msgspec.json.encode({"text": chat_text(alert)} if self._slack else alert)
        try:
            async with (
                aiohttp.ClientSession(timeout=self._timeout, trust_env=False) as session,
                session.post(self._url, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                words = (await answer.content.read(ANSWER_CHARS_KEPT)).decode(errors="replace").strip()
                if answer.status >= HTTP_FIRST_BAD:
                    raise DeliveryError(f"HTTP {answer.status} {words}".strip())
                return f"HTTP {answer.status} {words}".strip()
        except (aiohttp.ClientError, OSError) as error:
            raise DeliveryError(str(error) or type(error).__name__) from error
        except TimeoutError as error:
            raise DeliveryError(f"no answer within {self._timeout.total:g} s") from error


def chat_text(alert: AlertMessage) -> str:
    """One alert as a line for a chat."""
    facts = ", ".join(f"{key} {value}" for key, value in alert.payload.items())
    again = f" (and {alert.suppressed} more like it)" if alert.suppressed else ""
    return f"[{alert.severity.upper()}] {alert.action}: {facts}{again} | {alert.timestamp} | {alert.runbook}"


class _Lane:
    """One receiver's queue: bounded, oldest dropped first."""

    def __init__(self, receiver: Receiver, policy: Policy, queue_max: int) -> None:
        self.receiver, self.policy = receiver, policy
        self.waiting: deque[AlertMessage] = deque()
        self.arrived = asyncio.Event()
        self._queue_max = queue_max

    def put(self, alert: AlertMessage) -> AlertMessage | None:
        """Queue it; returns the one that had to go, if any."""
        self.waiting.append(alert)
        self.arrived.set()
        return self.waiting.popleft() if len(self.waiting) > self._queue_max else None

    async def get(self) -> AlertMessage:
        """The oldest, once there is one."""
        while not self.waiting:
            self.arrived.clear()
            await self.arrived.wait()
        return self.waiting.popleft()


class AlertFan:
    """Takes alerts and brings each to every receiver that wants it."""

    def __init__(
        self,
        receivers: Sequence[tuple[Receiver, Policy]],
        *,
        clock: Clock,
        receipts_path: Path | None = None,
        masker: Masker | None = None,
        queue_max: int = QUEUE_MAX,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        names = [receiver.name for receiver, _ in receivers]
        assert len(names) == len(set(names)), "receivers have different names"
        self._lanes = [_Lane(receiver, policy, queue_max) for receiver, policy in receivers]
        self._clock, self._pause, self._path = clock, pause, receipts_path
        self._masker = masker or Masker()
        self._dedupe = Dedupe()
        self._number = 0
        self._open = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self.receipts: deque[Receipt] = deque(maxlen=RECEIPTS_KEPT)
        self.counters: Counter[str] = Counter()

    def send(self, raised: Raised, correlation_id: str = "") -> str | None:
        """Queue an alert for everyone who wants it; returns its id, or None when it was said already. Never waits."""
        now = self._clock.now()
        held = self._dedupe.admit(raised.subject, raised.severity, now.mono_ns)
        if held is None:
            self.counters["suppressed"] += 1
            return None
        self._number += 1
        alert = AlertMessage(
            alert_id=f"alert-{now.utc_ns}-{self._number}",
            action=raised.kind,
            severity=raised.severity,
            timestamp=utc_ms_text(now.utc_ns),
            payload=self._masker.fields(raised.payload),
            correlation_id=correlation_id,
            runbook=f"{RUNBOOK}#{raised.kind}",
            suppressed=held,
        )
        self.counters["sent"] += 1
        for lane in self._lanes:
            if lane.policy.wants(raised.kind, raised.severity):
                self._opened()
                dropped = lane.put(alert)
                if dropped is not None:
                    self._closed()
                    self._receipt(lane, dropped, delivered=False, attempts=0, detail="dropped: queue full")
        return alert.alert_id

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with asyncio.TaskGroup() as group:
            for lane in self._lanes:
                group.create_task(self._deliver_all(lane), name=f"alerts_{lane.receiver.name}")

    async def drain(self, limit_s: float) -> bool:
        """Wait until nothing is queued or under way, at most `limit_s`; whether it came to that."""
        try:
            async with asyncio.timeout(limit_s):
                await self._quiet.wait()
        except TimeoutError:
            return False
        return True

    def _opened(self) -> None:
        self._open += 1
        self._quiet.clear()

    def _closed(self) -> None:
        self._open -= 1
        if not self._open:
            self._quiet.set()

    async def _deliver_all(self, lane: _Lane) -> None:
        while True:
            alert = await lane.get()
            try:
                receipt = await self._deliver(lane, alert)
                if self._path is not None:
                    await asyncio.to_thread(_append, self._path, receipt)
            except OSError:
                self.counters["receipts_unwritten"] += 1  # the alert is out; a full disk has alarms of its own
            finally:
                self._closed()

    async def _deliver(self, lane: _Lane, alert: AlertMessage) -> Receipt:
        detail = ""
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                word = await lane.receiver.send(alert)
            except DeliveryError as error:
                detail = str(error)
                self.counters[f"failed_attempts:{lane.receiver.name}"] += 1
                if attempt < ATTEMPTS_MAX:
                    await self._pause(RESEND.wait_ns(attempt) / NS_PER_S)
            else:
                return self._receipt(lane, alert, delivered=True, attempts=attempt, detail=word)
        return self._receipt(lane, alert, delivered=False, attempts=ATTEMPTS_MAX, detail=detail)

    def _receipt(self, lane: _Lane, alert: AlertMessage, *, delivered: bool, attempts: int, detail: str) -> Receipt:
        receipt = Receipt(
            alert.alert_id,
            alert.action,
            lane.receiver.name,
            delivered,
            attempts,
            utc_ms_text(self._clock.now().utc_ns),
            self._masker.text(detail),
        )
        self.receipts.append(receipt)
        self.counters[f"{'delivered' if delivered else 'undelivered'}:{lane.receiver.name}"] += 1
        return receipt


def _append(path: Path, receipt: Receipt) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(msgspec.json.encode(receipt) + b"\n")
