from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from daemon.engine.memory import Memory
from daemon.runtime.recovery_io import Recovered, recover
from daemon.settings.build import ReferenceData
from daemon.settings.build_id_io import DECIDING, build_id, sources_id
from journal.reader_io import JournalDamaged
from journal.writer_io import JournalLimits, JournalWriter
from tests.daemon.kept import a_short_story, keep, settings_in
from tests.daemon.stand import FEES, Stand
from tests.daemon.timepiece import Timepiece
from tests.journal.lines import sealed_again


def recovered(stand: Stand, folder: Path) -> Recovered:
    clock = Timepiece(stand.mono_ns + 10**9, stand.utc_ns + 10**9)
    return recover(settings_in(folder), ReferenceData(FEES), clock)


def live(found: Recovered) -> set[str]:
    return {order.client_order_id for order in msgspec.json.decode(found.memory, type=Memory).orders}


def test_a_first_start_remembers_nothing(tmp_path: Path) -> None:
    found = recover(settings_in(tmp_path), ReferenceData(FEES), Timepiece())
    assert (found.memory, found.tail_steps) == ("", 0)
    assert found.epoch == Timepiece().utc_ns // 10**9
    assert found.run_id == f"run-{found.epoch}"


@pytest.mark.parametrize("with_snapshot", [True, False])
def test_what_the_run_before_knew_is_known_also_what_happened_after_the_snapshot(
    tmp_path: Path, *, with_snapshot: bool
) -> None:
    stand, number = a_short_story(tmp_path)
    keep(stand, tmp_path, snapshot_at=number if with_snapshot else None)
    found = recovered(stand, tmp_path)
    assert live(found) == set(stand.live())
    memory = msgspec.json.decode(found.memory, type=Memory)
    assert memory.ledger.markets.keys() == stand.engine.state.held.ledger.markets.keys()
    assert (found.tail_steps < len(stand.story)) is with_snapshot


@pytest.mark.parametrize("with_snapshot", [True, False])
def test_the_write_budget_is_known_to_the_last_request(tmp_path: Path, *, with_snapshot: bool) -> None:
    stand, number = a_short_story(tmp_path)
    keep(stand, tmp_path, snapshot_at=number if with_snapshot else None)
    kept = msgspec.json.decode(recovered(stand, tmp_path).memory, type=Memory).budget
    own = stand.engine.state.held.budget.record(stand.now())
    assert kept is not None
    assert own is not None
    assert kept.tokens_milli < own.capacity * 1000
    flowed_milli = (own.utc_ns - kept.utc_ns) * own.refill_per_s // 10**6
    # Our own reckoning rounds each refill down; the answer to a request is a step, and its own look at the clock.
    assert abs(kept.tokens_milli + flowed_milli - own.tokens_milli) < 100


def test_a_damaged_snapshot_is_passed_over_and_the_journal_believed(tmp_path: Path) -> None:
    stand, number = a_short_story(tmp_path)
    keep(stand, tmp_path, snapshot_at=number)
    for path in tmp_path.glob("**/*snapshot*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:-7])
    found = recovered(stand, tmp_path)
    assert live(found) == set(stand.live())


def test_a_journal_that_cannot_be_believed_stops_the_start(tmp_path: Path) -> None:
    stand, _ = a_short_story(tmp_path)
    keep(stand, tmp_path)
    (segment, *_) = sorted((tmp_path / "journal").glob("*"))
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join([*lines[:5], b"{}\n", *lines[6:]]))
    with pytest.raises(JournalDamaged):
        recovered(stand, tmp_path)


def flip(lines: list[bytes]) -> list[bytes]:
    """One digit of the last step's own stamp: it can still be read."""
    return [*lines[:-1], lines[-1].replace(b'"mono_ns":1', b'"mono_ns":2', 1)]


def remove(lines: list[bytes]) -> list[bytes]:
    return [*lines[:-2], lines[-1]]


def rewrite(lines: list[bytes]) -> list[bytes]:
    """The last record again with another text and a hash that fits."""
    return [*lines[:-1], sealed_again(lines[-1], correlation_id="rewritten")[0]]


