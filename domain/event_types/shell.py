"""What the process itself and the operator tell the engine."""

from __future__ import annotations

import enum

from domain.event_types.event import Event
from domain.findings.finding import Finding


class Started(Event, frozen=True):
    """The first event of every run. `recovered` is the snapshot's payload as JSON text, or empty on a first start."""

    run_id: str
    boot_epoch: int
    mode: str
    config_hash: str
    build_id: str
    recovered: str


class Command(enum.StrEnum):
    """What an operator can ask."""

    CANCEL_ALL = "cancel_all"
    PAUSE = "pause"
    RESUME = "resume"
    KILL = "kill"
    ARM = "arm"
    NOTE = "note"
    SNAPSHOT = "snapshot"
    RECONCILE = "reconcile"
    ADOPT = "adopt"
    RUN_ONCE = "run_once"
    PREFLIGHT = "preflight"


class Operator(Event, frozen=True):
    """An operator's order, with who gave it, why, and by which road (a Reason text such as operator_cli).

    `by` is what he says of himself; `owner` is the account that the request's file belongs to, where there is a file.
    """

    command: Command
    by: str
    cause: str
    road: str
    ident: str
    owner: str = ""


class KillSwitch(Event, frozen=True):
    """What the kill switch's watcher saw: the file, EXECUTION_HALTED. Unreadable counts as active."""

    active: bool
    source: str
    reason: str


class CancelAllMarker(Event, frozen=True):
    """A durable marker says that some process asked for an account-wide cancel-all at `asked_utc_ns`."""

    asked_utc_ns: int
    by: str
    reason: str


class ControlProven(Event, frozen=True):
    """Another program proved one of our controls on the real account at `utc_ns` (`ladderd preflight --orders`)."""

    control: str
    utc_ns: int


class LoopStall(Event, frozen=True):
    """The event loop did not run for this long; frames received meanwhile look fresher than they are."""

    lag_ns: int


class JournalFault(Event, frozen=True):
    """The journal cannot write. Quotes are pulled first; nothing may be placed any more in this run."""

    reason: str


class JobOutcome(enum.StrEnum):
    """How a run of a job ended; `refused`: it was not begun."""

    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"


class JobRoad(enum.StrEnum):
    """What began a run of a job: its hour, or an operator."""

    SCHEDULE = "schedule"
    ONCE = "once"


class JobRun(Event, frozen=True):
    """A run of one of the day's jobs is over. `cause`: why it is not done; `ident`: the request to answer, or empty."""

    job: str
    road: JobRoad
    by: str
    outcome: JobOutcome
    duration_ms: int
    cause: str
    ident: str


class PreflightRun(Event, frozen=True):
    """A preflight that the engine asked for is over; `number` is the request's.

    `against` blocks, `later` cannot be judged yet, `passed` counts the rest. `config_hash` and `build_id` are those
    that it was made for; `path` and `sha256` name its file. `problem`: why nothing is known, such as no answer in time.
    `rehearsed`: every control that a rehearsal proves was seen to bite.
    """

    number: int
    config_hash: str
    build_id: str
    passed: int
    against: tuple[Finding, ...]
    later: tuple[Finding, ...]
    path: str
    sha256: str
    problem: str
    rehearsed: bool = False


class IncidentWritten(Event, frozen=True):
    """An incident's file was written, or could not be: then `problem` says why, and the rest is empty."""

    ident: str
    path: str
    sha256: str
    state_path: str
    state_sha256: str
    problem: str = ""


class RestrictedRead(Event, frozen=True):
    """The restricted list as its file says: names in upper case. `problem`: why it cannot be read, or nothing."""

    names: tuple[str, ...] = ()
    tactics: tuple[str, ...] = ()
    problem: str = ""


class Wake(Event, frozen=True):
    """A deadline of the engine's own has come."""


class Stop(Event, frozen=True):
    """The process was asked to end (SIGTERM, SIGINT): flatten, confirm, flush, go."""

    reason: str
