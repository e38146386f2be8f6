"""Alerts of the process itself: pauses, its journal, its jobs."""

from __future__ import annotations

from typing import ClassVar

from domain.alert_types.alert import Alert


class PausedAlert(Alert, frozen=True):
    """Quoting is paused."""

    ABOUT: ClassVar = ("cause",)

    cause: str


class JournalFaultAlert(Alert, frozen=True):
    """The journal cannot write."""

    ABOUT: ClassVar = ("reason",)

    reason: str


class JobFailedAlert(Alert, frozen=True):
    """One of the day's jobs failed, or could not begin."""

    ABOUT: ClassVar = ("job", "problem")

    job: str
    problem: str


class HealthCheckAlert(Alert, frozen=True):
    """Tasks of the process are late. `closed`: the gates that are closed as well."""

    ABOUT: ClassVar = ("late", "closed")

    late: tuple[str, ...]
    closed: tuple[str, ...]


class PreflightBlocksAlert(Alert, frozen=True):
    """A preflight of this run keeps orders in. `against`: what; `path`: its file; `problem`: why nothing is known."""

    ABOUT: ClassVar = ("against", "problem")

    against: tuple[str, ...]
    path: str
    problem: str
