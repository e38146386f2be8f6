"""The table of the day's jobs."""

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
