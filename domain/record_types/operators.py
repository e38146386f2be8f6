"""Records of what operators and the day's jobs did."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from domain.event_types.shell import JobOutcome, JobRoad
from domain.record_types.entry import Entry, Milliseconds, Named


class OperatorActionEntry(Entry, frozen=True):
    """An operator or a signal asked for something. `road`: how it came. What lifts a stop tells the gates against it.

    `refused`: why it was not done; `lifted`: what it lifts; `later`: what is judged only later. `by` is a claim;
    `owner` is the account that the request's file belongs to.
    """

    command: Named
    by: str
    cause: str
    road: str
    owner: Named | UnsetType = UNSET
    refused: tuple[str, ...] | UnsetType = UNSET
    lifted: tuple[str, ...] | UnsetType = UNSET
    later: tuple[str, ...] | UnsetType = UNSET


class NoteEntry(Entry, frozen=True):
    """A note of an operator."""

    text: str
    by: str


class PreflightEntry(Entry, frozen=True):
    """A preflight of this run is over. `against` blocks, `later` cannot be judged yet; `path`, `sha256`: its file."""

    number: int
    passed: int
    against: tuple[str, ...]
    later: tuple[str, ...]
    path: str
    sha256: str
    problem: str


class JobRunEntry(Entry, frozen=True):
    """A run of one of the day's jobs ended, by its schedule or asked for once. `cause`: why it is not done."""

    job: str
    road: JobRoad
    by: str
    outcome: JobOutcome
    duration_ms: Milliseconds
    cause: str
