"""A bug ends the process, wherever it is: the account is marked and empty within two seconds, and the exit code is 1.

The bugs are planted from outside, by a `sitecustomize` on the path of the process under test: nothing in the product
knows of them. Each waits for a file to appear, so that it bites while orders rest.
"""

from __future__ import annotations

import urllib.request
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.live.stage import Stage, playing, until

GONE_LIMIT_S = 2.0
WATCHER_LIMIT_S = 10.0
PLANT = """
import importlib.abc, importlib.util, os, sys

class Hook(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != {module!r}:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module
        def exec_module(module):
            run(module)
            place = module
            *parents, name = {place!r}.split(".")
            for parent in parents:
                place = getattr(place, parent)
            sound = getattr(place, name)
            def planted(*args, **kwargs):
                if os.path.exists({trigger!r}):
                    {deed}
                return sound(*args, **kwargs)
            setattr(place, name, planted)
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Hook())
"""
# What fills the inbox raises in whatever task happens to put the next event in.
RAISE = "raise AssertionError('planted')"


class Bug(NamedTuple):
    """Where it is planted, and which vital work of the daemon it may be seen in."""

    module: str
    place: str
    seen_in: tuple[str, ...]


BUGS = (
    Bug("daemon.engine.step", "Engine.step", ("runner",)),
    Bug("daemon.runtime.perform_io", "Performer.perform", ("runner", "callbacks")),
    Bug("feeds.massive", "MassiveSession.received", ("feed massive", "feed polygon")),
    Bug("feeds.kalshi_stream", "KalshiStream.received", ("stream",)),
    Bug("feeds.massive", "MassiveSession.next_deadline", ("callbacks",)),
    Bug("execution.kalshi.venue", "read_answer", ("venue", "callbacks")),
    Bug("daemon.client.watched_files_io", "WatchedFiles._proven", ("watched_files",)),
    Bug("daemon.runtime.snapshots_io", "remember", ("snapshots",)),
    Bug("daemon.runtime.inbox_io", "Inbox.emit", ("",)),
)


def plant(stage: Stage, name: str, module: str, place: str, deed: str) -> Path:
    """A daemon with this bug in a state directory of its own; the file that makes it bite."""
    stage.state_dir = stage.programs.setting.state_dir = stage.config.parent / name
    stage.state_dir.mkdir()
    trigger = stage.state_dir / "bite"
    folder = stage.state_dir / "planted"
    folder.mkdir()
    text = PLANT.format(module=module, place=place, trigger=str(trigger), deed=deed)
    (folder / "sitecustomize.py").write_text(text, encoding="utf-8")
    root = stage.environment["PYTHONPATH"].rpartition(":")[2]
    stage.environment |= {"PYTHONPATH": f"{folder}:{root}", "LADDERD_STATE_DIR": str(stage.state_dir)}
    stage.start_daemon()
    stage.wait_for_page()
    stage.until_quoting(least=4, limit_s=75)
    return trigger


def marker(stage: Stage) -> str:
    """What the cancel-all markers of this run say."""
    return "".join(path.read_text("utf-8") for path in (stage.state_dir / "cancel_all").glob("*-bug"))


@pytest.mark.timeout(300)
def test_a_bug_anywhere_leaves_no_order_behind(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, period_s=240, strict_s=20)) as stage:
        stage.stop()
        for number, bug in enumerate(BUGS):
            trigger = plant(stage, f"bug{number}", bug.module, bug.place, RAISE)
            trigger.touch()
            until(f"{bug}: no order rests", lambda: not stage.truth()["resting"], GONE_LIMIT_S)
            assert stage.processes["daemon"].wait(15) == 1, stage.log()[-2000:]
            assert any(f"{name} failed: AssertionError" in marker(stage) for name in bug.seen_in), (bug, marker(stage))
            assert not stage.truth()["resting"]
            trigger.unlink()


def test_a_bug_behind_the_screens_pauses_and_leaves_no_order(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, period_s=240, strict_s=20)) as stage:
        stage.stop()
        trigger = plant(stage, "screens", "ops.http.http_io", "frame_of", RAISE)
        with urllib.request.urlopen(f"{stage.http}/events", timeout=10) as stream:  # noqa: S310 - loopback
            assert stream.readline()
            trigger.touch()
            until("no order rests", lambda: not stage.truth()["resting"], GONE_LIMIT_S)
        assert stage.processes["daemon"].poll() is None


def test_what_no_exception_tells_of_is_the_watchers(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, period_s=240, strict_s=20)) as stage:
        stage.stop()
        trigger = plant(stage, "abort", "daemon.engine.step", "Engine.step", "os.abort()")
        watch = stage.start_watcher(3_000)
        until("the watcher watches", lambda: "watching" in watch.said(), 20)
        trigger.touch()
        assert stage.processes["daemon"].wait(15) < 0
        assert stage.truth()["resting"], "nobody is left to cancel but the watcher"
        trigger.unlink()
        until("no order rests", lambda: not stage.truth()["resting"], WATCHER_LIMIT_S)


def test_the_next_start_keeps_the_tail(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, period_s=240, strict_s=20)) as stage:
        stage.stop()
        bug = BUGS[0]
        trigger = plant(stage, "tail", bug.module, bug.place, RAISE)
        trigger.touch()
        assert stage.processes["daemon"].wait(15) == 1
        trigger.unlink()
        stage.start_daemon()
        stage.wait_for_page()
        until("it waits for the tail", lambda: "cancel_all_active" in stage.reasons(), 15)
        assert not stage.truth()["resting"]
