from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from domain.alert_types.catalogue import Alert, Severity
from ops.alerts.delivery_io import AlertFan, DeliveryError, LogReceiver, Receiver, WebhookReceiver
from ops.alerts.policy import ATTEMPTS_MAX, AlertMessage, Policy
from ops.alerts.raised import Raised
from ops.logs.masking import Masker
from tests.ops.pictures import HandClock

ALL = Policy("debug")


class Box:
    """A receiver in memory that fails as often as told, or hangs."""

    def __init__(self, name: str = "box", failures: int = 0, *, hang: bool = False) -> None:
        self.name, self.failures, self.hang = name, failures, hang
        self.got: list[AlertMessage] = []
        self.reached = asyncio.Event()

    async def send(self, alert: AlertMessage) -> str:
        self.reached.set()
        if self.hang:
            await asyncio.Event().wait()
        if self.failures:
            self.failures -= 1
            raise DeliveryError("refused")
        self.got.append(alert)
        return "taken"


class Running:
    """A fan that runs for the length of a test, with pauses that take no time but are written down."""

    def __init__(self, *receivers: tuple[Receiver, Policy], **more: Any) -> None:  # noqa: ANN401 - goes to AlertFan
        self.clock, self.pauses = HandClock(), list[float]()
        self.fan = AlertFan(receivers, clock=self.clock, pause=self._pause, **more)

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.fan.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


def told(kind: str, severity: str, facts: dict[str, Any]) -> Raised:
    """An alert that tells these facts and is about all of them."""
    made: Any = msgspec.defstruct("MadeAlert", list(facts), bases=(Alert,), frozen=True)
    return Raised(kind, Severity(severity), tuple(facts), made(Severity(severity), *facts.values()))


async def test_an_alert_has_the_contracts_fields_and_leaves_a_receipt(tmp_path: Path) -> None:
    box, path = Box(), tmp_path / "alerts" / "receipts.ndjson"
    async with Running((box, ALL), receipts_path=path) as running:
        alert_id = running.fan.send(told("guard_trip", "error", {"series": "INXU", "age_s": 0.9}), "c-1")
        assert await running.fan.drain(5)
    (alert,) = box.got
    assert alert.alert_id == alert_id
    assert (alert.action, alert.severity, alert.correlation_id) == ("guard_trip", "error", "c-1")
    assert alert.timestamp == "2026-03-06T14:55:00.000Z"
    assert alert.runbook == "docs/runbooks/alerts.md#guard_trip"
    receipt = json.loads(path.read_text())
    assert (receipt["alert_id"], receipt["receiver"], receipt["delivered"]) == (alert_id, "box", True)
    assert (receipt["attempts"], receipt["detail"]) == (1, "taken")


async def test_a_failing_receiver_is_tried_again_with_growing_pauses() -> None:
    box = Box(failures=3)
    async with Running((box, ALL)) as running:
        running.fan.send(told("a", "error", {}))
        assert await running.fan.drain(5)
        assert running.pauses == [0.5, 1.0, 2.0]
    assert len(box.got) == 1
    assert running.fan.receipts[0].attempts == 4


async def test_in_the_end_it_is_given_up_with_a_receipt() -> None:
    box = Box(failures=99)
    async with Running((box, ALL)) as running:
        running.fan.send(told("a", "error", {}))
        assert await running.fan.drain(5)
    (receipt,) = running.fan.receipts
    assert (receipt.delivered, receipt.attempts, receipt.detail) == (False, ATTEMPTS_MAX, "refused")
    assert running.fan.counters["undelivered:box"] == 1


async def test_a_dead_receiver_delays_nobody_and_its_queue_drops_the_oldest() -> None:
    dead, well = Box("dead", hang=True), Box("well")
    async with Running((dead, ALL), (well, ALL), queue_max=2) as running:
        running.fan.send(told("a0", "error", {}))
        await dead.reached.wait()
        for number in range(1, 5):
            running.fan.send(told(f"a{number}", "error", {}))
        async with asyncio.timeout(5):
            while len(well.got) < 3:
                well.reached.clear()
                await well.reached.wait()
        assert not await running.fan.drain(0)
    dropped = [
        receipt.action for receipt in running.fan.receipts if receipt.attempts == 0 and receipt.receiver == "dead"
    ]
    assert dropped == ["a1", "a2"]


