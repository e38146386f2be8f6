"""Replay: the same actions byte for byte, or the first step that differs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from domain.actions import AnyAction
from domain.alert_types.catalogue import PausedAlert, Severity
from domain.clock import Now
from domain.events import AnyEvent, ClockSample, Started, Wake
from domain.records import NoteEntry
from journal.reader import Step, decode_step
from journal.reader_io import read_records, read_steps
from journal.record import RecordError, canonical
from journal.replay import replay
from journal.writer_io import JournalWriter
from tests.journal.story import StepPayload

OpenWriter = Callable[..., JournalWriter]


class CountingEngine:
    """Counts samples since its start; a plain machine whose actions depend on its past."""

    def __init__(self, started: Started) -> None:
        self.run_id = started.run_id
        self.seen = 0

    def step(self, event: AnyEvent, now: Now) -> list[AnyAction]:
        if not isinstance(event, ClockSample):
            return []
        self.seen += 1
        return [
            NoteEntry(f"{self.seen} at {now.mono_ns}", self.run_id),
            PausedAlert(Severity.INFO, str(event.offset_ns)),
        ]


def started(run_id: str, build_id: str = "b1") -> Started:
    return Started(run_id, 1, "simulation", "c" * 64, build_id, "")


def engine(event: Started) -> Callable[[AnyEvent, Now], bytes]:
    machine = CountingEngine(event)
    return lambda event, now: msgspec.json.encode(machine.step(event, now))


def run(writer: JournalWriter, events: list[AnyEvent]) -> None:
    machine: CountingEngine | None = None
    for number, event in enumerate(events):
        if isinstance(event, Started):
            machine = CountingEngine(event)
        assert machine is not None
        now = Now(number, number)
        writer.append("step", StepPayload(event, now, machine.step(event, now)))
        writer.append("note", {"between": "steps"})


@pytest.fixture
def journaled(open_writer: OpenWriter, tmp_path: Path) -> Path:
    writer = open_writer()
    sample = ClockSample(5, 6)
    run(writer, [started("one"), sample, Wake(), sample, started("two"), sample])
    writer.close()
    return tmp_path


def test_what_was_journaled_is_reproduced_across_restarts(journaled: Path) -> None:
    verdict = replay(read_steps(journaled), engine)
    assert verdict.ok
    assert (verdict.steps, verdict.runs, verdict.skipped, verdict.first_divergence) == (6, 2, 0, None)


def test_the_first_difference_is_named(journaled: Path) -> None:
    def forgetful(event: Started) -> Callable[[AnyEvent, Now], bytes]:
        step = engine(event)
        return lambda event, now: b"[]" if now.mono_ns == 3 else step(event, now)

    verdict = replay(read_steps(journaled), forgetful)
    assert not verdict.ok
    difference = verdict.first_divergence
    assert difference is not None
    assert (difference.seq, difference.got) == (7, b"[]")
    assert b'"text":"2 at 3"' in difference.expected


def test_another_build_is_refused_not_compared(journaled: Path) -> None:
    verdict = replay(read_steps(journaled), engine, build_id="b2")
    assert not verdict.ok
    assert "written by build b1, this is b2" in verdict.refused
    assert verdict.steps == 0
    assert replay(read_steps(journaled), engine, build_id="b1").ok


def test_steps_before_the_first_start_are_counted_not_compared(journaled: Path) -> None:
    verdict = replay(read_steps(journaled, after_seq=2), engine)
    assert verdict.ok
    assert (verdict.skipped, verdict.steps) == (3, 2)


def test_an_empty_journal_shows_nothing() -> None:
    verdict = replay([], engine)
    assert not verdict.ok
    assert "no run" in verdict.refused


def test_a_step_reads_back_as_it_was(journaled: Path) -> None:
    steps: list[Step] = list(read_steps(journaled))
    assert steps[0].event == started("one")
    assert steps[1].event == ClockSample(5, 6)
    assert steps[1].now == Now(1, 1)
    assert steps[1].encoded == canonical(list(steps[1].actions))


def test_a_step_of_another_language_is_refused(open_writer: OpenWriter, tmp_path: Path) -> None:
    writer = open_writer()
    writer.append("step", {"event": {"kind": "teleport"}, "now": [1, 2], "actions": []})
    writer.close()
    with pytest.raises(RecordError, match="cannot be read by this build"):
        decode_step(next(read_records(tmp_path)))
