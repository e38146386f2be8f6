"""The campaign on real processes in its short form: a few faults of each sort, and no breach."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from sim.chaos.command import rounds
from sim.chaos.disk import why_no_strace
from sim.chaos.faults import MENU
from sim.chaos.links import Link
from sim.local.setting import ROOT

SEED = 20260306
LIMIT_S = 110


def test_a_seed_draws_every_kind_before_any_comes_again() -> None:
    kinds = list(MENU)
    drawn = list(islice(rounds(SEED, kinds, 1), 2 * len(kinds)))
    assert drawn == list(islice(rounds(SEED, kinds, 1), 2 * len(kinds)))
    assert {kind for _, kind in drawn[: len(kinds)]} == set(kinds)
    assert {kind for _, kind in drawn[len(kinds) :]} == set(kinds)
    assert drawn[5:7] == list(islice(rounds(SEED, kinds, 6), 2))
    assert drawn != list(islice(rounds(SEED + 1, kinds, 1), 2 * len(kinds)))


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        writer.write(data)
    writer.close()


async def test_a_wire_can_be_held_reset_and_silenced() -> None:
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    link = Link("echo", server.sockets[0].getsockname()[1])
    await link.start()

    async def dial() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", link.port)

    reader, writer = await dial()
    writer.write(b"one")
    assert await reader.read(100) == b"one"
    # Held: nothing arrives; mended: what was sent arrives after all.
    link.hold()
    writer.write(b"two")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await reader.read(100)
    link.mend()
    assert await reader.read(100) == b"two"
    # Silenced: open, and never a word more; a new connection works.
    link.half_open()
    writer.write(b"three")
    other_reader, other_writer = await dial()
    other_writer.write(b"four")
    assert await other_reader.read(100) == b"four"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await reader.read(100)
    # Reset: both ends are told hard.
    link.reset()
    with pytest.raises(ConnectionResetError):
        await other_reader.read(100)
    for end in (writer, other_writer):
        end.close()
    await link.stop()
    server.close()


@pytest.mark.long
def test_a_short_campaign_finds_nothing(tmp_path: Path) -> None:
    seed = int(os.environ.get("CHAOS_SEED", str(Random().randrange(1, 10_000))))
    report = tmp_path / "chaos.json"
    kinds = ("kill", "stop", "exchange reset", "kill in boot")
    arguments = [word for kind in kinds for word in ("--only", kind)]
    done = subprocess.run(
        [sys.executable, "-m", "sim", "chaos", "--seed", str(seed), "--minutes", "0.5", "--rounds", "3",
         "--report", str(report), "--keep", str(tmp_path / "stages"), *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(report.read_text(encoding="utf-8"))
    assert told["breaches"] == []
    assert told["rounds"] >= 2
    assert told["starts"] >= 2
    assert told["steps_replayed"] > 0


@pytest.mark.slow
def test_quotes_are_pulled_first_when_every_sync_fails(tmp_path: Path) -> None:
    if why := why_no_strace():
        pytest.skip(why)
    done = subprocess.run(
        [sys.executable, "-m", "sim", "chaos", "--seed", str(SEED), "--rounds", "1", "--only", "disk fails",
         "--report", str(tmp_path / "chaos.json"), "--keep", str(tmp_path / "stages")],
        cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads((tmp_path / "chaos.json").read_text(encoding="utf-8"))
    assert (told["rounds"], told["breaches"]) == (1, [])


@pytest.mark.long
def test_a_short_kill_storm_finds_nothing(tmp_path: Path) -> None:
    seed = int(os.environ.get("CHAOS_SEED", str(Random().randrange(1, 10_000))))
    report = tmp_path / "storm.json"
    done = subprocess.run(
        [sys.executable, "-m", "sim", "chaos", "--kill-storm", "6", "--seed", str(seed), "--report", str(report),
         "--keep", str(tmp_path / "stages")],
        cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(report.read_text(encoding="utf-8"))
    assert told["breaches"] == []
    assert (told["rounds"], told["faults"]["cancel-all"], told["faults"]["tail"]) == (6, 1, 3)
    assert len(told["recovery_s"]["books, from process start"]) >= 4
