"""Drills by hand: what is refused, what is left for the daemon, and that only a younger proof is one."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from daemon.cli import drill_io
from daemon.cli.drill_io import DrillAsked, drill
from domain.clock import NS_PER_S
from domain.errors import UnavailableError
from guards.evidence.controls import CANCEL_ALL_COMMAND, CLOSE_ALL, HANDS, KILL_FILE, SIGUSR1, WATCHER
from journal.marker_io import kill_path, read_kill_file
from journal.watcher_request_io import read_request
from tests.daemon.timepiece import Timepiece


class Daemon:
    """A daemon's page, as far as drills read it; `proves` after so many looks, never for 0."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.clock = folder, Timepiece()
        self.said: list[str] = []
        self.ran: list[tuple[str, ...]] = []
        self.signals: list[int] = []
        self.proves, self.looks, self.alive = 3, 0, True
        opens_ns = self.clock.now().utc_ns + 3_600 * NS_PER_S
        self.picture: dict[str, Any] = {
            "paused": False, "kill_switch": False, "kill_reason": "", "holdings": [],
            "series": [{"name": "INXU", "phase": "closed", "opens_ns": opens_ns}],
        }  # fmt: skip
        patch.setattr(drill_io, "page_of", lambda _: type("Page", (), {"port": 1})())
        patch.setattr(drill_io, "daemon_pid", lambda _: os.getpid() if self.alive else 0)
        patch.setattr(drill_io, "picture_of", self.look)
        patch.setattr(drill_io, "_run", self.run)
        patch.setattr(drill_io, "LOOK_S", 0.001)
        patch.setattr(os, "kill", lambda _, number: self.signals.append(number))

    def run(self, *words: str) -> str:
        self.ran.append(words)
        return "ended with 0"

    def look(self, _address: str) -> dict[str, Any]:
        self.looks += 1
        young = self.proves and self.looks > self.proves
        rows = [{"name": name, "proven_s": 200.0 if young else 100.0} for name in HANDS]
        return self.picture | {"controls": rows}

    def drill(self, control: str) -> int:
        asked = DrillAsked(control, "ann", "monthly", self.folder, ("--state-dir", str(self.folder)))
        return drill(asked, self.clock, self.said.append, limit_s=0.05)


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    return Daemon(tmp_path, monkeypatch)


@pytest.mark.step("X03")
@pytest.mark.parametrize("control", HANDS)
def test_a_drill_is_proven_by_a_younger_proof_alone(daemon: Daemon, control: str) -> None:
    assert daemon.drill(control) == 0
    assert f"{control}: proven at 1970-01-01T00:03:20" in " ".join(daemon.said)
    daemon.looks = daemon.proves = 0
    assert daemon.drill(control) == 1, "the proof that was there before is no proof of this drill"
    assert f"{control}: NOT proven" in daemon.said[-1]


def test_each_leaves_what_the_control_is_there_for(daemon: Daemon) -> None:
    daemon.proves = 0
    daemon.drill(SIGUSR1)
    assert daemon.signals == [signal.SIGUSR1]
    daemon.drill(WATCHER)
    assert read_request(daemon.folder) == daemon.clock.now().utc_ns
    daemon.drill(CANCEL_ALL_COMMAND)
    daemon.drill(CLOSE_ALL)
    home = ("--state-dir", str(daemon.folder))
    assert daemon.ran == [
        ("cancel-all", "--reason", "drill by ann: monthly", *home),
        ("close-all", "--confirm", "--by", "ann", "--cause", "monthly", *home),
    ]
    daemon.drill(KILL_FILE)
    assert read_kill_file(daemon.folder).reason == "drill by ann: monthly", "not proven: left in force"


def test_a_proven_kill_file_is_taken_away_and_resuming_is_left_to_the_person(daemon: Daemon) -> None:
    assert daemon.drill(KILL_FILE) == 0
    assert not kill_path(daemon.folder).exists()
    assert "ladderd resume" in daemon.said[-1]


@pytest.mark.parametrize(
    ("control", "changes", "why"),
    [
        (SIGUSR1, {"series": [{"name": "INXU", "phase": "quoting", "opens_ns": 0}]}, "an open window"),
        (WATCHER, {"series": [{"name": "INXU", "phase": "preflight", "opens_ns": 1}]}, "opens within 120 s"),
        (KILL_FILE, {"kill_switch": True, "kill_reason": "ann: fire"}, "ann: fire"),
        (CLOSE_ALL, {"holdings": [{}]}, "positions are held"),
    ],
)
def test_what_would_cost_something_is_not_begun(daemon: Daemon, control: str, changes: Any, why: str) -> None:  # noqa: ANN401 - parts of a picture
    daemon.picture |= changes
    assert daemon.drill(control) == 1
    assert daemon.said[-1].startswith("not begun: ")
    assert why in daemon.said[-1]
    assert (daemon.ran, daemon.signals, read_request(daemon.folder)) == ([], [], 0)
    assert not kill_path(daemon.folder).exists()


def test_a_paused_daemon_is_drilled_at_any_time(daemon: Daemon) -> None:
    daemon.picture |= {"paused": True, "series": [{"name": "INXU", "phase": "quoting", "opens_ns": 0}]}
    assert daemon.drill(SIGUSR1) == 0


def test_without_a_daemon_there_is_nobody_to_date_a_proof(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon.alive = False
    assert daemon.drill(SIGUSR1) == 69
    daemon.alive = True

    def silent(_address: str) -> None:
        raise UnavailableError("no answer")

    monkeypatch.setattr(drill_io, "picture_of", silent)
    assert daemon.drill(SIGUSR1) == 69
    assert daemon.said[-1] == "no answer"


def test_who_may_not_is_told_so(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "kill", refused)
    assert daemon.drill(SIGUSR1) == 1
    assert "as root, or as the daemon's account" in daemon.said[-1]


def test_what_needs_no_hand_says_how_it_is_proven(daemon: Daemon) -> None:
    assert daemon.drill("freeze") == 1
    assert "ladderd preflight --ask" in daemon.said[-1]
