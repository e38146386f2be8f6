from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import msgspec
import pytest

from daemon.client.close_outs_io import close_outs_folder, read_close_outs, write_close_out
from daemon.client.requests_io import Request, ask, pending, read_answer
from daemon.client.watched_files_io import HALTED_FILE_VARIABLE, HALTED_VARIABLE, WatchedFiles, execution_halted
from domain.clock import NS_PER_S
from domain.events import (
    AnyEvent,
    CancelAllMarker,
    CloseOutTold,
    Command,
    ControlProven,
    JournalFault,
    KillSwitch,
    Operator,
)
from journal.marker import Marker
from journal.marker_io import ask_cancel_all, finish_cancel_all
from journal.shared_folder_io import account_name
from tests.daemon.timepiece import Timepiece


class Bench:
    """WatchedFiles over a directory."""

    def __init__(self, folder: Path, *, live: bool = False) -> None:
        self.clock = Timepiece()
        self.folder = folder
        self.seen: list[AnyEvent] = []
        self.jobs: list[tuple[str, str, str]] = []
        self.watched_files = WatchedFiles(
            folder, self.clock, self.seen.append, "run-1", live=live, run_once=lambda *job: self.jobs.append(job)
        )

    async def look(self) -> list[AnyEvent]:
        self.seen.clear()
        await self.watched_files.look()
        return list(self.seen)


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HALTED_VARIABLE, raising=False)
    monkeypatch.delenv(HALTED_FILE_VARIABLE, raising=False)


