"""`ladderd drill CONTROL`: a person has one control work for real, between windows, and sees the daemon date its proof.

The command leaves what the control is there for (a kill file, a signal, a request to the watcher), or runs the program
that it is, and waits until the daemon's own list of controls has a younger proof: only the exchange's empty list gives
one. Exit: 0 proven; 1 not proven, or not begun, with why; 69 no daemon answers.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from daemon.client.living_io import daemon_pid, page_of
from daemon.client.own_programs_io import own_command, own_environment
from daemon.rescue.kill_io import write_kill_file
from domain.clock import NS_PER_S, Clock
from domain.errors import EX_NOT_OK, EX_OK, EX_UNAVAILABLE, UnavailableError
from domain.stamps import utc_text
from domain.window import Phase
from guards.evidence.controls import CANCEL_ALL_COMMAND, CLOSE_ALL, HANDS, KILL_FILE, NAMED, SIGUSR1, WATCHER, ProvenBy
from journal.marker_io import kill_path
from journal.watcher_request_io import ask_watcher
from ops.client_io import picture_of

PATIENCE_S: Final = 60.0
LOOK_S: Final = 0.2
ROOM_NS: Final = 120 * NS_PER_S
CLOSED: Final = frozenset({Phase.CLOSED.value, Phase.PREFLIGHT.value})
RESUME: Final = "ladderd resume --by YOU --cause WHY"


class DrillAsked(NamedTuple):
    """One drill: of what, by whom and why, in which state directory, and with which options for programs of ours."""

    control: str
    by: str
    cause: str
    home: Path
    options: tuple[str, ...] = ()

    @property
    def why(self) -> str:
        """What the daemon and the files are told."""
        return f"drill by {self.by}: {self.cause}"


Say = Callable[[str], None]
Picture = dict[str, Any]


def drill(asked: DrillAsked, clock: Clock, say: Say, limit_s: float = PATIENCE_S) -> int:
    """Have one control work, and wait for its proof; returns the exit code."""
    control = NAMED[asked.control]
    if control.by is not ProvenBy.HAND:
        say(f"{control.name} needs no hand: {control.drill}; by hand: {', '.join(HANDS)}")
        return EX_NOT_OK
    page, pid = page_of(asked.home), daemon_pid(asked.home)
    if page is None or not pid:
        say(f"no daemon lives in {asked.home}: start it, then drill")
        return EX_UNAVAILABLE
    address = f"http://127.0.0.1:{page.port}"
    try:
        picture = picture_of(address)
        refused = not_now(control.name, picture, clock.now().utc_ns)
        if refused:
            say(f"not begun: {refused}")
            return EX_NOT_OK
        before = proven_s(picture, control.name)
        told = _ACTS[control.name](asked, pid, clock)
        say(told)
        after = asyncio.run(_proven(address, control.name, before, limit_s))
    except UnavailableError as problem:
        say(str(problem))
        return EX_UNAVAILABLE
    except OSError as problem:
        say(f"not begun: {problem}; run it as root, or as the daemon's account")
        return EX_NOT_OK
    return _end(asked, after, say)


def not_now(control: str, picture: Picture, utc_ns: int) -> str:
    """Why a drill would cost something now, or show nothing; empty when it may begin."""
    stopped = picture["paused"] or picture["kill_switch"]
    for view in picture["series"]:
        if view["phase"] not in CLOSED and not stopped:
            return f"{view['name']} has an open window; wait for its end, or pause first"
        if not stopped and view["opens_ns"] and utc_ns > view["opens_ns"] - ROOM_NS:
            return f"a window of {view['name']} opens within {ROOM_NS // NS_PER_S} s; drill after it, or pause first"
    if control == KILL_FILE and picture["kill_switch"]:
        return f"the kill switch is on already ({picture['kill_reason']}); {RESUME} first"
    if control == CLOSE_ALL and picture["holdings"]:
        return "positions are held, and a drill must not close them; ladderd close-all does, and proves it as well"
    return ""


def proven_s(picture: Picture, control: str) -> float:
    """When a control was last proven, Unix seconds; 0 for never."""
    return next((row["proven_s"] or 0.0 for row in picture["controls"] if row["name"] == control), 0.0)


async def _proven(address: str, control: str, before: float, limit_s: float) -> float:
    """When it was proven after all; 0 when it was not in time. Raises UnavailableError when the daemon has gone."""
    for _ in range(int(limit_s / LOOK_S)):
        found = proven_s(await asyncio.to_thread(picture_of, address), control)
        if found > before:
            return found
        await asyncio.sleep(LOOK_S)
    return 0.0


def _end(asked: DrillAsked, after: float, say: Say) -> int:
    if not after:
        say(f"{asked.control}: NOT proven; the daemon's log says why. What was left for it is left in force")
        return EX_NOT_OK
    say(f"{asked.control}: proven at {utc_text(round(after * NS_PER_S))}")
    if asked.control == KILL_FILE:
        kill_path(asked.home).unlink(missing_ok=True)
        say(f"{kill_path(asked.home)} removed")
    if asked.control != WATCHER:
        say(f"nothing is quoted now; to go on: {RESUME}")
    return EX_OK


def _kill_file(asked: DrillAsked, _pid: int, _clock: Clock) -> str:
    _, told = write_kill_file(asked.home, asked.why)
    return told


def _signal(_asked: DrillAsked, pid: int, _clock: Clock) -> str:
    os.kill(pid, signal.SIGUSR1)
    return f"SIGUSR1 sent to {pid}"


def _cancel_all(asked: DrillAsked, _pid: int, _clock: Clock) -> str:
    return _run("cancel-all", "--reason", asked.why, *asked.options)


def _watcher(asked: DrillAsked, _pid: int, clock: Clock) -> str:
    ask_watcher(asked.home, clock.now().utc_ns, asked.why)
    return "the watcher is asked to empty the account with its own key"


def _close_all(asked: DrillAsked, _pid: int, _clock: Clock) -> str:
    return _run("close-all", "--confirm", "--by", asked.by, "--cause", asked.cause, *asked.options)


def _run(*words: str) -> str:
    """Run a program of ours to its end; what it says is seen."""
    code = subprocess.run(own_command(*words), env=own_environment(), check=False).returncode  # noqa: S603 - our own
    return f"ladderd {words[0]} ended with {code}"


_ACTS: Final[dict[str, Callable[[DrillAsked, int, Clock], str]]] = {
    KILL_FILE: _kill_file,
    SIGUSR1: _signal,
    CANCEL_ALL_COMMAND: _cancel_all,
    WATCHER: _watcher,
    CLOSE_ALL: _close_all,
}
