"""The day's jobs, in New York time on trading days: APScheduler's, never the window's edges (those are the engine's).

A job that was due while the loop stood still runs late instead of not at all (`misfire_grace_time=None`), once however
often it was missed (`coalesce`), and every missed, failed or skipped firing is logged and told as an alert (measured:
the library's default drops a job after a stall of one second without a word).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import importlib
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

import structlog

from daemon.engine.state_view import PlanView
from daemon.runtime.files_out_io import FilesOut
from daemon.runtime.jobs import JOBS
from domain.clock import NS_PER_S
from domain.events import Command, Operator
from domain.stamps import NEW_YORK
from ops.alerts.delivery_io import AlertFan
from ops.status import Gate, TaskHealth

if TYPE_CHECKING:
    from apscheduler.events import JobEvent
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

log = structlog.get_logger("ladderd")
WEEKDAYS = "mon-fri"
START_AFTER_S = 2.0


class Jobs:
    """The scheduler, and the jobs themselves."""

    def __init__(
        self,
        plan: PlanView,
        files: FilesOut,
        alerts: AlertFan,
        *,
        tasks: Callable[[], Iterable[TaskHealth]],
        gates: Callable[[], Iterable[Gate]],
    ) -> None:
        self.plan = plan
        self.files = files
        self.clock, self.inbox, self.journal = files.clock, files.inbox, files.journal
        self.alerts = alerts
        self.tasks = tasks
        self.gates = gates
        self.scheduler: AsyncIOScheduler | None = None
        self.work: dict[str, Callable[[], Awaitable[None]]] = {
            "health": self._health,
            "reconcile": self._reconcile,
            "report": self._report,
        }

    async def start(self) -> None:
        """Arm every job, once the start is over: the library is imported in a thread, and nobody waits for it."""
        await asyncio.sleep(START_AFTER_S)
        await asyncio.to_thread(importlib.import_module, "apscheduler.schedulers.asyncio")
        from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED  # noqa: PLC0415 - late
        from apscheduler.schedulers.asyncio import AsyncIOScheduler  # noqa: PLC0415 - late

        self.scheduler = scheduler = AsyncIOScheduler(timezone=NEW_YORK)
        for job in JOBS:
            scheduler.add_job(
                self.run,
                "cron",
                args=[job.name],
                id=job.name,
                day_of_week=WEEKDAYS,
                hour=job.hour,
                minute=job.minute,
                misfire_grace_time=None,
                coalesce=True,
                max_instances=1,
            )
        scheduler.add_listener(self._trouble, EVENT_JOB_MISSED | EVENT_JOB_ERROR | EVENT_JOB_MAX_INSTANCES)
        scheduler.start()

    def stop(self) -> None:
        """Fire nothing any more."""
        if self.scheduler is not None and self.scheduler.running:
            self.scheduler.shutdown(wait=False)

    async def run(self, name: str) -> None:
        """Do one job now, unless the exchange is closed today."""
        day = dt.datetime.fromtimestamp(self.clock.now().utc_ns // NS_PER_S, NEW_YORK).date()
        if not self.plan.windows_on(day):
            log.info("job skipped: no windows today", job=name, day=day.isoformat())
            return
        log.info("job", job=name)
        await self.work[name]()

    async def _health(self) -> None:
        late = [task.name for task in self.tasks() if task.age_s > task.limit_s]
        closed = [gate.name for gate in self.gates() if gate.holds]
        text = f"health: late tasks {late or 'none'}, closed gates {closed or 'none'}"
        self.inbox.emit(Operator(Command.NOTE, "jobs", text, "operator_cli", ""))
        if late:
            self.alerts.send("health_check", "error", {"late": late, "closed": closed})

    async def _reconcile(self) -> None:
        self.inbox.emit(Operator(Command.RECONCILE, "jobs", "the day's reconciliation", "operator_cli", ""))

    async def _report(self) -> None:
        from journal.reports.report_io import write_day  # noqa: PLC0415 - once a day

        day = dt.datetime.fromtimestamp(self.clock.now().utc_ns // NS_PER_S, dt.UTC).date().isoformat()
        await self.journal.drain(5.0)
        await asyncio.to_thread(write_day, self.files.state_dir, self.files.state_dir / "reports", day)

    def _trouble(self, event: JobEvent) -> None:
        problem = getattr(event, "exception", None)
        log.error("job did not run as it should", job=event.job_id, problem=str(problem or "missed or still running"))
        self.alerts.send("job_failed", "error", {"job": event.job_id, "problem": str(problem or "missed")})
