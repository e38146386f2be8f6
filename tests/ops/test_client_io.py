from __future__ import annotations

import asyncio
import json

import pytest

from domain.errors import UnavailableError, UsageError
from ops.client_io import breakers, fetch, health, order, positions, providers, status, vix
from ops.status import BreakerView, CancelAllView, FlatView, TaskHealth, VixView
from tests.ops.conftest import TOKEN, Start
from tests.ops.pictures import GATES, gate


async def test_health_of_a_running_daemon(start: Start) -> None:
    site = await start()
    code, text = await asyncio.to_thread(health, site.server.address, raw=True)
    assert (code, json.loads(text)["status"]) == (0, "ok")
    code, text = await asyncio.to_thread(health, site.server.address)
    assert code == 0
    assert "ok    runner: progress 0.02 s ago, limit 1 s" in text


async def test_a_stuck_task_is_exit_1_raw_too(start: Start) -> None:
    site = await start()
    site.daemon.tasks = (TaskHealth("runner", 9.0, 1.0),)
    for raw in (True, False):
        code, text = await asyncio.to_thread(health, site.server.address, raw=raw)
        assert code == 1
    assert "STUCK runner" in text
    site.daemon.tasks = ()
    code, text = await asyncio.to_thread(health, site.server.address)
    assert (code, "nothing proves" in text) == (1, True)


async def test_status_names_what_holds_back(start: Start) -> None:
    site = await start()
    assert (await asyncio.to_thread(status, site.server.address))[0] == 0
    site.daemon.changes = {
        "kill_switch": True,
        "kill_reason": "file",
        "gates": (
            *GATES,
            gate("x", "FAIL", reason="paused", detail="paused by ann: lunch"),
            gate("flat", "FAIL", "INXU", reason="why", detail="not proven flat yet"),
            gate("y", "FAIL", reason="z"),
        ),
    }
    code, text = await asyncio.to_thread(status, site.server.address)
    assert code == 1
    assert text.startswith("NOT READY, HALTED: kill switch: file")
    assert "held back by: paused: quoting is paused (paused by ann: lunch); to go on: ladderd resume" in text
    assert "[docs/runbooks/gates.md#paused]" in text
    assert "held back by: INXU: why: why (not proven flat yet)\n" in text
    assert "held back by: z: z\n" in text
    code, text = await asyncio.to_thread(status, site.server.address, raw=True)
    assert (code, json.loads(text)["status"]["state"]) == (1, "HALTED")


async def test_status_tells_what_is_waited_for_and_why(start: Start) -> None:
    site = await start()
    _, text = await asyncio.to_thread(status, site.server.address)
    assert "wait" not in text
    assert "cancel-all" not in text
    cancel_all = CancelAllView(active=True, reason="operator_cli", tail_s=60.0, last_time_to_flat_ms=None, completed=0)
    site.daemon.changes = {"orders_wait": "lists are behind", "cancel_all": cancel_all, "orders": ()}
    site.daemon.changes |= {"flat": FlatView(proven=False, why="not proven flat yet: 1.2 s more")}
    _, text = await asyncio.to_thread(status, site.server.address)
    assert "\n  new orders wait: lists are behind\n" in text
    assert "\n  cancel-all under way: operator_cli\n" in text
    assert "orders that may be live: 0 (not proven flat yet: 1.2 s more)" in text


async def test_status_tells_windows_money_and_positions(start: Start) -> None:
    site = await start()
    code, text = await asyncio.to_thread(status, site.server.address)
    assert code == 0
    for words in (
        "MAY QUOTE, OK: all is well",
        "INXU: MAY QUOTE, hourly-1000 quoting, 04:58.0 to freeze; I:SPX 6,797.31, age 0.31 s of 1.50 s",
        "orders that may be live: 8",
        "open positions: 3, worst case $3.52",
        "P&L: realised $1.24, unrealised -$0.12, fees $0.00",
        "day's loss: realised $0.00, worst case of positions and resting orders $14.60, limit on both $1,000.00",
    ):
        assert words in text, words


async def test_a_gate_against_is_exit_1_whatever_the_state(start: Start) -> None:
    site = await start()
    site.daemon.changes = {"gates": (*GATES, gate("pause", "FAIL", reason="paused"))}
    code, text = await asyncio.to_thread(status, site.server.address)
    assert (code, text.splitlines()[0]) == (1, "NOT READY, OK: running, but orders are held back by gates")


@pytest.mark.step("K29")
async def test_the_score_of_each_provider_is_told_in_words_and_as_json(start: Start) -> None:
    site = await start()
    code, text = await asyncio.to_thread(providers, site.server.address)
    assert code == 0
    assert text.splitlines()[1:] == [
        "  exchange: 100.00 %, 300 of 300 looks",
        "  primary: 99.66 %, 299 of 300 looks",
        "  fallbacks from the primary feed to the secondary: 2",
    ]
    code, text = await asyncio.to_thread(providers, site.server.address, as_json=True)
    told = json.loads(text)
    assert (code, told["session"], told["fallbacks"]) == (0, "2026-03-06", 2)
    assert told["providers"][1] == {"name": "primary", "looks": 300, "good": 299}
    await site.server.stop()
    with pytest.raises(UnavailableError):
        await asyncio.to_thread(providers, site.server.address)


