"""`ladderd decide`: judges proposals from a file and leaves one durable line for each. It sends no order.

The facts are those of the state directory: kill file, EXECUTION_HALTED and the index's own stamps in
`monitors/freshness.json`. A proposal that has its line already, from whatever run, gets no second one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from daemon.client.decision_files_io import DecisionFiles
from daemon.client.requests_io import FRESHNESS, MONITORS
from daemon.client.watched_files_io import execution_halted
from daemon.system_clock import SystemClock
from domain.errors import EX_NOT_OK, EX_OK, UsageError
from journal.marker_io import read_kill_file
from ops.freshness import read_freshness
from ops.proposals import LINE_BYTES_MAX, ProposalDecision, identify, judge_proposal, safety

if TYPE_CHECKING:
    from daemon.settings.tree import Settings

POLL_S = 0.25


class Decider:
    """Judges lines against the facts of one state directory and keeps what it decided."""

    def __init__(self, state_dir: Path, mode: str) -> None:
        """Read what was decided before. Raises OSError when that cannot be read or written."""
        self.state_dir, self.mode = state_dir, mode
        self._files, self._clock = DecisionFiles(state_dir), SystemClock()

    def decide(self, line: bytes) -> ProposalDecision | None:
        """The decision, durable on return; None for a proposal that has one. Raises OSError when it cannot be kept."""
        if self._files.knows(identify(line)):
            return None
        now_ns = self._clock.now().utc_ns
        killed = read_kill_file(self.state_dir).active or execution_halted(live=self.mode == "live").active
        facts = safety(self.mode, killed=killed, index_came_ns=_oldest_index_ns(self.state_dir), now_ns=now_ns)
        decision = judge_proposal(line, facts, now_ns)
        self._files.keep(decision)
        return decision


def _oldest_index_ns(state_dir: Path) -> int | None:
    """When the index that is oldest came; None when one never came, or nothing readable tells."""
    try:
        document = read_freshness((state_dir / MONITORS / FRESHNESS).read_bytes())
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    came = [row.received_utc_ns for row in document.series]
    return min((at for at in came if at is not None), default=None) if None not in came else None


def _lines(path: Path, *, follow: bool) -> Iterator[bytes]:
    """Each line without its end; a file that is moved or cut while it is followed is opened anew."""
    while True:
        with path.open("rb") as file:
            yield from _lines_of(file, path, follow=follow)
        if not follow:
            return


def _lines_of(file: BinaryIO, path: Path, *, follow: bool) -> Iterator[bytes]:
    """The lines of one file until another takes its place, or until its end when nobody follows it.

    A last line without an end counts where nobody will finish it. No more than a line's limit is held.
    """
    held = b""
    while True:
        part = file.readline(LINE_BYTES_MAX + 2)
        held = (held + part)[: LINE_BYTES_MAX + 1]
        if part.endswith(b"\n"):
            yield held.rstrip(b"\r\n")
            held = b""
        elif part:
            continue
        elif not follow:
            if held:
                yield held
            return
        elif _replaced(file, path):
            return
        else:
            threading.Event().wait(POLL_S)


def _replaced(file: BinaryIO, path: Path) -> bool:
    try:
        now = path.stat()
    except FileNotFoundError:
        return False  # being moved: the new one comes
    here = os.fstat(file.fileno())
    return (now.st_dev, now.st_ino) != (here.st_dev, here.st_ino) or now.st_size < file.tell()


def decide_command(settings: Settings, proposals: Path, *, follow: bool) -> Generator[tuple[int, str]]:
    """For each proposal that had no decision: the exit code so far, and the line to print. Raises UsageError."""
    code = EX_OK
    try:
        decider = Decider(settings.state_dir, settings.mode)
        for line in _lines(proposals, follow=follow):
            if not line.strip():
                continue
            decision = decider.decide(line)
            if decision is None:
                continue
            code = EX_NOT_OK if decision.reject_reason_codes else code
            shown = {"intent_type": "execution_decision"} | msgspec.to_builtins(decision)
            yield code, msgspec.json.encode(shown).decode()
    except OSError as problem:
        raise UsageError(f"decide: {problem.filename or proposals}: {problem.strerror}") from problem
