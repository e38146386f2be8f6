"""The table of the day's jobs, and the other names that they are known by."""

from __future__ import annotations

from typing import NamedTuple


class Job(NamedTuple):
    """One job of the day: when (New York), what it is for."""

    name: str
    hour: int
    minute: int
    purpose: str


JOBS = (
    Job("health", 8, 0, "every task makes progress, and the gates that are closed are named"),
    Job("reconcile", 10, 0, "orders, fills, positions and balance against the exchange"),
    Job("report", 16, 30, "the day's pages and ledger, from the journal"),
)

ALIASES = {"midday_check": "reconcile", "eod_closure": "report"}
# Names of the runbook that no job answers to: what stands in its place.
NO_JOB = {"run_daily_trade": "the running daemon quotes every window by itself; no job begins it"}


def job_named(name: str) -> Job | None:
    """The job of a name or of an alias; None when there is none."""
    wanted = ALIASES.get(name, name)
    return next((job for job in JOBS if job.name == wanted), None)