async def test_positions_are_all_told(start: Start) -> None:
    site = await start()
    code, text = await asyncio.to_thread(positions, site.server.address)
    assert code == 0
    assert "KXINXU-26MAR0610-T6680" in text
    assert "INXU: 2 markets, net +6, gross 6" in text
    code, text = await asyncio.to_thread(positions, site.server.address, as_json=True)
    told = json.loads(text)
    assert [(p["series"], p["strike"], p["count"]) for p in told["positions"]] == [
        ("INXU", 6_800_000_000, 100),
        ("INXU", 6_680_000_000, 500),
        ("NASDAQ100U", 25_000_000_000, 100),
    ]
    site.daemon.changes = {"holdings": (), "exposures": ()}
    assert await asyncio.to_thread(positions, site.server.address) == (0, "no open position")
    await site.server.stop()
    with pytest.raises(UnavailableError):
        await asyncio.to_thread(positions, site.server.address)


async def test_an_order_and_its_refusal(start: Start) -> None:
    site = await start()
    for token, expected in ((TOKEN, 202), ("wrong", 401)):
        answer = await asyncio.to_thread(order, site.server.address, "kill", by="ada", cause="drill", token=token)
        assert answer.status == expected
    assert site.daemon.commands == [("kill", "ada", "drill")]


async def test_a_daemon_that_is_not_there_is_unavailable(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    site = await start()
    assert (await asyncio.to_thread(fetch, site.server.address, "/health")).status == 200
    await site.server.stop()
    with pytest.raises(UnavailableError, match=r"no answer from the daemon at .*; is it running"):
        await asyncio.to_thread(fetch, site.server.address, "/health")


@pytest.mark.parametrize(
    "address", ["https://127.0.0.1", "127.0.0.1:8080", "http://", "http://x:port", "file:///etc/passwd"]
)
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(UsageError, match=r"write it like http://127\.0\.0\.1:8080"):
        fetch(address, "/health")


@pytest.mark.step("K05")
@pytest.mark.parametrize(
    ("seen", "code", "said"),
    [
        (
            VixView("half", 27_200_000, "massive", 1.0, 60.0, 500_000, "", due_later=False),
            0,
            "PASS: I:VIX 27.20 on massive, 1.0 s old: half\n  size x 0.5, edge asked for x 2",
        ),
        (
            VixView("stop", 36_000_000, "massive", 1.0, 60.0, 0, "", due_later=False),
            1,
            "FAIL: I:VIX 36.00 on massive, 1.0 s old: stop\n  nothing is quoted",
        ),
        (
            VixView("unknown", None, "", None, 60.0, 0, "no value has been seen yet", due_later=True),
            1,
            "DUE_LATER: no value has been seen yet; due by 09:31 New York time\n  nothing is quoted",
        ),
        (
            VixView("unknown", 16_000_000, "massive", 61.0, 60.0, 0, "too old", due_later=False),
            1,
            "UNKNOWN: I:VIX 16.00 on massive, 61.0 s old: unknown, too old",
        ),
        (
            VixView("not_configured", None, "", None, 60.0, 1_000_000, "", due_later=False),
            0,
            "NOT_CONFIGURED: vix.enabled is false",
        ),
    ],
)
async def test_vix_tells_the_level_and_what_follows(start: Start, seen: VixView, code: int, said: str) -> None:
    site = await start()
    site.daemon.changes = {"vix": seen}
    got, text = await asyncio.to_thread(vix, site.server.address)
    assert (got, text.startswith(f"vix: {said}")) == (code, True), text
    got, text = await asyncio.to_thread(vix, site.server.address, as_json=True)
    assert (got, json.loads(text)["status"]) == (code, said.partition(":")[0])


@pytest.mark.step("K20")
async def test_breakers_tell_which_has_tripped_and_why(start: Start) -> None:
    site = await start()
    right = BreakerView("loss_run", "0 lost in a row, chance 1", "chance 1e-05", "")
    shut = BreakerView("forecast_error", "mean abs z 1.100", "0.62 to 1", "volatility is asked too low")
    site.daemon.changes = {"breakers": (right,), "breaker_warning": "mean abs z 0.650 over 240 events"}
    code, text = await asyncio.to_thread(breakers, site.server.address)
    assert (code, text.splitlines()) == (
        0,
        [
            "loss_run: OK: 0 lost in a row, chance 1; trips at chance 1e-05",
            "watch the model: mean abs z 0.650 over 240 events",
        ],
    )
    site.daemon.changes = {"breakers": (right, shut), "breaker_warning": ""}
    code, text = await asyncio.to_thread(breakers, site.server.address)
    assert (code, text.splitlines()[1:]) == (
        1,
        ["forecast_error: TRIPPED: mean abs z 1.100; trips at 0.62 to 1", "  volatility is asked too low"],
    )
    code, text = await asyncio.to_thread(breakers, site.server.address, as_json=True)
    assert (code, json.loads(text)["breakers"][1]["tripped"]) == (1, "volatility is asked too low")


async def test_something_else_on_the_port_is_not_healthy() -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        writer.close()

    server = await asyncio.start_server(other, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    assert (await asyncio.to_thread(health, address, raw=True)) == (1, "hello")
    code, text = await asyncio.to_thread(status, address)
    assert (code, text.startswith(f"{address} answers HTTP 200 without a state")) == (1, True)
    code, text = await asyncio.to_thread(health, address)
    assert (code, f"is {address} its address?" in text) == (1, True)
    server.close()
    await server.wait_closed()
