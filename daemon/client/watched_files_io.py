"""What the shell looks at by itself, a few times a second: kill switch, cancel-all markers, operators' requests.

All three are files that any process may write, read in a thread so that a slow disk cannot hold the loop. Each look
becomes events for the engine; the first look at the kill switch is reported even when it is off, because until
then the engine knows nothing and stays closed. A look that does not come back within some 5 s is a kill switch that
cannot be read, and that counts as on.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from daemon.client.close_outs_io import open_close_outs, read_close_outs, remove_close_outs
from daemon.client.requests_io import FoundRequest, Request, answer, open_requests_folder, pending, remove_answered
from daemon.settings.files_io import read_proofs
from domain.clock import NS_PER_S, Clock
from domain.errors import ConfigurationError
from domain.events import (
    AnyEvent,
    CancelAllMarker,
    CloseOutTold,
    Command,
    ControlProven,
    JournalFault,
    KillSwitch,
    Operator,
    RestrictedRead,
)
from guards.evidence.controls import CANCEL_ALL_COMMAND, GROUP_TRIGGER, WATCHER
from guards.killswitch import KILL_FILE
from guards.limits.restricted import RESTRICTED_BYTES_MAX, parse_restricted
from journal.marker import UNREADABLE, Marker
from journal.marker_io import KillFile, open_cancel_all, read_cancel_all, read_kill_file, remove_done

LOOK_EVERY_S = 0.2
LOOK_SLICE_S = 0.5
LOOK_SLICES_MAX = 10
MARKER_RELEVANT_NS = 70 * NS_PER_S
MARKER_KEPT_NS = 600 * NS_PER_S
CUT_SHORT_KEPT_NS = 24 * 3600 * NS_PER_S
HOUSEKEEPING_NS = 60 * NS_PER_S
# What one look hands on: a flood of files must not fill the lane that stops us.
REQUESTS_A_LOOK_MAX = 20
PROMPT = frozenset({Command.RESUME, Command.ARM, Command.ADOPT, Command.RUN_ONCE})
PROMPT_AGE_LIMIT_S = 60
HALTED_VARIABLE = "EXECUTION_HALTED"
HALTED_FILE_VARIABLE = "EXECUTION_HALTED_FILE"
TRUTHY = frozenset({"1", "true", "yes", "on"})
FALSY = frozenset({"0", "false", "no", "off"})

# What the live proof calls a control, and what the engine does.
PROVEN_BY = {"order_group_trigger": GROUP_TRIGGER}
# What a program proves that marks its cancel-all as seen flat.
SEEN_FLAT_BY = {"cancel-all": CANCEL_ALL_COMMAND, "watcher": WATCHER}
# Whose cancel-all pauses: the command's, and one that cannot be read, which is taken for the strongest it can be.
PAUSING = frozenset({"cancel-all", UNREADABLE})
log = structlog.get_logger("ladderd")
Sight = tuple[
    KillFile,
    KillFile,
    tuple[Marker, ...],
    list[FoundRequest],
    dict[str, int],
    tuple[CloseOutTold, ...],
    RestrictedRead,
]


def execution_halted(*, live: bool) -> KillFile:
    """EXECUTION_HALTED, or the file that EXECUTION_HALTED_FILE names. Unset halts in live mode; unreadable halts."""
    text = os.environ.get(HALTED_VARIABLE)
    named = os.environ.get(HALTED_FILE_VARIABLE)
    if named:
        try:
            text = Path(named).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            return KillFile(active=True, reason=f"{named} cannot be read: {problem}")
    if text is None:
        return KillFile(active=live, reason=f"{HALTED_VARIABLE} is not set" if live else "")
    word = text.strip().lower()
    if word in FALSY or (not word and not live):
        return KillFile(active=False, reason="")
    known = word in TRUTHY
    return KillFile(active=True, reason=f"{HALTED_VARIABLE}={word}" if known else f"{HALTED_VARIABLE} is unreadable")


def _restrictions(body: bytes, path: Path) -> RestrictedRead:
    try:
        return parse_restricted(body.decode(), str(path))
    except ConfigurationError as problem:
        return RestrictedRead(problem=str(problem))
    except UnicodeDecodeError as problem:
        return RestrictedRead(problem=f"{path}: cannot be read: {problem}; mend or restore it")


def _proofs(state_dir: Path) -> dict[str, int]:
    """What `ladderd preflight --orders` proved; a file that cannot be read proves nothing."""
    try:
        return read_proofs(state_dir)
    except (ConfigurationError, ValueError, RecursionError):
        return {}


class WatchedFiles:
    """Looks, and emits what it sees."""

    def __init__(
        self,
        state_dir: Path,
        clock: Clock,
        emit: Callable[[AnyEvent], None],
        run_id: str,
        *,
        live: bool,
        run_once: Callable[[str, str, str], None],
        mask: Callable[[str], str] = str,
        restricted: Path | None = None,
    ) -> None:
        """`mask` hides secrets in what operators typed, before it is an event: events are journaled.

        `run_once` begins a job that an operator asks for: its name, who asks, and the request to answer.
        """
        self._state_dir = state_dir
        self._clock = clock
        self._emit = emit
        self._run_id = run_id
        self._live = live
        self._mask = mask
        self._restricted, self._restricted_there = restricted, False
        self._restricted_list: tuple[bytes, RestrictedRead] | None = None
        # Who names no file hears nothing of one.
        self._restricted_seen = RestrictedRead() if restricted is None else None
        self._run_once = run_once
        self._seen: dict[str, KillFile] = {}
        self._markers: set[str] = set()
        self._close_outs: dict[str, CloseOutTold] = {}
        self._tidied_utc_ns = 0
        self._untidy = self._unreadable = ""
        self._asked: dict[str, Request] = {}
        self._proofs: dict[str, int] = {}
        self._looking: asyncio.Task[Sight] | None = None
        self.progress_mono_ns = clock.now().mono_ns

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """One look at everything."""
        utc_ns = self._clock.now().utc_ns
        try:
            sight = await self._sight(utc_ns)
        except OSError as problem:
            # A bad disk, or no descriptor left to look with: the end, in order and flat, as for the journal.
            if not self._unreadable:
                self._unreadable = f"requests and markers cannot be read: {problem}"
                self._emit(JournalFault(self._unreadable))
            return
        if sight is None:
            self._told(KILL_FILE, KillFile(active=True, reason="cannot be read: the disk does not answer"))
            return
        kill, halted, markers, found, proofs, close_outs, restricted = sight
        if restricted != self._restricted_seen:
            self._restricted_seen = restricted
            self._emit(restricted)
        # Before the first word on the kill switch, which is what lets a gate open: a close-all pauses.
        for told in close_outs:
            self._closed_out(told)
        self._told(KILL_FILE, kill)
        self._told(HALTED_VARIABLE, halted)
        for marker in markers:
            self._marked(marker, utc_ns)
        self._proven(proofs)
        fresh = [each for each in found if each.request.ident not in self._asked]
        for request, owner in fresh[:REQUESTS_A_LOOK_MAX]:
            await self._requested(request, owner, utc_ns)
        self.progress_mono_ns = self._clock.now().mono_ns

    async def _requested(self, request: Request, owner: str, utc_ns: int) -> None:
        self._asked[request.ident] = request
        age_s = (utc_ns - request.asked_utc_ns) // NS_PER_S
        if request.command in PROMPT and age_s > PROMPT_AGE_LIMIT_S:
            # Asked while no daemon ran: what has happened since then was not known to who asked.
            await self.answered(request.ident, f"asked {age_s} s ago, when no daemon answered; ask again")
            return
        by, cause = self._mask(request.by), self._mask(request.cause)
        if request.command is Command.RUN_ONCE:
            self._run_once(cause, by, request.ident)
            return
        self._emit(Operator(request.command, by, cause, "operator_cli", request.ident, owner))

    async def _sight(self, utc_ns: int) -> Sight | None:
        """What the files say; None when the disk does not answer. One look at a time: each that hangs costs a thread.

        Waits in slices: a process that was stopped wakes up with one timer run out, but not with ten.
        """
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(asyncio.to_thread(self._read, utc_ns))
        for _ in range(LOOK_SLICES_MAX):
            await asyncio.wait({self._looking}, timeout=LOOK_SLICE_S)
            if self._looking.done():
                looking, self._looking = self._looking, None
                return looking.result()
        return None

    def _proven(self, proofs: dict[str, int]) -> None:
        for name, control in PROVEN_BY.items():
            self._proven_at(control, proofs.get(name, 0))

    def _proven_at(self, control: str, utc_ns: int) -> None:
        if utc_ns > self._proofs.get(control, 0):
            self._proofs[control] = utc_ns
            self._emit(ControlProven(control, utc_ns))

    def _read(self, utc_ns: int) -> Sight:
        self._tidy(utc_ns)
        kill = read_kill_file(self._state_dir)
        if not self._state_dir.is_dir():
            # Where nothing can be put there is no kill switch to look at.
            kill = KillFile(active=True, reason=f"{self._state_dir} is gone")
        return (
            kill,
            execution_halted(live=self._live),
            read_cancel_all(self._state_dir, utc_ns),
            pending(self._state_dir),
            _proofs(self._state_dir),
            read_close_outs(self._state_dir),
            self._read_restricted(),
        )

    def _read_restricted(self) -> RestrictedRead:
        """The restricted list; none is no restriction, one that has vanished or cannot be read is a problem."""
        path = self._restricted
        if path is None:
            return RestrictedRead()
        try:
            with path.open("rb") as file:
                body = file.read(RESTRICTED_BYTES_MAX + 1)
        except FileNotFoundError:
            return RestrictedRead(problem=f"{path}: is gone; put it back" if self._restricted_there else "")
        except OSError as problem:
            return RestrictedRead(problem=f"{path}: cannot be read: {problem}; mend or restore it")
        self._restricted_there = True
        # To take in a long list keeps the interpreter from the engine, so it is done once for each change.
        if self._restricted_list is None or self._restricted_list[0] != body:
            self._restricted_list = body, _restrictions(body, path)
        return self._restricted_list[1]

    def _tidy(self, utc_ns: int) -> None:
        """Keep both folders usable for us and for who asks, and free of what is long over; a bad disk is told later."""
        try:
            for told in (
                open_requests_folder(self._state_dir),
                open_cancel_all(self._state_dir, utc_ns),
                open_close_outs(self._state_dir),
            ):
                if told:
                    log.warning(told)
            if utc_ns - self._tidied_utc_ns > HOUSEKEEPING_NS:
                self._tidied_utc_ns = utc_ns
                remove_answered(self._state_dir, utc_ns)
                remove_done(self._state_dir, self._markers, utc_ns - MARKER_KEPT_NS, utc_ns)
                remove_close_outs(self._state_dir, self._done_with(utc_ns))
        except OSError as problem:
            if str(problem) != self._untidy:
                log.warning("requests and markers are not kept in order", problem=str(problem))
            self._untidy = str(problem)

    def _closed_out(self, told: CloseOutTold) -> None:
        """A close-all has written something new of itself."""
        told = msgspec.structs.replace(told, by=self._mask(told.by), cause=self._mask(told.cause))
        if self._close_outs.get(told.ident) != told:
            self._close_outs[told.ident] = told
            self._emit(told)

    def _done_with(self, utc_ns: int) -> frozenset[str]:
        """The runs whose files are no longer needed: told, and ended ten minutes ago, or cut short a day ago."""
        over = {
            ident
            for ident, told in self._close_outs.items()
            if utc_ns - told.asked_utc_ns > (MARKER_KEPT_NS if told.outcome else CUT_SHORT_KEPT_NS)
        }
        return frozenset(over)

    def _told(self, source: str, file: KillFile) -> None:
        if self._seen.get(source) != file:
            self._seen[source] = file
            self._emit(KillSwitch(active=file.active, source=source, reason=file.reason))

    def _marked(self, marker: Marker, utc_ns: int) -> None:
        if marker.seen_flat_by in SEEN_FLAT_BY:
            # A program of its own emptied the account and saw it empty, whatever we did meanwhile.
            self._proven_at(SEEN_FLAT_BY[marker.seen_flat_by], marker.done_utc_ns)
        if marker.ident in self._markers:
            return
        self._markers.add(marker.ident)
        over = marker.done and utc_ns - marker.asked_utc_ns > MARKER_RELEVANT_NS
        # What an operator asked for while no daemon ran pauses the next one, however much later that starts.
        if marker.by == self._run_id or (over and marker.by not in PAUSING):
            return
        # A clock that runs ahead of ours must not hold us longer than its tail from now.
        self._emit(CancelAllMarker(min(marker.asked_utc_ns, utc_ns), marker.by, marker.reason))

    async def answered(self, ident: str, text: str, note: str = "") -> None:
        """The engine has stepped over a request: tell who asked. Raises OSError for a disk that is bad."""
        request = self._asked.get(ident)
        if request is not None:
            await asyncio.to_thread(answer, self._state_dir, request, text, note)
