"""Power lost at any instant, told from a record of every write and sync: what was acknowledged is there afterwards.

A kill leaves what was written; a power cut may also drop what was not yet synced, from some byte of each file on. Both
are rebuilt here in a fresh directory, for every instant and every such byte that Hypothesis cares to try.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journal.disk_io import Disk
from journal.reader_io import read_anchors, read_records, verify_state
from journal.writer_io import JournalLimits, JournalUnwritable, JournalWriter
from tests.journal.conftest import BadDisk, HandClock

RECORDS = 14
LIMITS = JournalLimits(segment_bytes_max=2_500, ballast_bytes=0, anchor_period_s=2)


@dataclass
class Instant:
    """The files as they stand after one operation: all that was written, and how much of it is synced."""

    written: dict[Path, bytes]
    synced: dict[Path, int]
    acknowledged: int


@dataclass
class Recorder(Disk):
    """A disk that remembers every instant. `acknowledged` is set by the test as the writer tells it."""

    writes_only_bytes: int
    instants: list[Instant] = field(default_factory=list)
    acknowledged: int = 0
    _names: dict[int, Path] = field(default_factory=dict)
    _written: dict[Path, bytes] = field(default_factory=dict)
    _synced: dict[Path, int] = field(default_factory=dict)

    def append_to(self, path: Path) -> int:
        file = super().append_to(path)
        self._names[file] = path
        self._written.setdefault(path, path.read_bytes())
        self._synced.setdefault(path, len(self._written[path]))
        self._remember()
        return file

    def write(self, file: int, data: bytes | memoryview) -> int:
        size = super().write(file, data[: self.writes_only_bytes])
        self._written[self._names[file]] += bytes(data[:size])
        self._remember()
        return size

    def sync(self, file: int) -> None:
        path = self._names[file]
        self._synced[path] = len(self._written[path])
        self._remember()

    def _remember(self) -> None:
        self.instants.append(Instant(dict(self._written), dict(self._synced), self.acknowledged))


def write_story(state_dir: Path, writes_only_bytes: int) -> Recorder:
    """A journal of a few segments and anchors, written record by record."""
    disk, clock = Recorder(writes_only_bytes), HandClock()
    writer = JournalWriter(state_dir, "run", "simulation", "c" * 64, clock, threaded=False, limits=LIMITS, disk=disk)

    def acknowledge(seq: int) -> None:
        disk.acknowledged = seq

    writer.on_durable(acknowledge)
    for number in range(RECORDS):
        clock.advance_ms(700)
        writer.append("note", {"number": number, "text": "x" * 100})
    writer.close()
    return disk


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Instant]]:
    """Made once, and played to many ends."""
    state_dir = tmp_path_factory.mktemp("story")
    return state_dir, write_story(state_dir, 173).instants


def rebuild(source: Path, target: Path, instant: Instant, lost: st.DataObject | None) -> None:
    """Put a directory back as it stood at an instant, less what `lost` decides to drop of unsynced bytes."""
    for path, written in instant.written.items():
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        kept = len(written)
        if lost is not None:
            kept = lost.draw(st.integers(instant.synced[path], len(written)), label=path.name)
        copy.write_bytes(written[:kept])


def check(state_dir: Path, acknowledged: int) -> None:
    """Open it as a restarted daemon would, append, and verify everything."""
    writer = JournalWriter(
        state_dir, "again", "simulation", "c" * 64, HandClock(), threaded=False, limits=LIMITS, disk=BadDisk()
    )
    first = writer.append("note", {"number": -1})
    assert first > acknowledged
    assert writer.close()
    verdict = verify_state(state_dir)
    assert verdict.ok, verdict.first_fault
    assert verdict.torn_tail is None
    assert verdict.anchors_met == len({anchor.seq for anchor in read_anchors(state_dir)})
    numbers = [record.seq for record in read_records(state_dir)]
    assert numbers == list(range(1, first + 1))


@pytest.mark.step("K25", "O06")
def test_a_kill_at_every_write_boundary(story: tuple[Path, list[Instant]], tmp_path: Path) -> None:
    source, instants = story
    assert len(instants) > 60
    for number, instant in enumerate(instants):
        target = tmp_path / str(number)
        rebuild(source, target, instant, None)
        check(target, instant.acknowledged)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_power_lost_at_any_instant(
    story: tuple[Path, list[Instant]], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    source, instants = story
    instant = data.draw(st.sampled_from(instants), label="instant")
    target = tmp_path_factory.mktemp("end")
    rebuild(source, target, instant, data)
    check(target, instant.acknowledged)


class CutFails(Disk):
    def cut(self, path: Path, size_bytes: int) -> None:
        raise OSError(5, f"Input/output error: {path.name} at {size_bytes}")


def torn_in(instant: Instant) -> list[Path]:
    return [path for path, data in instant.written.items() if data and not data.endswith(b"\n")]


def test_a_kill_in_the_middle_of_a_repair_is_repaired(story: tuple[Path, list[Instant]], tmp_path: Path) -> None:
    source, instants = story
    torn = next(i for i in instants if i.acknowledged > 3 and torn_in(i))
    rebuild(source, tmp_path, torn, None)
    with pytest.raises(JournalUnwritable):
        JournalWriter(tmp_path, "r", "simulation", "c", HandClock(), threaded=False, limits=LIMITS, disk=CutFails())
    check(tmp_path, torn.acknowledged)


@pytest.mark.step("K25")
def test_acknowledgements_wait_for_the_sync(story: tuple[Path, list[Instant]]) -> None:
    _, instants = story
    for before, after in itertools.pairwise(instants):
        if after.acknowledged > before.acknowledged:
            segments = [path for path in before.written if path.parent.name == "journal"]
            assert all(before.synced[path] == len(before.written[path]) for path in segments)


def test_an_anchor_is_synced_before_the_journal_goes_on(story: tuple[Path, list[Instant]]) -> None:
    _, instants = story
    anchored = 0
    for before, after in itertools.pairwise(instants):
        anchors = [path for path in before.written if path.parent.name == "anchor"]
        if any(before.written[path] != after.written[path] for path in set(before.written) - set(anchors)):
            assert all(before.synced[path] == len(before.written[path]) for path in anchors)
            anchored += len(anchors)
    assert anchored
