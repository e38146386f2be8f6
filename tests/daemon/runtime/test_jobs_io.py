"""What the day's jobs raise: a task that is late, a job that failed or was missed; and nothing when all is well."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from daemon.runtime.jobs_io import Jobs
from domain.clock import NS_PER_S
from domain.events import AnyEvent, Command, Operator
from guards.windows import WindowPlan, short_settings
from ops.alerts.delivery_io import AlertFan
from ops.status import TaskHealth
from tests.ops.pictures import GATES, TARGET_NS, HandClock


class Heard(AlertFan):
    """Keeps what is sent."""

    def __init__(self) -> None:
        super().__init__([], clock=HandClock())
        self.heard: list[tuple[str, str, dict[str, Any]]] = []

    def send(self, action: str, severity: str, payload: dict[str, Any], correlation_id: str = "") -> str | None:
        self.heard.append((action, severity, payload))
        return super().send(action, severity, payload, correlation_id)


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
    (note,) = events
    assert isinstance(note, Operator)
    assert note.command is Command.NOTE


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
