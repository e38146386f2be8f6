"""The virtual loop: time jumps, order is one, hosts stand still and die."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import random
import secrets
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Coroutine
from pathlib import Path
from random import Random
from typing import Any

import apscheduler.schedulers.base
import pytest

from domain.clock import NS_PER_S, Now
from sim.virtual.loop import Host, StandstillError, VirtualLoop, context_of, due_of
from sim.virtual.seeded import seeded
from sim.virtual.timeline import MONO_START_NS, Timeline

START_NS = 1_790_000_000 * NS_PER_S
ROOT = Path(__file__).resolve().parents[3]


def new_loop() -> VirtualLoop:
    return VirtualLoop(Timeline(START_NS), Random(1))


def live(work: Coroutine[Any, Any, Any], loop: VirtualLoop) -> Any:  # noqa: ANN401 - what it returns
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


def test_an_hour_of_sleep_takes_no_time() -> None:
    loop = new_loop()
    live(loop.passing(3600), loop)
    assert loop.timeline.now_ns == START_NS + 3600 * NS_PER_S
    assert loop.mono_ns == MONO_START_NS + 3600 * NS_PER_S


def test_no_timer_is_one_ulp_early() -> None:
    loop = new_loop()
    seen: list[tuple[float, float]] = []
    rng = Random(3)
    for _ in range(2_000):
        when = loop.time() + rng.random() * 10 ** rng.randrange(-9, 5)
        loop.call_at(when, lambda when=when: seen.append((when, loop.time())))
    live(loop.passing(200_000), loop)
    assert len(seen) == 2_000
    assert all(when <= at <= when + 2e-9 for when, at in seen)
    assert due_of(1.0000000001) == NS_PER_S + 1


def test_as_a_fault_timers_come_up_to_a_millisecond_early() -> None:
    loop = new_loop()
    loop.early_ns = 1_000_000
    late: list[float] = []

    def fired(when: float) -> None:
        late.append(loop.time() - when)

    for n in range(200):
        loop.call_at(loop.time() + n, fired, loop.time() + n)
    live(loop.passing(300), loop)
    assert all(-0.0010001 < seconds <= 0 for seconds in late)
    assert min(late) < -0.0009


def test_what_is_due_together_fires_in_the_order_it_was_armed() -> None:
    loop = new_loop()
    seen: list[int] = []
    for number in range(100):
        loop.call_at(loop.time() + 1, seen.append, number)
    live(loop.passing(2), loop)
    assert seen == list(range(100))


def test_a_world_in_which_nothing_can_happen_says_so() -> None:
    loop = new_loop()

    async def for_ever() -> None:
        await loop.create_future()

    with pytest.raises(StandstillError, match="wait for ever"):
        live(for_ever(), loop)


def test_time_that_stands_still_says_so() -> None:
    loop = new_loop()

    async def spin() -> None:
        while loop.turns >= 0:
            await loop.passing(0)

    with pytest.raises(StandstillError, match="time stands still"):
        live(spin(), loop)


def test_threads_are_done_in_line_a_little_later() -> None:
    loop = new_loop()

    def fail() -> None:
        raise OSError("full")

    async def work() -> int:
        with pytest.raises(OSError, match="full"):
            await asyncio.to_thread(fail)
        return await asyncio.to_thread(lambda: 7)

    assert live(work(), loop) == 7
    assert START_NS < loop.timeline.now_ns < START_NS + NS_PER_S


def test_a_host_that_stands_still_does_everything_after_in_order() -> None:
    loop = new_loop()
    host = Host("box")
    seen: list[tuple[str, float]] = []

    async def beat(name: str) -> None:
        for _ in range(4):
            await loop.passing(1)
            seen.append((name, round(loop.time() - 1000, 3)))

    async def world() -> None:
        task = loop.create_task(beat("box"), context=context_of(host))
        other = loop.create_task(beat("world"))
        await loop.passing(1.5)
        loop.hold(host)
        await loop.passing(3)
        loop.release(host)
        await task
        await other

    live(world(), loop)
    assert [at for name, at in seen if name == "box"] == [1, 4.5, 5.5, 6.5]
    assert [at for name, at in seen if name == "world"] == [1, 2, 3, 4]


def test_a_killed_host_runs_nothing_more_not_even_its_clean_up() -> None:
    loop = new_loop()
    host = Host("box")
    seen: list[str] = []

    async def work() -> None:
        try:
            while True:
                await loop.passing(1)
                seen.append("beat")
        finally:
            seen.append("clean-up")

    async def world() -> None:
        loop.create_task(work(), context=context_of(host))
        await loop.passing(2.5)
        loop.bury(host)
        await loop.passing(10)

    live(world(), loop)
    assert seen == ["beat", "beat"]
    assert loop.errors == []


def test_signals_reach_the_host_that_asked_for_them() -> None:
    loop = new_loop()
    hosts = [Host("one"), Host("two")]
    seen: list[str] = []

    async def listen(name: str) -> None:
        loop.add_signal_handler(signal.SIGUSR1, seen.append, name)

    async def world() -> None:
        for host in hosts:
            await loop.create_task(listen(host.name), context=context_of(host))
        assert loop.raise_signal(hosts[1], signal.SIGUSR1)
        assert not loop.raise_signal(hosts[0], signal.SIGTERM)
        await loop.passing(0)

    live(world(), loop)
    assert seen == ["two"]


def test_a_program_is_carried_out_in_line() -> None:
    loop = new_loop()
    loop.program = lambda words: (3, " ".join(words).encode(), b"trouble")

    async def work() -> tuple[bytes, bytes, int | None]:
        process = await asyncio.create_subprocess_exec(
            "ls", "-l", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, problem = await process.communicate()
        return out, problem, process.returncode

    assert live(work(), loop) == (b"ls -l", b"trouble", 3)


class Fast:
    """A clock that is a minute fast."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop

    def now(self) -> Now:
        return Now(self.loop.mono_ns, self.loop.timeline.now_ns + 60 * NS_PER_S)


