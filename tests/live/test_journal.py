"""The journal on a real disk in real processes: killed at any instant, and on disks that are full or read-only."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from journal.reader_io import read_records, verify_state

ROOT = Path(__file__).resolve().parents[2]
KILLS = 10
SEED = 20260306


def appender(state_dir: str) -> None:
    """Append for ever; write every durable number to standard output, as an acknowledgement that must hold."""
    from daemon.system_clock import SystemClock  # noqa: PLC0415 - only the child needs it
    from journal.writer_io import JournalWriter  # noqa: PLC0415 - only the child needs it

    def acknowledge(seq: int) -> None:
        os.write(1, f"{seq}\n".encode())

    async def run() -> None:
        writer = JournalWriter(Path(state_dir), f"run-{os.getpid()}", "simulation", "c" * 64, SystemClock())
        writer.on_durable(acknowledge)
        writer.on_fault(sys.exit)
        while True:
            for size in (10, 100, 30_000):
                seq = writer.append("note", {"size": size, "text": "x" * size})
                assert seq
            if writer.pending > 20:
                await writer.drain(10)
            await asyncio.sleep(0)

    asyncio.run(run())


def start_appender(state_dir: Path) -> subprocess.Popen[bytes]:
    code = f"from tests.live.test_journal import appender; appender({str(state_dir)!r})"
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)


def kill_after(process: subprocess.Popen[bytes], acknowledgements: int) -> int:
    """SIGKILL after so many acknowledgements were read; the last one that the process managed to write."""
    assert process.stdout is not None
    for _ in range(acknowledgements):
        assert process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read()
    process.wait()
    process.stdout.close()
    whole = [line for line in rest.split(b"\n")[:-1] if line]
    return int(whole[-1]) if whole else 0


@pytest.mark.step("O06")
def test_no_acknowledged_record_is_lost_to_a_kill(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    acknowledged = repaired = 0
    for _ in range(KILLS):
        acknowledged = max(acknowledged, kill_after(start_appender(tmp_path), chance.randrange(1, 20)))
        verdict = verify_state(tmp_path)
        assert verdict.ok, verdict.first_fault
        assert verdict.head.seq >= acknowledged
        repaired += verdict.torn_tail is not None
    runs = {record.run_id for record in read_records(tmp_path)}
    assert len(runs) == KILLS
    for record in read_records(tmp_path):
        said = json.loads(bytes(record.payload))
        assert len(said["text"]) == said["size"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A 3 MiB disk, where this machine allows one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("mounting a small disk needs root")
    made = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(f"no small disk here: {made.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def in_process(code: str, place: Path) -> dict[str, object]:
    """Run code with `writer_on(path)` at hand; what it prints as JSON."""
    prelude = """
        import asyncio, json, sys
        from pathlib import Path
        from daemon.system_clock import SystemClock
        from journal.writer_io import JournalUnwritable, JournalWriter
        place = Path(sys.argv[1])
        def writer_on(path):
            return JournalWriter(path, "run", "simulation", "c" * 64, SystemClock())
    """
    text = textwrap.dedent(prelude) + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", text, str(place)], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def test_a_full_disk_pulls_the_alarm_and_still_records_what_follows(small_disk: Path) -> None:
    told = in_process(
        """
        async def run():
            writer = writer_on(place)
            faults = []
            writer.on_fault(faults.append)
            last = alarmed_at = 0
            while seq := writer.append("note", {"text": "x" * 10_000}):
                last = seq
                await writer.drain(10)
                if faults and not alarmed_at:
                    alarmed_at = seq
            durable = writer.durable_seq
            print(json.dumps({"alarmed_at": alarmed_at, "last": last, "durable": durable, "faults": faults,
                              "closed": writer.close()}))
        asyncio.run(run())
        """,
        small_disk,
    )
    assert isinstance(told["faults"], list)
    assert len(told["faults"]) == 1
    assert "disk is full" in str(told["faults"])
    assert told["closed"] is False
    alarmed_at, durable = int(str(told["alarmed_at"])), int(str(told["durable"]))
    assert durable > alarmed_at + 50, "the ballast is 1 MiB: some hundred records of 10 kB"
    verdict = verify_state(small_disk)
    assert verdict.ok, verdict.first_fault
    assert verdict.head.seq >= durable


def test_a_disk_full_at_the_start_is_one_clear_line(small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(b"x" * (2560 * 1024))
    told = in_process(
        """
        async def run():
            try:
                writer_on(place)
            except JournalUnwritable as error:
                print(json.dumps({"said": str(error)}))
        asyncio.run(run())
        """,
        small_disk,
    )
    assert "No space left" in str(told["said"])
    assert "free space" in str(told["said"])


def test_a_read_only_disk_is_one_clear_line(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    told = in_process(
        """
        async def run():
            try:
                writer_on(place)
            except JournalUnwritable as error:
                print(json.dumps({"said": str(error)}))
        asyncio.run(run())
        """,
        small_disk,
    )
    assert "Read-only file system" in str(told["said"])
