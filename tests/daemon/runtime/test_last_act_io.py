"""Whatever fails first, the account is seen to once, before the exception goes on; with it unplugged nobody does."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any, NoReturn

import pytest

from daemon.runtime import last_act_io
from daemon.runtime.last_act_io import LastAct
from journal.marker import Marker
from journal.marker_io import read_cancel_all
from tests.daemon.timepiece import Timepiece


class Venue:
    """Takes note, and says what the test wants."""

    def __init__(self, problem: str = "") -> None:
        self.problem = problem
        self.asked = 0

    async def cancel_all_at_last(self) -> str:
        self.asked += 1
        return self.problem


class Stoppable:
    """A runner that can be halted."""

    halted = False

    def halt(self) -> None:
        self.halted = True


class Files:
    """Where a run writes, and its journal, which is always on disk."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir, self.run_id, self.epoch = state_dir, "run-1", 7
        self.clock = Timepiece()
        self.journal = self
        self.drained = 0

    async def drain(self, _limit_s: float) -> bool:
        self.drained += 1
        return True


class Bench:
    """A last act with its neighbours."""

    def __init__(self, state_dir: Path, problem: str = "") -> None:
        self.venue, self.runner, self.files = Venue(problem), Stoppable(), Files(state_dir)
        venue: Any = self.venue
        runner: Any = self.runner
        files: Any = self.files
        self.act = LastAct(venue, runner, files)

    @property
    def marks(self) -> list[Marker]:
        return list(read_cancel_all(self.files.state_dir, 0))


async def broken() -> NoReturn:
    raise AssertionError("a broken invariant")


async def test_what_works_is_let_be(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def work() -> int:
        return 5

    assert await bench.act.guarded(work(), "work") == 5
    assert (bench.venue.asked, bench.runner.halted, bench.marks) == (0, False, [])


async def test_an_exception_goes_on_behind_cancel_and_marker(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with pytest.raises(AssertionError, match="a broken invariant"):
        await bench.act.guarded(broken(), "feed massive")
    assert (bench.venue.asked, bench.runner.halted, bench.files.drained) == (1, True, 1)
    [marker] = bench.marks
    assert (marker.ident, marker.by, marker.epoch, marker.done) == ("run-1-bug", "run-1", 7, False)
    assert marker.reason == "feed massive failed: AssertionError"


async def test_several_failures_are_one_end_and_a_group_is_named_by_what_is_in_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def nested() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(broken())

    found = await asyncio.gather(
        bench.act.guarded(nested(), "venue"), bench.act.guarded(broken(), "runner"), return_exceptions=True
    )
    assert [type(each) for each in found] == [ExceptionGroup, AssertionError]
    assert bench.venue.asked == 1
    assert len(bench.marks) == 1
    assert bench.marks[0].reason.endswith("failed: AssertionError")


async def test_a_disk_that_hangs_or_is_full_holds_up_no_cancel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(last_act_io, "ask_cancel_all", lambda _folder, _marker: release.wait(20))
    bench = Bench(tmp_path)
    with pytest.raises(AssertionError):
        async with asyncio.timeout(5):
            await bench.act.guarded(broken(), "runner")
    assert bench.venue.asked == 1
    release.set()

    def full(_folder: Path, _marker: Marker) -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(last_act_io, "ask_cancel_all", full)
    bench = Bench(tmp_path, problem="no answer")
    with pytest.raises(AssertionError):
        await bench.act.guarded(broken(), "runner")
    assert bench.venue.asked == 1


async def test_being_cancelled_is_no_bug(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    task = asyncio.create_task(bench.act.guarded(asyncio.get_running_loop().create_future(), "work"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert bench.venue.asked == 0


async def test_a_bug_in_a_callback_of_the_loop_is_one_too(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    task = asyncio.create_task(bench.act.guarded(bench.act.callbacks(), "callbacks"))
    await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    try:
        loop.call_exception_handler({"message": "a task of a library", "exception": ValueError("x")})
        assert not task.done()
        loop.call_soon(int, "no number")
        with pytest.raises(ValueError, match="no number"):
            await task
    finally:
        loop.set_exception_handler(None)
    assert bench.venue.asked == 1