def drawn() -> list[object]:
    return [
        time.time_ns(),
        os.urandom(4),
        secrets.token_bytes(4),
        uuid.uuid4(),
        random.random(),
        random.Random().random(),
    ]


def test_libraries_read_the_worlds_clocks_and_draw_from_its_seed_and_nobody_after() -> None:
    found = []
    before = (time.time, os.urandom, random.Random)
    for seed in ("1", "1", "2"):
        loop = new_loop()
        with seeded(loop, seed):
            found.append(drawn())
            context = context_of(Host("box", Fast(loop)))
            assert context.run(time.time) == START_NS / NS_PER_S + 60
            now = context.run(apscheduler.schedulers.base.datetime.now, dt.UTC)
            assert now.timestamp() == START_NS / NS_PER_S + 60
        loop.close()
    assert found[0] == found[1] != found[2]
    assert (time.time, os.urandom, random.Random) == before


ORDER = """
import asyncio
from random import Random
from sim.virtual.timeline import Timeline
from sim.virtual.loop import VirtualLoop
loop, seen = VirtualLoop(Timeline(10**18), Random(1)), []
async def one(n):
    try:
        await loop.passing(1000)
    finally:
        seen.append(n)
async def world():
    try:
        async with asyncio.TaskGroup() as group:
            for n in range(40):
                junk = [object() for _ in range(hash("x") % 50)]
                group.create_task(one(n))
            await loop.passing(1)
            raise ValueError
    except* ValueError:
        print(seen)
loop.run_until_complete(world())
"""


def test_sets_of_tasks_have_one_order_in_every_process() -> None:
    outs = set()
    for hash_seed in ("1", "2", "3"):
        environment = dict(os.environ, PYTHONPATH=str(ROOT), PYTHONHASHSEED=hash_seed)
        done = subprocess.run([sys.executable, "-c", ORDER], capture_output=True, check=True, env=environment)
        outs.add(done.stdout)
    assert len(outs) == 1
