"""The day's jobs, in New York time on trading days: APScheduler's, never the window's edges (those are the engine's).

A job that was due while the loop stood still runs late instead of not at all (`misfire_grace_time=None`), once however
often it was missed (`coalesce`), and every missed, failed or skipped firing is logged and told as an alert (measured:
the library's default drops a job after a stall of one second without a word).

By schedule or asked for once, every run goes through `run`: one at a time of each job, and the engine records how it
ended.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import importlib
import itertools
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

import msgspec
import structlog

from daemon.engine.views.desk import PlanView
from daemon.runtime.files_out_io import FilesOut
from daemon.runtime.jobs import JOBS
from domain.actions import Answer
from domain.alert_types.catalogue import HealthCheckAlert, JobFailedAlert, Severity
from domain.clock import NS_PER_MS, NS_PER_S
from domain.events import Command, JobOutcome, JobRoad, JobRun, Operator
from domain.stamps import NEW_YORK
from execution.reconcile import read_reconciled
from ops.alerts.delivery_io import AlertFan
from ops.alerts.raised import of_alert
from ops.status import Gate, TaskHealth

if TYPE_CHECKING:
    from apscheduler.events import JobEvent
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

log = structlog.get_logger("ladderd")
WEEKDAYS = "mon-fri"
START_AFTER_S = 2.0
# The engine gives a reconciliation up after 20 s and says so.
ANSWER_LIMIT_S = 23.0


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
        self.running: set[str] = set()
        self.waiting: dict[str, asyncio.Future[str]] = {}
        self.numbers = itertools.count(1)
        # Each says what is not well, or nothing.
        self.work: dict[str, Callable[[], Awaitable[str]]] = {
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

    async def run(self, name: str, road: JobRoad = JobRoad.SCHEDULE, by: str = "jobs", ident: str = "") -> None:
        """Do one job now, once at a time and on days with windows; the engine records the end and answers `ident`."""
        began = self.clock.now()
        refused = self._refused(name, began.utc_ns)
        if refused:
            outcome, cause = JobOutcome.REFUSED, refused
            if road is JobRoad.SCHEDULE and name in self.running:
                self._failed(name, refused)
        else:
            self.running.add(name)
            try:
                cause = await self._done(name)
            finally:
                self.running.discard(name)
            outcome = JobOutcome.FAILED if cause else JobOutcome.DONE
        duration_ms = (self.clock.now().mono_ns - began.mono_ns) // NS_PER_MS
        log.info("job", job=name, road=road, outcome=outcome, cause=cause)
        self.inbox.emit(JobRun(name, road, by, outcome, duration_ms, cause, ident))

    def answered(self, answer: Answer) -> bool:
        """Whether the engine answers what a job asked: then nobody else waits for it."""
        waiting = self.waiting.get(answer.ident)
        if waiting is None:
            return False
        if not waiting.done():
            waiting.set_result(answer.text)
        return True

    def _refused(self, name: str, utc_ns: int) -> str:
        """Why a job may not begin, or nothing."""
        if name not in self.work:
            return f"{name}: no such job"
        if name in self.running:
            return f"{name} is running"
        day = dt.datetime.fromtimestamp(utc_ns // NS_PER_S, NEW_YORK).date()
        return "" if self.plan.windows_on(day) else f"{name}: no windows on {day.isoformat()}"

    async def _done(self, name: str) -> str:
        """Do it, and say what is not well."""
        try:
            return await self.work[name]()
        except Exception as problem:  # tidy: swallow - told as the run's outcome and as an alert
            log.exception("job failed", job=name)
            told = str(problem) or type(problem).__name__
            self._failed(name, told)
            return told

    async def _health(self) -> str:
        late = [task.name for task in self.tasks() if task.age_s > task.limit_s]
        closed = [gate.name for gate in self.gates() if gate.holds]
        text = f"health: late tasks {late or 'none'}, closed gates {closed or 'none'}"
        self.inbox.emit(Operator(Command.NOTE, "jobs", text, "operator_cli", ""))
        if late:
            self.alerts.send(of_alert(HealthCheckAlert(Severity.ERROR, tuple(late), tuple(closed))))
        return f"late tasks: {', '.join(late)}" if late else ""

    async def _reconcile(self) -> str:
        ident = f"job-reconcile-{next(self.numbers)}"
        waiting = self.waiting[ident] = asyncio.get_running_loop().create_future()
        try:
            self.inbox.emit(Operator(Command.RECONCILE, "jobs", "the day's reconciliation", "operator_cli", ident))
            text = await asyncio.wait_for(waiting, ANSWER_LIMIT_S)
        finally:
            del self.waiting[ident]
        try:
            found = read_reconciled(text)
        except msgspec.MsgspecError:
            return str(text)
        if found.unknown:
            return f"unknown: {found.unknown}"
        return "; ".join(f"{drift.kind} {drift.what}" for drift in found.differences)

    async def _report(self) -> str:
        from journal.reports.report_io import write_day  # noqa: PLC0415 - once a day

        day = dt.datetime.fromtimestamp(self.clock.now().utc_ns // NS_PER_S, dt.UTC).date().isoformat()
        await self.journal.drain(5.0)
        await asyncio.to_thread(write_day, self.files.state_dir, self.files.state_dir / "reports", day)
        return ""

    def _failed(self, job: str, problem: str) -> None:
        self.alerts.send(of_alert(JobFailedAlert(Severity.ERROR, job, problem)))

    def _trouble(self, event: JobEvent) -> None:
        problem = getattr(event, "exception", None)
        log.error("job did not run as it should", job=event.job_id, problem=str(problem or "missed or still running"))
        self._failed(event.job_id, str(problem or "missed"))
