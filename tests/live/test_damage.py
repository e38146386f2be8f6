"""The journal damaged behind a dead daemon: each damage stops the next start, with its place, before any request."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from journal.reader_io import segment_paths
from journal.record import GENESIS, HEAD_END
from journal.snapshot_io import read_snapshot
from tests.journal.lines import sealed_again
from tests.live.stage import Stage, assert_flat_and_maker, playing, until

END_LIMIT_S = 30.0
Place = str


def the_segment(state: Path) -> tuple[Path, list[bytes]]:
    (path,) = segment_paths(state)
    return path, path.read_bytes().splitlines(keepends=True)


def put(path: Path, lines: list[bytes], number: int) -> Place:
    """Write the lines; the place that is to be told."""
    path.write_bytes(b"".join(lines))
    return f"{path}:{number}"


def snapshot_seq(state: Path) -> int:
    """The record that the snapshot stands behind."""
    snapshot = read_snapshot(state)
    return snapshot.seq if snapshot is not None else 0


def flip(state: Path) -> Place:
    """A letter of the last record, which stays readable."""
    path, lines = the_segment(state)
    lines[-1] = lines[-1].replace(b'"type":"step"', b'"type":"stop"')
    return put(path, lines, len(lines))


def remove(state: Path) -> Place:
    path, lines = the_segment(state)
    return put(path, [*lines[:-2], lines[-1]], len(lines) - 1)


def repeat(state: Path) -> Place:
    path, lines = the_segment(state)
    return put(path, [*lines, lines[-1]], len(lines) + 1)


def truncate(state: Path) -> Place:
    """Cut off at a record's end, where no anchor tells it: the snapshot does."""
    path, lines = the_segment(state)
    kept = snapshot_seq(state) - 1
    last = next(n for n, line in enumerate(lines) if f'"seq":{kept},'.encode() in line and not line.endswith(HEAD_END))
    return put(path, lines[: last + 1], kept)


def rewrite(state: Path) -> Place:
    """Another history from the first record on, sound in itself."""
    path, lines = the_segment(state)
    before, made = GENESIS, []
    for line in lines:
        sealed, before = sealed_again(line, prev_hash=before, correlation_id="rewritten")
        made.append(sealed)
    anchored = [
        msgspec.json.decode(a)["seq"] for f in (state / "anchor").iterdir() for a in f.read_bytes().splitlines()
    ]
    return put(path, made, 1 + min(seq for seq in anchored if seq))  # behind the head of its run


def lose_anchors(state: Path) -> Place:
    shutil.rmtree(state / "anchor")
    return f"{segment_paths(state)[0]}:1"


def lose_segment(state: Path) -> Place:
    segment_paths(state)[0].unlink()
    return f"{state / 'journal'}:1"


DAMAGES: list[Callable[[Path], Place]] = [flip, remove, repeat, truncate, rewrite, lose_anchors, lose_segment]


def test_a_damaged_journal_stops_the_start_with_its_place(tmp_path: Path) -> None:
    with playing(Stage(tmp_path / "state")) as stage:
        stage.until_quoting()
        stage.stop(signal.SIGKILL)
        first_run = len(the_segment(stage.state_dir)[1])
        stage.start_daemon()  # its opening anchors what the first run wrote
        until("a snapshot of this run", lambda: snapshot_seq(stage.state_dir) > first_run + 1)
        stage.stop(signal.SIGKILL)
        asked = stage.truth()["requests"]
        for damage in DAMAGES:
            copy = tmp_path / damage.__name__
            shutil.copytree(stage.state_dir, copy)
            config = tmp_path / f"{damage.__name__}.toml"
            config.write_text(
                stage.config.read_text(encoding="utf-8").replace(str(stage.state_dir), str(copy)), encoding="utf-8"
            )
            place = damage(copy)
            ended = subprocess.run(
                [sys.executable, "-m", "daemon", "run", "--config", str(config)],
                cwd=copy, env=stage.environment, capture_output=True, text=True, check=False, timeout=END_LIMIT_S,
            )  # fmt: skip
            said = ended.stderr.splitlines()
            assert (ended.returncode, len(said)) == (1, 1), (damage.__name__, ended.stderr)
            assert said[0].startswith(f"ladderd: {place}: "), (damage.__name__, place, said)
            assert "Trading stays stopped" in said[0]
        assert stage.truth()["requests"] == asked, "nothing was asked of the exchange"
        # A torn last line is no damage: it was never acknowledged, is repaired and reported.
        path, lines = the_segment(stage.state_dir)
        path.write_bytes(b"".join(lines) + lines[-1][:40])
        stage.start_daemon()
        stage.wait_for_page()
        until("the repair is told", lambda: "journal tail repaired" in stage.log(), 5)
        assert stage.stop() == 0
        assert_flat_and_maker(stage.truth())


@pytest.mark.step("K25")
def test_a_journal_that_is_taken_away_ends_the_daemon_flat_at_once(tmp_path: Path) -> None:
    """Its records would go on into files that nobody can find; and a deleted lock file lets no second daemon in."""
    with playing(Stage(tmp_path, period_s=60, first_open_s=2)) as stage:
        stage.until_quoting()
        (tmp_path / "journal" / "LOCK").unlink()
        second = stage.ladderd("run", "--config", str(stage.config))
        assert (second.returncode, "already writing this journal" in second.stderr) == (1, True), second.stderr
        assert stage.truth()["resting"], "the first goes on"
        for path in (tmp_path / "journal").glob("*.jsonl"):
            path.unlink()
        until("told", lambda: "was deleted or moved under the running daemon" in stage.log(), 5)
        until("flat", lambda: not stage.truth()["resting"], 10)
        assert stage.processes["daemon"].wait(20) == 1
        assert "Traceback" not in stage.log()
        assert_flat_and_maker(stage.truth())
        assert "journal_fault" in (tmp_path / "alert_receipts.jsonl").read_text("utf-8")
