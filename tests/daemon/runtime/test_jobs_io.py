"""What the day's jobs raise: a task that is late, a job that failed or was missed; and nothing when all is well."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from daemon.runtime.jobs_io import Jobs
from domain.actions import Answer
from domain.clock import NS_PER_S
from domain.events import AnyEvent, Command, JobOutcome, JobRoad, JobRun, Operator
from execution.reconcile import Drift, DriftKind, Reconciled
from guards.windows import WindowPlan
from ops.alerts.delivery_io import AlertFan
from ops.alerts.raised import Raised
from ops.status import TaskHealth
from tests.guards.made import short_settings
from tests.ops.pictures import GATES, TARGET_NS, HandClock


class Heard(AlertFan):
    """Keeps what is sent."""

    def __init__(self) -> None:
        super().__init__([], clock=HandClock())
        self.heard: list[tuple[str, str, dict[str, Any]]] = []

    def send(self, raised: Raised, correlation_id: str = "") -> str | None:
        self.heard.append((raised.kind, raised.severity, raised.payload))
        return super().send(raised, correlation_id)


def made(*tasks: TaskHealth) -> tuple[Jobs, Heard, list[AnyEvent]]:
    alerts, events = Heard(), list[AnyEvent]()
    files = SimpleNamespace(
        clock=HandClock(), inbox=SimpleNamespace(emit=events.append), journal=None, state_dir=None
    )  # fmt: skip
    plan = WindowPlan(short_settings(TARGET_NS // NS_PER_S))
    return Jobs(plan, files, alerts, tasks=lambda: tasks, gates=lambda: GATES), alerts, events  # type: ignore[arg-type]


@pytest.mark.parametrize("late", [True, False])
async def test_a_task_without_progress_is_told_and_noted(late: bool) -> None:  # noqa: FBT001 - a case
    jobs, alerts, events = made(TaskHealth("runner", 9.0 if late else 0.1, 3.0))
    await jobs.run("health")
    assert [(action, told["late"]) for action, _, told in alerts.heard] == ([("health_check", ["runner"])] * late)
    note, ran = events
    assert isinstance(note, Operator)
    assert note.command is Command.NOTE
    assert isinstance(ran, JobRun)
    assert (ran.outcome, ran.cause) == (("failed", "late tasks: runner") if late else ("done", ""))


def test_a_job_that_failed_or_was_missed_is_told_each_with_its_own_problem() -> None:
    jobs, alerts, _ = made()
    for event in (
        SimpleNamespace(job_id="report", exception=OSError("disk full")),
        SimpleNamespace(job_id="report"),
    ):
        jobs._trouble(event)  # noqa: SLF001 - what the scheduler calls
    assert alerts.heard == [
        ("job_failed", "error", {"job": "report", "problem": "disk full"}),
        ("job_failed", "error", {"job": "report", "problem": "missed"}),
    ]
    assert alerts.counters["suppressed"] == 0


def ran(events: list[AnyEvent]) -> list[tuple[str, str, str, str]]:
    """Job, road, outcome and cause of every run that is over."""
    return [(e.job, e.road.value, e.outcome.value, e.cause) for e in events if isinstance(e, JobRun)]


@pytest.mark.step("G02")
@pytest.mark.parametrize("first", list(JobRoad))
async def test_a_job_that_runs_is_refused_by_its_name_and_another_is_not(first: JobRoad) -> None:
    jobs, _, events = made()
    held, begun = asyncio.Event(), asyncio.Event()

    async def hold() -> str:
        if not begun.is_set():
            begun.set()
            await held.wait()
        return ""

    jobs.work["report"] = hold
    running = asyncio.create_task(jobs.run("report", first))
    await begun.wait()
    await jobs.run("report", JobRoad.ONCE, "ann", "1-2")
    assert ran(events) == [("report", "once", "refused", "report is running")]
    await jobs.run("health", JobRoad.ONCE)
    held.set()
    await running
    await jobs.run("report", JobRoad.ONCE)
    assert ran(events)[1:] == [
        ("health", "once", "done", ""),
        ("report", first.value, "done", ""),
        ("report", "once", "done", ""),
    ]


async def test_a_firing_of_the_schedule_that_finds_its_job_running_is_told() -> None:
    jobs, alerts, events = made()
    jobs.running.add("report")
    await jobs.run("report")
    assert ran(events) == [("report", "schedule", "refused", "report is running")]
    assert alerts.heard == [("job_failed", "error", {"job": "report", "problem": "report is running"})]


@pytest.mark.step("G02")
@pytest.mark.parametrize("road", list(JobRoad))
async def test_a_job_that_breaks_has_failed_by_either_road_and_can_run_again(road: JobRoad) -> None:
    jobs, alerts, events = made()

    async def fail() -> str:
        raise OSError("disk full")

    jobs.work["report"] = fail
    await jobs.run("report", road)
    await jobs.run("report", road)
    assert ran(events) == [("report", road.value, "failed", "disk full")] * 2
    assert alerts.heard[0] == ("job_failed", "error", {"job": "report", "problem": "disk full"})


@pytest.mark.step("G02")
@pytest.mark.parametrize("road", list(JobRoad))
async def test_no_job_runs_on_a_day_without_windows_by_either_road(road: JobRoad) -> None:
    jobs, _, events = made()
    jobs.plan = SimpleNamespace(windows_on=lambda _day: ())
    await jobs.run("health", road)
    ((job, by, outcome, cause),) = ran(events)
    assert (job, by, outcome) == ("health", road.value, JobOutcome.REFUSED)
    assert cause.startswith("health: no windows on ")
    assert len(events) == 1


async def test_a_job_that_does_not_exist_is_refused() -> None:
    jobs, _, events = made()
    await jobs.run("lunch", JobRoad.ONCE)
    assert ran(events) == [("lunch", "once", "refused", "lunch: no such job")]


DRIFT = Drift(DriftKind.FOREIGN_ORDER, what="order-1", detail="rests", critical=True)
ENDS = {
    "agrees": (Reconciled(), "done", ""),
    "differs": (Reconciled(differences=(DRIFT,)), "failed", "FOREIGN_ORDER order-1"),
    "unread": (Reconciled(unknown="fills: no answer"), "failed", "unknown: fills: no answer"),
}


@pytest.mark.step("G02")
@pytest.mark.parametrize("road", list(JobRoad))
@pytest.mark.parametrize("end", ENDS)
async def test_a_reconciliation_ends_as_the_engine_answers_it(
    end: str, road: JobRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, outcome, cause = ENDS[end]
    jobs, _, _ = made()
    asked_of: asyncio.Queue[AnyEvent] = asyncio.Queue()
    monkeypatch.setattr(jobs.inbox, "emit", asked_of.put_nowait)
    running = asyncio.create_task(jobs.run("reconcile", road))
    asked = await asked_of.get()
    assert isinstance(asked, Operator)
    assert not jobs.answered(Answer("somebody-else", ""))
    assert jobs.answered(Answer(asked.ident, msgspec.json.encode(found).decode()))
    await running
    assert ran([asked_of.get_nowait()]) == [("reconcile", road.value, outcome, cause)]
    assert not jobs.waiting