async def test_the_first_look_is_told_even_when_nothing_is_wrong_and_then_only_changes(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    first = await bench.look()
    assert {(e.source, e.active) for e in first if isinstance(e, KillSwitch)} == {
        ("state/KILL_SWITCH", False), (HALTED_VARIABLE, False),
    }  # fmt: skip
    assert await bench.look() == []
    (tmp_path / "KILL_SWITCH").write_text("ann: fire\n")
    (told,) = await bench.look()
    assert isinstance(told, KillSwitch)
    assert told.active
    assert "fire" in told.reason
    (tmp_path / "KILL_SWITCH").unlink()
    (told,) = await bench.look()
    assert isinstance(told, KillSwitch)
    assert not told.active


async def test_a_kill_file_that_cannot_be_read_kills(tmp_path: Path) -> None:
    (tmp_path / "KILL_SWITCH").mkdir()
    assert any(isinstance(e, KillSwitch) and e.active for e in await Bench(tmp_path).look())


@pytest.mark.step("A09", "A02")
@pytest.mark.parametrize(
    ("text", "live", "halted"),
    [
        (None, False, False), (None, True, True), ("0", True, False), ("false", True, False), ("1", False, True),
        ("true", False, True), ("YES", False, True), (" on ", False, True), ("", False, False), ("", True, True),
        ("maybe", False, True), ("maybe", True, True),
    ],
)  # fmt: skip
def test_execution_halted(text: str | None, live: bool, halted: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - a case
    if text is not None:
        monkeypatch.setenv(HALTED_VARIABLE, text)
    assert execution_halted(live=live).active is halted


@pytest.mark.step("A09")
@pytest.mark.parametrize("body", [None, b"\xff\xfe", b"1"])
def test_a_halt_file_that_is_missing_unreadable_or_true_halts(
    body: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "halted"
    if body is not None:
        path.write_bytes(body)
    monkeypatch.setenv(HALTED_FILE_VARIABLE, str(path))
    assert execution_halted(live=False).active
    path.write_text("0")
    assert not execution_halted(live=True).active


async def test_markers_of_others_are_told_once_and_our_own_never(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.look()
    utc_ns = bench.clock.utc_ns
    ask_cancel_all(tmp_path, Marker("a", utc_ns, "cancel-all", "operator_cli"))
    ask_cancel_all(tmp_path, Marker("b", utc_ns, "run-1", "kill_switch_engaged"))
    assert await bench.look() == [CancelAllMarker(utc_ns, "cancel-all", "operator_cli")]
    assert await bench.look() == []


async def test_a_finished_marker_matters_only_as_long_as_its_tail(tmp_path: Path) -> None:
    begun_ns = Timepiece().utc_ns
    marker = Marker("a", begun_ns, "run-0", "shutdown")
    ask_cancel_all(tmp_path, marker)
    open_one = Bench(tmp_path)
    open_one.clock.wait(3_600 * NS_PER_S)
    assert any(isinstance(e, CancelAllMarker) for e in await open_one.look()), "unfinished: it must be completed"
    finish_cancel_all(tmp_path, marker, begun_ns + 1)
    for age_s, matters in ((60, True), (71, False)):
        bench = Bench(tmp_path)
        bench.clock.wait(age_s * NS_PER_S)
        assert any(isinstance(e, CancelAllMarker) for e in await bench.look()) is matters


async def test_an_operators_cancel_all_of_yesterday_is_told_to_who_starts_today_then_removed(tmp_path: Path) -> None:
    """While no daemon ran somebody emptied the account: the next one must hear of it, however late it starts."""
    begun_ns = Timepiece().utc_ns
    marker = Marker("a", begun_ns, "cancel-all", "get out")
    ask_cancel_all(tmp_path, marker)
    finish_cancel_all(tmp_path, marker, begun_ns + 1)
    bench = Bench(tmp_path)
    bench.clock.wait(24 * 3_600 * NS_PER_S)
    assert CancelAllMarker(begun_ns, "cancel-all", "get out") in await bench.look()
    bench.clock.wait(120 * NS_PER_S)
    assert await bench.look() == []
    assert not (tmp_path / "cancel_all" / "a").exists(), "old and known: it is over"


async def test_a_marker_of_a_clock_that_runs_ahead_counts_from_now(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.look()
    ask_cancel_all(tmp_path, Marker("a", bench.clock.utc_ns + 3_600 * NS_PER_S, "cancel-all", "x"))
    assert await bench.look() == [CancelAllMarker(bench.clock.utc_ns, "cancel-all", "x")]


async def test_a_flood_of_requests_is_handed_on_in_portions_and_none_is_lost(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.look()
    for number in range(50):
        ask(tmp_path, Request(f"{number:03d}", Command.NOTE, "ann", "x", bench.clock.utc_ns))
    told = [len(await bench.look()) for _ in range(4)]
    assert told == [20, 20, 10, 0]


async def test_a_request_is_told_once_and_answered(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.look()
    done = ask(tmp_path, Request("1-2", Command.PAUSE, "ann", "because", bench.clock.utc_ns))
    owner = account_name(os.geteuid())
    assert await bench.look() == [Operator(Command.PAUSE, "ann", "because", "operator_cli", "1-2", owner)]
    assert await bench.look() == []
    await bench.watched_files.answered("1-2", "")
    assert done.read_text() == ""
    assert pending(tmp_path) == []
    await bench.watched_files.answered("nobody", "x")


async def test_a_consent_says_what_it_lifted_and_a_refusal_every_gate(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.look()
    for ident, text, note in (("1-1", "", "lifted by this resume: pause"), ("1-2", "a: FAIL\nb: UNKNOWN", "")):
        done = ask(tmp_path, Request(ident, Command.RESUME, "ann", "because", bench.clock.utc_ns))
        await bench.look()
        await bench.watched_files.answered(ident, text, note)
        assert read_answer(done.read_text()) == (text, note)


@pytest.mark.parametrize("command", [Command.RESUME, Command.ARM])
async def test_an_old_request_to_lift_something_lifts_nothing(command: Command, tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.look()
    done = ask(tmp_path, Request("1-2", command, "ann", "because", bench.clock.utc_ns - 62 * NS_PER_S))
    assert await bench.look() == []
    assert "ask again" in done.read_text()


async def test_an_old_request_to_stop_still_stops(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.look()
    ask(tmp_path, Request("1-2", Command.CANCEL_ALL, "ann", "because", bench.clock.utc_ns - 3_600 * NS_PER_S))
    assert [type(e) for e in await bench.look()] == [Operator]


async def test_a_look_that_never_comes_back_is_a_kill_switch_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.client.watched_files_io.LOOK_SLICE_S", 0.001)
    bench = Bench(tmp_path)
    await bench.look()
    made = bench.watched_files.progress_mono_ns
    bench.clock.wait(NS_PER_S)
    pipe = tmp_path / "proofs.json"
    os.mkfifo(pipe)
    (told,) = await bench.look()
    assert isinstance(told, KillSwitch)
    assert told.active
    assert "does not answer" in told.reason
    assert bench.watched_files.progress_mono_ns == made  # and /health says so
    assert await bench.look() == []
    await asyncio.to_thread(pipe.write_bytes, b"")  # lets the one thread go that hangs
    monkeypatch.setattr("daemon.client.watched_files_io.LOOK_SLICE_S", 1)
    (told,) = await bench.look()
    assert isinstance(told, KillSwitch)
    assert not told.active


async def test_a_job_that_is_asked_for_goes_to_the_jobs_once_and_an_old_one_to_nobody(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.look()
    now_ns = bench.clock.now().utc_ns
    ask(tmp_path, Request("1-1", Command.RUN_ONCE, "ann", "report", now_ns))
    old = ask(tmp_path, Request("1-2", Command.RUN_ONCE, "ann", "health", now_ns - 61 * NS_PER_S))
    assert await bench.look() == []
    assert await bench.look() == []
    assert bench.jobs == [("report", "ann", "1-1")]
    assert "ask again" in old.read_text()


async def test_a_disk_that_cannot_be_read_ends_the_daemon_in_order_and_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path)
    await bench.look()

    def broken(_: Path) -> list[object]:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("daemon.client.watched_files_io.pending", broken)
    (told,) = await bench.look()
    assert isinstance(told, JournalFault)
    assert "Too many open files" in told.reason
    assert await bench.look() == []


async def test_a_close_all_is_told_before_the_kill_switch_and_at_every_change(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    told = CloseOutTold("1-1", "ada", "why", 10, bench.clock.now().utc_ns)
    write_close_out(tmp_path, told)
    first, *others = await bench.look()
    assert isinstance(first, CloseOutTold)
    assert (first.by, first.cause, first.owner) == ("ada", "why", account_name(os.geteuid()))
    assert any(isinstance(event, KillSwitch) for event in others)
    assert await bench.look() == []
    write_close_out(tmp_path, msgspec.structs.replace(told, outcome="flat"))
    (second,) = await bench.look()
    assert isinstance(second, CloseOutTold)
    assert second.outcome == "flat"
    assert read_close_outs(tmp_path)
    bench.clock.wait(700 * NS_PER_S)
    await bench.look()
    assert read_close_outs(tmp_path) == ()


async def test_what_is_no_file_of_a_close_all_is_set_aside(tmp_path: Path) -> None:
    folder = close_outs_folder(tmp_path)
    folder.mkdir()
    (folder / "x.json").write_text("{}")
    (folder / "y.json").mkdir()
    assert not any(isinstance(event, CloseOutTold) for event in await Bench(tmp_path).look())
    assert {path.name for path in folder.iterdir() if not path.name.startswith(".")} == set()


@pytest.mark.step("X03")
@pytest.mark.parametrize(("by", "control"), [("watcher", "watcher"), ("cancel-all", "cancel_all_command")])
async def test_a_program_that_saw_the_account_flat_by_itself_is_proven_and_one_that_only_asked_is_not(
    tmp_path: Path, by: str, control: str
) -> None:
    bench = Bench(tmp_path)
    await bench.look()
    asked_ns = bench.clock.now().utc_ns
    marker = ask_cancel_all(tmp_path, Marker("one", asked_ns, by, "drill"))
    assert not any(isinstance(event, ControlProven) for event in await bench.look())
    finish_cancel_all(tmp_path, marker, asked_ns + 1)  # as the daemon does: that proves the daemon alone
    assert not any(isinstance(event, ControlProven) for event in await bench.look())
    finish_cancel_all(tmp_path, marker, asked_ns + 2, seen_flat_by=by)
    assert [event for event in await bench.look() if isinstance(event, ControlProven)] == [
        ControlProven(control, asked_ns + 2)
    ]
    assert await bench.look() == [], "told once"
