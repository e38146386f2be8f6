"""Recorded frames come back as they were; trouble with the disk is counted and told, never raised."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clock import Now
from feeds.recorder_io import FrameRecorder, line_of
from sim.index_feed.tape import read_rows

DAY_NS = 86_400 * 10**9
START = 20_778 * DAY_NS
FRAME = b'[{"ev":"status","status":"success"},{"ev":"V","val":6650.130,"T":"I:SPX","t":%d}]'


def frame(ms: int) -> bytes:
    return FRAME % (START // 1_000_000 + ms)


def record(recorder: FrameRecorder, *frames: tuple[int, bytes]) -> None:
    for ns, data in frames:
        recorder.take(data, Now(0, ns))
    recorder.start()
    recorder.stop()


def test_one_file_a_day_and_a_recording_can_be_played(tmp_path: Path) -> None:
    recorder = FrameRecorder(tmp_path / "new", "massive")
    record(recorder, (START, frame(0)), (START + 1, frame(1)), (START + DAY_NS, frame(2)))
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == [
        "massive-2026-11-21.jsonl",
        "massive-2026-11-22.jsonl",
    ]
    text = (tmp_path / "new" / "massive-2026-11-21.jsonl").read_text()
    assert text.splitlines()[0] == f'{{"ns":{START},"frame":{frame(0).decode()}}}'
    rows = read_rows(text, jsonl=True)
    assert [(row.ticker, row.text, row.utc_ns) for row in rows] == [
        ("I:SPX", "6650.130", START),
        ("I:SPX", "6650.130", START + 1_000_000),
    ]
    assert (recorder.recorded, recorder.dropped, recorder.trouble) == (3, 0, "")


def test_a_restart_appends(tmp_path: Path) -> None:
    record(FrameRecorder(tmp_path, "x"), (START, frame(0)))
    record(FrameRecorder(tmp_path, "x"), (START, frame(1)))
    (file,) = tmp_path.iterdir()
    assert len(file.read_bytes().splitlines()) == 2


def test_too_much_waiting_is_dropped_and_counted(tmp_path: Path) -> None:
    recorder = FrameRecorder(tmp_path, "x", pending_max=2)
    record(recorder, *[(START, frame(n)) for n in range(5)])
    assert (recorder.recorded, recorder.dropped) == (2, 3)


def test_a_disk_that_refuses_is_told_and_not_raised(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    recorder = FrameRecorder(tmp_path / "file", "x")
    record(recorder, (START, frame(0)), (START, frame(1)))
    assert recorder.dropped == 2
    assert "recording of x" in recorder.trouble


@given(st.binary(max_size=60))
def test_every_line_is_one_line_of_json(data: bytes) -> None:
    line = line_of(5, data)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")


@pytest.mark.parametrize("data", [b"[1,\n2]", b"nothing", b"\xff"])
def test_odd_frames_are_kept(data: bytes) -> None:
    assert line_of(5, data).startswith(b'{"ns":5,')
