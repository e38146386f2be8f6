"""Every phase, and everything that closes the gate: each screen says the same, and says it of the same votes."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

import pytest
from rich.console import Console

from domain.reasons import Reason
from ops.client_io import positions, status
from ops.status import Status
from ops.terminal import plain, screen
from tests.daemon.scenes import MAY_QUOTE, NOT_READY, SCENES, WAITING, drawn
from tests.ops.conftest import Site, Start

PROVEN_FLAT = "nothing of ours rests: proven"
PASSING = {"PASS", "NOT_CONFIGURED"}


@cache
def scene(name: str) -> Status:
    """The picture of a scene; each is played once."""
    return drawn(SCENES[name][0]())


@pytest.fixture(params=SCENES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


Show = Callable[[str], Awaitable[Site]]


@pytest.fixture
def show(start: Start) -> Show:
    """Starts a server that shows one scene."""

    async def make(name: str) -> Site:
        site: Site = await start(picture=lambda: scene(name))
        return site

    return make


async def frame_of(site: Site) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((await site.get("/picture?samples=no"))[2])
    return document


def test_each_scene_has_the_verdict_that_it_must_have(name: str) -> None:
    shown = scene(name)
    answers = {view.permission for view in shown.series}
    assert (SCENES[name][1] == NOT_READY) == (not shown.ready)
    assert SCENES[name][1] in answers


async def test_every_screen_says_the_same(show: Show, name: str) -> None:
    site, want = await show(name), SCENES[name][1]
    frame = await frame_of(site)
    code, _, body = await site.get("/ready")
    ready = json.loads(body)
    assert (code, ready["ready"], ready["verdict"]) == (503 if want == NOT_READY else 200, want != NOT_READY, want)
    assert frame["readiness"]["verdict"] == want
    assert ready["gates"] == frame["picture"]["gates"]
    safety = json.loads((await site.get("/ops/status"))[2])["safety"]
    assert safety["safe_to_execute_orders"] is (want == MAY_QUOTE)
    assert bool(safety["gating_reasons"]) == (want != MAY_QUOTE or frame["state"] != "OK") or not ready["gates"]
    metrics = (await site.get("/metrics/prometheus"))[2].decode()
    assert f"\nladderd_ready {float(want != NOT_READY)}\n" in metrics
    states = {"FAIL": 0.0, "PASS": 1.0, "UNKNOWN": 2.0, "NOT_CONFIGURED": 3.0}
    told = [line.rpartition(" ")[2] for line in metrics.splitlines() if line.startswith("ladderd_gate_state{")]
    assert sorted(map(float, told)) == sorted(4.0 if g["waits"] else states[g["status"]] for g in ready["gates"])
    exit_code, text = await asyncio.to_thread(status, site.server.address)
    assert text.startswith(f"{want}, {frame['state']}")
    assert (exit_code == 0) == (want != NOT_READY and frame["state"] in {"OK", "MARKET_CLOSED"})
    assert f" | {want} | " in plain(frame)
    top = terminal(frame).splitlines()
    assert f" {want}" in top[0]


async def test_cards_and_gates_never_disagree(show: Show, name: str) -> None:
    frame = await frame_of(await show(name))
    gates = frame["picture"]["gates"]
    top = terminal(frame)
    for view in frame["picture"]["series"]:
        own = [gate for gate in gates if gate["series"] in {"", view["name"]}]
        against = [gate for gate in own if gate["status"] not in PASSING]
        assert view["open"] == (view["permission"] == MAY_QUOTE) == (bool(own) and not against)
        assert view["reasons"] == list(dict.fromkeys(gate["reason"] for gate in against))
        assert (view["permission"] == WAITING) == (bool(against) and all(gate["waits"] for gate in against))
        (line,) = [line for line in top.splitlines() if line.startswith(f"{view['name']:<10} {view['phase'].upper()}")]
        assert line.endswith(view["permission"])
    assert ("gates: all" in top) == (bool(gates) and all(gate["status"] in PASSING for gate in gates))


async def test_every_reason_shown_has_its_words(show: Show, name: str) -> None:
    frame = await frame_of(await show(name))
    codes = {gate["reason"] for gate in frame["picture"]["gates"] if gate["status"] not in PASSING}
    assert codes <= set(Reason)
    assert codes <= set(frame["advice"])
    for rung in frame["picture"]["ladder"]:
        for ours, why in ((rung["our_bid"], rung["why_bid"]), (rung["our_ask"], rung["why_ask"])):
            assert (ours is None) == bool(why), "a rung is quoted, or says why not"
            assert not why or why in frame["rung_advice"]


async def test_nothing_rests_is_said_only_when_it_is_proven(show: Show, name: str) -> None:
    site = await show(name)
    picture = (await frame_of(site))["picture"]
    _, text = await asyncio.to_thread(status, site.server.address)
    assert (PROVEN_FLAT in text) == picture["flat"]["proven"]
    assert not (picture["flat"]["proven"] and picture["orders"])
    assert not any(gate["name"] == "flat" and gate["status"] == "FAIL" for gate in picture["gates"]) or (
        not picture["flat"]["proven"]
    )
    assert (await asyncio.to_thread(positions, site.server.address))[0] == 0


@pytest.mark.parametrize("name", ["flattening", "cancel-all under way", "stopping", "not reconciled", "not begun"])
def test_what_is_on_its_way_to_flat_is_not_proven(name: str) -> None:
    assert not scene(name).flat.proven


@pytest.mark.parametrize("name", ["frozen", "closed", "stopped", "paused", "killed"])
def test_what_was_read_empty_twice_is_proven(name: str) -> None:
    assert scene(name).flat.proven


def test_between_windows_no_old_ladder_is_shown() -> None:
    assert scene("frozen").ladder
    assert scene("closed").ladder == ()


def terminal(frame: dict[str, Any]) -> str:
    """The terminal view in 80 x 24."""
    console = Console(file=io.StringIO(), width=80, color_system=None)
    console.print(screen(frame, 0.0, "ladderd", "http://127.0.0.1:8080"))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