async def test_said_once_wanted_by_some() -> None:
    loud, quiet = Box("loud"), Box("quiet")
    async with Running((loud, ALL), (quiet, Policy("critical"))) as running:
        assert running.fan.send(told("a", "warning", {"series": "INXU"}))
        assert running.fan.send(told("a", "warning", {"series": "INXU"})) is None
        running.clock.advance(60)
        assert running.fan.send(told("a", "warning", {"series": "INXU"}))
        assert await running.fan.drain(5)
    assert [alert.suppressed for alert in loud.got] == [0, 1]
    assert quiet.got == []


async def test_secrets_do_not_travel() -> None:
    box = Box()
    async with Running((box, ALL), masker=Masker(["hunter22"])) as running:
        running.fan.send(told("a", "error", {"why": "hunter22 refused", "token": "x"}))
        assert await running.fan.drain(5)
    assert box.got[0].payload == {"why": "*** refused", "token": "***"}


async def test_the_log_receiver_writes_at_the_alerts_level() -> None:
    async with Running((LogReceiver(), ALL)) as running:
        with capture_logs() as logs:
            running.fan.send(told("a", "error", {"series": "INXU", "event": "odd"}))
            assert await running.fan.drain(5)
    assert (logs[0]["event"], logs[0]["log_level"], logs[0]["series"]) == ("a", "error", "INXU")
    assert (logs[0]["event_"], logs[0]["runbook"]) == ("odd", "docs/runbooks/alerts.md#a")
    assert "payload" not in str(logs[0]), "facts stand by themselves, not as a mapping in a mapping"


class Hook:
    """A webhook's other end."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.answers: list[int] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.got.append(await request.json())
        self.keys.append(request.headers["Idempotency-Key"])
        return web.Response(status=self.answers.pop(0) if self.answers else 200, text="ok")


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    taken = Hook()
    app = web.Application()
    app.router.add_post("/hook", taken.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    taken.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield taken
    await runner.cleanup()


async def test_a_webhook_gets_json_and_its_answer_is_the_receipt(hook: Hook) -> None:
    hook.answers = [500, 302, 200]
    async with Running((WebhookReceiver("hook", hook.url), ALL)) as running:
        alert_id = running.fan.send(told("kill_switch", "critical", {"reason": "file"}))
        assert await running.fan.drain(10)
    assert [body["action"] for body in hook.got] == ["kill_switch"] * 3
    assert set(hook.keys) == {alert_id}
    assert set(hook.got[0]) >= {"action", "severity", "timestamp", "payload", "correlation_id", "runbook"}
    assert (running.fan.receipts[0].attempts, running.fan.receipts[0].detail) == (3, "HTTP 200 ok")


async def test_a_chat_gets_one_line(hook: Hook) -> None:
    async with Running((WebhookReceiver("chat", hook.url, slack=True), ALL)) as running:
        running.fan.send(told("guard_trip", "error", {"series": "INXU"}))
        assert await running.fan.drain(10)
    assert hook.got[0]["text"].startswith("[ERROR] guard_trip: series INXU | 2026-03-06T14:55:00.000Z | docs/")


async def test_nobody_there_is_a_delivery_error() -> None:
    receiver = WebhookReceiver("hook", "http://127.0.0.1:1/", timeout_s=2)
    alert = AlertMessage("1", "a", "error", "t", {}, "", "r")
    with pytest.raises(DeliveryError):
        await receiver.send(alert)


async def test_a_receiver_that_hangs_times_out(hook: Hook) -> None:
    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.close()

    gone = asyncio.Event()
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    with pytest.raises(DeliveryError):
        await WebhookReceiver("hook", url, timeout_s=0.05).send(AlertMessage("1", "a", "error", "t", {}, "", "r"))
    gone.set()
    server.close()
    await server.wait_closed()
    assert hook.got == []
