from __future__ import annotations

import asyncio
import json

import pytest
from prometheus_client.parser import text_string_to_metric_families

from domain.errors import UnavailableError
from ops.http.http_io import OpsServer
from ops.metrics.view import Runtime
from ops.status import TaskHealth
from tests.ops.conftest import Start
from tests.ops.pictures import GATES, gate


async def test_health_is_200_while_every_task_makes_progress(start: Start) -> None:
    site = await start()
    status, headers, body = await site.get("/health")
    assert (status, headers["content-type"]) == (200, "application/json")
    document = json.loads(body)
    assert document["status"] == "ok"
    assert document["tasks"]["runner"] == {"age_s": 0.02, "limit_s": 1.0}


@pytest.mark.step("G10")
@pytest.mark.parametrize("tasks", [(), (TaskHealth("runner", 1.01, 1.0),)])
async def test_health_is_503_for_a_stuck_task_and_for_none(start: Start, tasks: tuple[TaskHealth, ...]) -> None:
    site = await start()
    site.daemon.tasks = tasks
    status, _, body = await site.get("/health")
    assert (status, json.loads(body)["status"]) == (503, "unhealthy")


async def test_ready_names_every_gate(start: Start) -> None:
    site = await start()
    status, _, body = await site.get("/ready")
    document = json.loads(body)
    assert (status, document["ready"]) == (200, True)
    assert document["gates"][0] == {
        "name": "kill_switch",
        "series": "",
        "status": "PASS",
        "reason": "",
        "detail": "",
        "age_s": 0.31,
        "limit_s": 1.5,
        "waits": False,
    }
    assert (document["verdict"], document["held"]) == ("MAY QUOTE", [])


@pytest.mark.parametrize("gates", [(), (*GATES, gate("x", "UNKNOWN")), (*GATES, gate("x", "FAIL"))])
async def test_ready_is_503_when_a_gate_does_not_pass_or_none_is_known(start: Start, gates: object) -> None:
    site = await start()
    site.daemon.changes["gates"] = gates
    status, _, body = await site.get("/ready")
    assert (status, json.loads(body)["ready"]) == (503, False)


@pytest.mark.step("K09")
async def test_metrics_are_text_by_default_and_json_when_asked(start: Start) -> None:
    site = await start()
    _, headers, text = await site.get("/metrics")
    assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    names = {family.name for family in text_string_to_metric_families(text.decode())}
    assert {"agent_start", "ladderd_ready", "process_resident_memory_bytes"} <= names
    _, headers, body = await site.get("/metrics", Accept="application/json")
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert "ladderd_ready" in json.loads(body)["metrics"]
    _, headers, body = await site.get("/metrics/json")  # as a plain curl asks
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert "ladderd_ready" in json.loads(body)["metrics"]
    _, headers, body = await site.get("/metrics", Accept="application/openmetrics-text")
    assert headers["content-type"].startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
    _, headers, again = await site.get("/metrics/prometheus", Accept="application/json")
    assert headers["content-type"].startswith("text/plain")
    assert again == text


async def test_metrics_are_rendered_once_a_second_and_then_anew(start: Start) -> None:
    site = await start()
    _, _, first = await site.get("/metrics")
    site.daemon.runtime = Runtime(errors=99)
    site.daemon.clock.advance(0.999)
    _, _, second = await site.get("/metrics")
    assert second == first
    site.daemon.clock.advance(0.001)
    _, _, third = await site.get("/metrics")
    assert b"\nerrors_total 99.0" in third


@pytest.mark.step("K09")
async def test_live_mode_limits_metrics_to_sixty_a_minute(start: Start) -> None:
    site = await start(live=True)
    for number in range(60):
        status, _, _ = await site.get("/metrics" if number % 2 else "/metrics/prometheus")
        assert status == 200
    status, headers, body = await site.get("/metrics")
    assert (status, headers.get("retry-after")) == (429, "60")
    assert json.loads(body) == {"error": "Too Many Requests", "retry_after": 60}
    assert (await site.get("/health"))[0] == 200
    site.daemon.clock.advance(60)
    assert (await site.get("/metrics"))[0] == 200


@pytest.mark.step("K09")
async def test_paper_mode_has_no_limit(start: Start) -> None:
    site = await start()
    assert {(await site.get("/metrics"))[0] for _ in range(70)} == {200}


async def test_ops_status_and_picture(start: Start) -> None:
    site = await start()
    status, _, body = await site.get("/ops/status")
    assert (status, json.loads(body)["status"]["state"]) == (200, "OK")
    status, _, body = await site.get("/picture")
    assert json.loads(body)["picture"]["holdings"]


async def test_a_command_is_handed_on_with_its_name_and_cause(start: Start) -> None:
    site = await start()
    for command in ("cancel-all", "kill", "pause"):
        status, _, body = await site.post(command, {"by": "ada", "cause": "drill"})
        assert (status, json.loads(body)["command"]) == (202, command)
    assert site.daemon.commands == [(c, "ada", "drill") for c in ("cancel-all", "kill", "pause")]


@pytest.mark.parametrize("command", ["resume", "arm", "close-all"])
async def test_what_raises_risk_is_not_served(start: Start, command: str) -> None:
    site = await start()
    assert (await site.post(command, {"by": "ada", "cause": "x"}))[0] == 404


@pytest.mark.parametrize(
    ("cause", "why"), [("no proof", "is not proven: the disk does not answer"), ("refused", "not now")]
)
async def test_a_command_that_is_not_proven_to_be_taken_is_503_and_says_what_to_do(
    start: Start, cause: str, why: str
) -> None:
    site = await start()
    status, _, body = await site.post("kill", {"by": "ada", "cause": cause})
    assert status == 503
    assert why in json.loads(body)["error"]
    assert "use `ladderd kill` instead" in json.loads(body)["error"]


async def test_a_bug_is_one_json_line_and_the_log_gets_the_traceback(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    site = await start()
    site.daemon.broken = ValueError("planted")
    status, _, body = await site.get("/ready")
    assert (status, json.loads(body)) == (500, {"error": "internal error; the log has the details"})
    assert "planted" in caplog.text


async def test_a_taken_port_is_one_line(start: Start) -> None:
    site = await start()
    with pytest.raises(UnavailableError, match=r"cannot listen on 127\.0\.0\.1:\d+: .*; is another ladderd running\?"):
        await start(port=site.server.port)


async def test_stop_twice_and_start_again(start: Start) -> None:
    site = await start()
    await site.server.stop()
    await site.server.stop()
    with pytest.raises(OSError):  # noqa: PT011 - which one is the kernel's choice
        await site.open()
    await site.server.start()
    assert (await site.get("/health"))[0] == 200


async def test_run_serves_until_cancelled_and_raises_what_breaks_the_stream(start: Start) -> None:
    site = await start()
    await site.server.stop()
    server: OpsServer = site.server
    task = asyncio.create_task(server.run())
    await server.started.wait()
    site.daemon.broken = ValueError("planted")
    reader, writer = await site.open()
    writer.write(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    async with asyncio.timeout(5):
        with pytest.raises(ValueError, match="planted"):
            await task
        await reader.read()
    writer.close()
    assert not server.started.is_set()