@pytest.mark.parametrize(("damage", "line"), [(flip, 0), (remove, -1), (rewrite, 0)])
def test_a_tail_that_cannot_be_believed_stops_the_start_with_the_place(
    tmp_path: Path, damage: Callable[[list[bytes]], list[bytes]], line: int
) -> None:
    stand, number = a_short_story(tmp_path)
    keep(stand, tmp_path, snapshot_at=number)
    (segment,) = (tmp_path / "journal").glob("*.jsonl")
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join(damage(lines)))
    with pytest.raises(JournalDamaged) as caught:
        recovered(stand, tmp_path)
    assert (caught.value.file, caught.value.line) == (str(segment), len(lines) + line)


def test_a_journal_shorter_than_the_snapshot_stops_the_start(tmp_path: Path) -> None:
    stand, number = a_short_story(tmp_path)
    keep(stand, tmp_path, snapshot_at=number)
    (segment,) = (tmp_path / "journal").glob("*.jsonl")
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[: number - 1]))
    (anchors,) = (tmp_path / "anchor").glob("*.jsonl")
    anchors.write_bytes(anchors.read_bytes().splitlines(keepends=True)[0])
    with pytest.raises(JournalDamaged, match=f"the snapshot says that {number} was durable"):
        recovered(stand, tmp_path)


@pytest.mark.parametrize("begun_again", [False, True])
def test_a_journal_moved_away_leaves_what_the_snapshot_knows(tmp_path: Path, *, begun_again: bool) -> None:
    stand, number = a_short_story(tmp_path)
    keep(stand, tmp_path, snapshot_at=number)
    for name in ("journal", "anchor"):
        shutil.rmtree(tmp_path / name)
    if begun_again:  # and killed before its first snapshot
        clock = Timepiece(stand.mono_ns, stand.utc_ns)
        JournalWriter(
            tmp_path, "run", "paper", "c", clock, threaded=False, limits=JournalLimits(ballast_bytes=0)
        ).abandon()
    found, kept = recovered(stand, tmp_path), msgspec.json.decode(stand.memories[number])
    memory = msgspec.json.decode(found.memory)
    assert [memory[key] for key in ("orders", "ledger")] == [kept[key] for key in ("orders", "ledger")]
    assert memory["orders"]


def test_the_new_epoch_is_beyond_the_old_one_even_if_the_clock_was_set_back(tmp_path: Path) -> None:
    stand, number = a_short_story(tmp_path)
    keep(stand, tmp_path, snapshot_at=number)
    early = Timepiece(10**12, 5 * 10**9)
    assert recover(settings_in(tmp_path), ReferenceData(FEES), early).epoch > stand.engine.state.held.numbers.epoch


def test_recovering_changes_nothing_on_disk(tmp_path: Path) -> None:
    stand, number = a_short_story(tmp_path / "a")
    keep(stand, tmp_path / "a", snapshot_at=number)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    recovered(stand, tmp_path / "a")
    for path in (tmp_path / "a").glob("**/*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_the_build_is_named_by_its_sources() -> None:
    assert build_id() == build_id()
    assert len(build_id()) == 12


def test_the_build_is_the_sources_of_every_wing_by_their_place(tmp_path: Path) -> None:
    for package in DECIDING:
        (tmp_path / package / "wing").mkdir(parents=True)
        (tmp_path / package / "wing" / "room.py").write_text("one = 1\n", encoding="utf-8")
    first = sources_id(tmp_path)
    (tmp_path / "daemon" / "wing" / "room.py").write_text("one = 2\n", encoding="utf-8")
    second = sources_id(tmp_path)
    (tmp_path / "daemon" / "wing").rename(tmp_path / "daemon" / "other")
    third = sources_id(tmp_path)
    assert len({first, second, third}) == 3
    (tmp_path / "journal" / "wing" / "room.py").unlink()
    assert sources_id(tmp_path) == "", "what cannot be read cannot be named"
