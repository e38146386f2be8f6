"""The wiring: makes every part, joins them, keeps them in one task group, and ends them in order.

If one of the vital tasks in the group fails, the account is marked and emptied, all end, the process exits and systemd
starts it again from the exchange's truth. Screens and alerts are contained: their crash halts quoting (the engine is
told) but strands nothing. Signals are installed before anything else, so that SIGTERM in the first second still goes
the orderly way.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import random
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from urllib.parse import urlsplit

import structlog

from daemon.client.history_io import KeptHistory, fetch_history, keep_history
from daemon.client.watched_files_io import WatchedFiles
from daemon.engine.picture import Process, draw
from daemon.engine.step import Engine
from daemon.notify_io import Notifier
from daemon.runtime.decisions_io import OwnDecisions
from daemon.runtime.files_out_io import FilesOut, at_the_end
from daemon.runtime.inbox_io import Inbox
from daemon.runtime.incident_files_io import IncidentFiles
from daemon.runtime.jobs_io import Jobs
from daemon.runtime.last_act_io import LastAct
from daemon.runtime.log_lines import log_facts, summary
from daemon.runtime.metering import metering
from daemon.runtime.perform_io import Performer
from daemon.runtime.preflight_io import Preflighter, Preflights
from daemon.runtime.recovery_io import Recovered
from daemon.runtime.runner_io import Runner
from daemon.runtime.signals_io import (
    ENDING,
    HANGING_UP,
    REAL_TIME,
    SUSPENDING,
    held_signals,
    signal_name,
    taken_signals,
    terminal_lost,
)
from daemon.runtime.snapshots_io import Snapshots
from daemon.settings.files_io import learned_codes
from daemon.settings.secrets_io import known_secrets
from daemon.settings.sections import FeedEndpoint
from daemon.settings.tree import Settings
from domain.actions import Answer, AnyAction, Exit, RunPreflight
from domain.clock import NS_PER_S, Clock
from domain.events import AnyEvent, Command, JobRoad, Operator, Started, Stop
from domain.market import SERIES
from domain.metrics import Metric
from domain.records import Entry, type_of
from domain.window import Phase
from execution.kalshi.sign import Signer
from execution.kalshi.upgrade import upgrade_headers
from execution.kalshi.venue_io import KalshiVenue
from feeds.kalshi_stream import KalshiStream
from feeds.massive import MassiveSession
from feeds.socket_io import ReconnectingSocket
from journal.writer_io import JournalWriter
from ops.alerts.delivery_io import AlertFan
from ops.alerts.raised import raised_by
from ops.http.http_io import OpsServer
from ops.logs.masking import Masker
from ops.metrics.view import Runtime
from ops.ops_status import Identity
from ops.status import Status, TaskHealth

LAG_EVERY_S = 0.05
RUNNER_LIMIT_S = 3.0
WATCH_LIMIT_S = 5.0
DRAIN_LIMIT_S = 5.0
HTTP_ROAD = "http"
log = structlog.get_logger("ladderd")

T = TypeVar("T")


class App:
    """One daemon, from start to exit code."""

    def __init__(  # noqa: PLR0913, PLR0917 - one for each part that a simulation may put its own in place of
        self,
        settings: Settings,
        engine: Engine,
        signer: Signer,
        clock: Clock,
        journal: JournalWriter,
        recovered: Recovered,
        alerts: AlertFan,
        errors: Callable[[], int],
        preflight: Preflighter,
    ) -> None:
        self.settings, self.engine, self.clock, self.journal = settings, engine, clock, journal
        self.recovered, self.alerts, self.errors = recovered, alerts, errors
        self.reopen_logs: Callable[[], None] | None = None  # what SIGHUP asks for; set by who set the log up
        self.metrics, fold = metering(settings.windows.series)
        self.masker = Masker(known_secrets(settings))
        self.inbox = Inbox(clock, self.masker.text)
        self.preflights = Preflights(preflight, self.inbox.emit)
        self.runner = Runner(engine, self.inbox, clock, journal, self.perform, self._say, fold.step)
        codes = learned_codes(settings.state_dir)
        self.venue = KalshiVenue(
            settings.exchange.rest_url, signer, clock, self.inbox.emit, posture=settings.posture, codes=codes
        )
        self.stream = KalshiStream(SERIES[name].exchange_series for name in settings.windows.series)
        self.stream_socket = ReconnectingSocket(
            settings.exchange.ws_url,
            self.stream,
            self.inbox.emit,
            clock,
            random.Random(),  # noqa: S311 - spreads reconnects, keeps no secret
            headers=upgrade_headers(settings.exchange.ws_url, signer, settings.posture),
            crowded=self.inbox.crowded,
        )
        self.sessions: dict[str, MassiveSession | KalshiStream] = {"exchange": self.stream}
        self.feeds = {feed.name: self._feed_socket(feed) for feed in self._endpoints()}
        self.watched_files = WatchedFiles(
            *(settings.state_dir, clock, self.inbox.emit, recovered.run_id),
            live=settings.mode == "live",
            run_once=self.run_once,
            mask=self.masker.text,
            restricted=settings.restricted_file,
        )
        self.notifier = Notifier()
        self.files_out = FilesOut(settings.state_dir, recovered.run_id, recovered.epoch, clock, journal, self.inbox)
        self.snapshots = Snapshots(engine.state, self.runner, self.files_out, self.notifier)
        parts = (self.venue, self.stream, self.stream_socket, self.feeds, alerts, self.snapshots, self.watched_files)
        self.performer = Performer(*parts, lambda: self.runner.correlation_id)
        self.decisions = OwnDecisions(engine.state, settings.state_dir, recovered.run_id, self.performer.spawn)
        self.incident_files = IncidentFiles(self.performer, settings.incidents.on_call, engine.state, self.picture)
        self.last_act = LastAct(self.venue, self.runner, self.files_out)
        self.jobs = Jobs(
            engine.state.plan, self.files_out, alerts, tasks=self.tasks, gates=lambda: self.picture().gates
        )
        self.ops = self._server()
        self._asked = itertools.count(1)
        self.lag_mono_ns = clock.now().mono_ns
        self.started_utc_ns = clock.now().utc_ns

    def _server(self) -> OpsServer:
        settings = self.settings
        return OpsServer(
            picture=self.picture,
            tasks=self.tasks,
            command=self.command,
            clock=self.clock,
            token=_secret(settings.http.control_token),
            live=settings.mode == "live",
            in_final_minute=self.in_final_minute,
            host=settings.http.host,
            port=settings.http.port,
            hosts=frozenset(settings.http.allowed_hosts),
            metrics=self.metrics,
            runtime=self.runtime,
            identity=Identity(git_sha=self.recovered.build_id),
            reports_dir=settings.state_dir / "reports",
        )

    def _endpoints(self) -> list[FeedEndpoint]:
        feeds = self.settings.feeds
        return [feed for feed in (feeds.primary, feeds.secondary) if feed is not None]

    def _feed_socket(self, feed: FeedEndpoint) -> ReconnectingSocket:
        symbols = tuple(SERIES[name].symbol for name in self.settings.windows.series)
        self.sessions[feed.name] = session = MassiveSession(
            feed.name,
            self.settings.feeds.key_of(feed) or "",
            symbols,
            expects=lambda now: self.engine.state.plan.market_open(now.utc_ns),
            beside=self.settings.vix.symbols,
        )
        rng = random.Random()  # noqa: S311 - spreads reconnects, keeps no secret
        return ReconnectingSocket(feed.url, session, self.inbox.emit, self.clock, rng, crowded=self.inbox.crowded)

    # --- life ----------------------------------------------------------------------------------------------------

    async def run(self) -> Exit:
        """Run until the engine says Exit; everything is flushed and closed on return."""
        loop = asyncio.get_running_loop()
        self.journal.on_durable(self.runner.release)
        self.journal.on_fault(self.runner.journal_failed)
        self.journal.on_commit(self.metrics.histogram(Metric.FSYNC).observe)
        self.inbox.emit(
            Started(
                run_id=self.recovered.run_id,
                boot_epoch=self.recovered.epoch,
                mode=self.settings.mode,
                config_hash=self.recovered.config_hash,
                build_id=self.recovered.build_id,
                recovered=self.recovered.memory,
            )
        )
        self._install_signals(loop)
        await self.ops.start()
        await self.files_out.tell_port(self.ops.port)
        await self.watched_files.look()
        try:
            async with asyncio.TaskGroup() as group:
                vital = [
                    self._vital(group, "callbacks", self.last_act.callbacks()),
                    self._vital(group, "venue", self.venue.run()),
                    self._vital(group, "stream", self.stream_socket.run()),
                    self._vital(group, "watched_files", self.watched_files.run()),
                    self._vital(group, "snapshots", self.snapshots.run()),
                    self._vital(group, "lag", self._measure_lag()),
                    self._vital(group, "history", self._seed_history()),
                    self._vital(group, "alerts", self._contain(self.alerts.run(), "alerts")),
                    self._vital(group, "http", self._contain(self.ops.broken(), "http")),
                ]
                vital += [self._vital(group, f"feed {name}", socket.run()) for name, socket in self.feeds.items()]
                self.stream_socket.open()
                vital.append(self._vital(group, "jobs", self.jobs.start()))
                runner = self._vital(group, "runner", self.runner.run())
                self.notifier.notify("READY=1")
                gc.freeze()
                ended = await runner
                for task in vital:
                    task.cancel()
        finally:
            self.jobs.stop()
            await self.preflights.stop()
            await self.ops.stop()
        await self._flush(ended)
        return ended

    def _vital(self, group: asyncio.TaskGroup, name: str, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        return group.create_task(self.last_act.guarded(work, name), name=name)

    async def _flush(self, ended: Exit) -> None:
        self.notifier.notify("STOPPING=1")
        inbox, held = self.inbox, self.engine.state.held
        met = summary(held, events_waiting_max=inbox.depth_max, books_replaced=inbox.replaced)
        log.info("run over", code=ended.code, reason=ended.reason, **met)
        await at_the_end(self.snapshots.snapshot(), "the last snapshot")
        if self.performer.background:
            await asyncio.wait(self.performer.background, timeout=DRAIN_LIMIT_S)
        await self.alerts.drain(1.0)
        await self.journal.drain(DRAIN_LIMIT_S)
        self.journal.close()
        await at_the_end(self.files_out.say_goodbye(ended), "the farewell to the watcher")
        self.notifier.close()

    def _install_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        emit = self.inbox.emit
        usr1 = Operator(Command.CANCEL_ALL, "signal", "SIGUSR1", "operator_sigusr1", "")
        loop.add_signal_handler(signal.SIGUSR1, emit, usr1)
        events: dict[int, AnyEvent] = {signal.SIGUSR1: usr1}
        for number in (*ENDING, *REAL_TIME):
            events[number] = Stop(signal_name(number))
            loop.add_signal_handler(number, emit, events[number])
        others: dict[int, Callable[[], None]] = {HANGING_UP: self._hung_up, SUSPENDING: _not_suspended}
        for number, act in others.items():
            if number in taken_signals():
                loop.add_signal_handler(number, act)
        for held in held_signals():
            if held in others:
                others[held]()
            else:
                emit(events[held])

    def _hung_up(self) -> None:
        """SIGHUP: the terminal is gone from which somebody started us, or log files were moved."""
        if terminal_lost():
            self.inbox.emit(Stop("SIGHUP, and the terminal is lost"))
        elif self.reopen_logs is not None:
            self.reopen_logs()
            log.info("log files reopened")

    async def _contain(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run an auxiliary task; if it breaks, quoting is paused and the rest goes on."""
        try:
            await work
        except asyncio.CancelledError:
            raise
        except Exception as problem:  # tidy: swallow - contained on purpose: screens must not strand orders
            log.exception("auxiliary task failed", task=name)
            self.inbox.emit(Operator(Command.PAUSE, name, f"{name} failed: {problem}", "operator_http", ""))

    async def _measure_lag(self) -> None:
        observe = self.metrics.histogram(Metric.LOOP_LAG).observe
        while True:
            before = self.clock.now().mono_ns
            await asyncio.sleep(LAG_EVERY_S)
            late = self.clock.now().mono_ns - before - int(LAG_EVERY_S * NS_PER_S)
            observe(max(0, late) / NS_PER_S)
            self.lag_mono_ns = before

    async def _seed_history(self) -> None:
        feeds = [(feed.rest_url, self.settings.feeds.key_of(feed) or "") for feed in self._endpoints()]
        hosts = tuple((base, key) for base, key in feeds if base)
        asked_ns, found = self.clock.now().utc_ns, []
        for name in self.settings.windows.series:
            found.append(await fetch_history(SERIES[name].symbol, hosts, self.clock))
            self.inbox.emit(found[-1])
        if all(history.bars for history in found):
            try:
                await asyncio.to_thread(keep_history, self.settings.state_dir, KeptHistory(asked_ns, tuple(found)))
            except OSError as problem:
                log.warning("history not kept", problem=str(problem))

    def _say(self, entry: Entry) -> None:
        """A record left a step: a log line, the alert that it tells, an incident."""
        facts = log_facts(entry)
        if facts is not None:
            log.info(type_of(type(entry)), **facts)
        if (raised := raised_by(entry)) is not None:
            self.alerts.send(raised, self.runner.correlation_id)
        self.incident_files.heard(entry)
        self.decisions.heard(entry, self.runner.seq, self.runner.correlation_id)

    def perform(self, action: AnyAction) -> None:
        """Carry out one action; never blocks."""
        if isinstance(action, Answer) and self.jobs.answered(action):
            return
        if isinstance(action, RunPreflight):
            self.preflights.begin(action)
            return
        self.performer.perform(action)

    async def command(self, name: str, by: str, cause: str) -> str:
        """An operator's order by HTTP: why it was refused, or nothing once it is on disk. Raises UnavailableError."""
        command = {"cancel-all": Command.CANCEL_ALL, "kill": Command.KILL, "pause": Command.PAUSE}[name]
        ident = f"{HTTP_ROAD}-{next(self._asked)}"
        by, cause = self.masker.text(by), self.masker.text(cause)
        self.inbox.emit(Operator(command, by, cause, "operator_http", ident))
        return await self.performer.acknowledged(ident)

    def run_once(self, job: str, by: str, ident: str) -> None:
        """An operator wants one job now: it runs beside the loop, and the engine answers when it is over."""
        self.performer.spawn(self.jobs.run(job, JobRoad.ONCE, by, ident))

    # --- what others may look at ---------------------------------------------------------------------------------

    def picture(self) -> Status:
        """The engine as it stands now."""
        now = self.clock.now()
        return draw(self.engine.state, self.process(), now)

    def process(self) -> Process:
        """What the shell knows."""
        recovered = self.recovered
        return Process(
            pid=os.getpid(),
            run_id=recovered.run_id,
            mode=self.settings.mode,
            build_id=recovered.build_id,
            config_hash=recovered.config_hash,
            started_utc_ns=self.started_utc_ns,
            seq=self.runner.seq,
            hosts={feed.name: urlsplit(feed.url).netloc for feed in self._endpoints()},
            reconnects=self._reconnects(),
            errors=self.errors(),
            report_paths=self.files_out.report_paths,
        )

    def runtime(self) -> Runtime:
        """Figures of the shell for the metrics."""
        proofs = {name: ns / NS_PER_S for name, ns in self.engine.state.controls.proven.items()}
        reconnects = self._reconnects() | {"exchange": max(0, self.stream_socket.attempts - 1)}
        passed = {name: session.counts.copy() for name, session in self.sessions.items()}
        shell = (self.inbox.lanes(), self.inbox.oldest_age_ns() / NS_PER_S, self.errors(), self.runner.seq)
        return Runtime(*shell, reconnects, proofs, passed_over=passed)

    def _reconnects(self) -> dict[str, int]:
        return {name: max(0, socket.attempts - 1) for name, socket in self.feeds.items()}

    def tasks(self) -> tuple[TaskHealth, ...]:
        """Which tasks made progress, how long ago."""
        now_ns = self.clock.now().mono_ns
        return (
            TaskHealth(
                "runner", (now_ns - self.runner.progress_mono_ns) / NS_PER_S, RUNNER_LIMIT_S, self.runner.steps > 0
            ),
            TaskHealth("watched_files", (now_ns - self.watched_files.progress_mono_ns) / NS_PER_S, WATCH_LIMIT_S),
            TaskHealth("loop", (now_ns - self.lag_mono_ns) / NS_PER_S, RUNNER_LIMIT_S),
            TaskHealth("snapshot", (now_ns - self.snapshots.progress_mono_ns) / NS_PER_S, WATCH_LIMIT_S),
        )

    def in_final_minute(self) -> bool:
        """Whether any series is in its final minute."""
        return any(
            desk.phase in {Phase.STRICT, Phase.FLATTENING, Phase.FROZEN} for desk in self.engine.state.desks.values()
        )


def _not_suspended() -> None:
    log.warning("SIGTSTP (Ctrl-Z) does not stop a daemon, whose orders nobody would mind; Ctrl-C ends it in order")


def _secret(value: Any) -> str | None:  # noqa: ANN401 - SecretStr or None
    return None if value is None else str(value.get_secret_value())
