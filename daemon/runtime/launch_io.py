"""`ladderd run`: from settings to a running daemon, and its exit code."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import structlog
import uvloop

from daemon.runtime.app_io import App
from daemon.runtime.preflight_io import PreflightProcess
from daemon.runtime.recovery_io import recover
from daemon.settings.build import build_engine
from daemon.settings.contradictions import never_reached
from daemon.settings.files_io import keep_config, read_reference_data
from daemon.settings.load_io import load_configured
from daemon.settings.secrets_io import account_key, known_secrets, require_secrets
from daemon.settings.tree import Settings
from daemon.system_clock import SystemClock
from domain.clock import Clock
from domain.errors import EX_CONFIG, EX_NOT_OK, EX_UNAVAILABLE, ConfigurationError, UnavailableError
from execution.kalshi.sign import Signer
from journal.opening_io import JournalLocked
from journal.reader_io import JournalDamaged
from journal.writer_io import JournalUnwritable, JournalWriter
from ops.alerts.delivery_io import AlertFan, LogReceiver
from ops.alerts.policy import Policy
from ops.logs.log_io import LEVELS, LogFiles, LogIdentity, set_up_logging
from ops.logs.masking import Masker

LEAVE_LIMIT_S = 5.0
RETENTION_DAYS_MAX = 3_650
log = structlog.get_logger("ladderd")


def launch(config: Path | str | None = None, mode: str | None = None, state_dir: Path | str | None = None) -> int:
    """`ladderd run` with its options: read the settings and run. A bad configuration is one line on stderr, exit 78."""
    try:
        settings = load_configured(None if config is None else Path(config), mode=mode, state_dir=state_dir)
    except ConfigurationError as problem:
        sys.stderr.write(f"ladderd: {problem}\n")
        return EX_CONFIG
    return run_daemon(settings, _options(config, mode, state_dir))


def _options(config: Path | str | None, mode: str | None, state_dir: Path | str | None) -> tuple[str, ...]:
    """The same options, for another command of ours."""
    given = (("--config", config), ("--mode", mode), ("--state-dir", state_dir))
    return tuple(word for name, value in given if value is not None for word in (name, str(value)))


def run_daemon(settings: Settings, options: tuple[str, ...]) -> int:
    """Run until told to stop. A configuration error is one line and exit 78 (docs/contracts.md, Exit codes)."""
    leaving = _Leaving()
    try:
        require_secrets(settings)
        return uvloop.run(_run(settings, SystemClock(), leaving, options))
    except (ConfigurationError, JournalDamaged, JournalUnwritable) as problem:
        sys.stderr.write(f"ladderd: {problem}\n")
        return EX_CONFIG if isinstance(problem, ConfigurationError) else EX_NOT_OK
    except JournalLocked as problem:
        sys.stderr.write(f"ladderd: {problem}\n")
        return EX_NOT_OK
    except UnavailableError as problem:
        sys.stderr.write(f"ladderd: {problem}\n")
        return EX_UNAVAILABLE
    finally:
        leaving.left()


class _Leaving:
    """Ends a process that is done but held by a thread on a disk that hangs; the loop would wait for it for ever."""

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None

    def begin(self, code: int) -> None:
        """The work is done: leave with this code, at the latest after the limit."""
        self._timer = threading.Timer(LEAVE_LIMIT_S, os._exit, (code,))
        self._timer.daemon = True
        self._timer.start()

    def left(self) -> None:
        """No thread held us up."""
        if self._timer is not None:
            self._timer.cancel()


async def _run(settings: Settings, clock: Clock, leaving: _Leaving, options: tuple[str, ...]) -> int:
    signer = Signer(*account_key(settings))
    reference = read_reference_data(settings)
    try:
        settings.state_dir.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        message = f"state_dir: {settings.state_dir} cannot be made: {problem.strerror}; choose another"
        raise ConfigurationError(message) from None
    # The metrics' library is imported meanwhile: no start has to wait for it.
    recovered, _ = await asyncio.gather(
        asyncio.to_thread(recover, settings, reference, clock),
        asyncio.to_thread(importlib.import_module, "ops.metrics.fold"),
    )
    secrets = known_secrets(settings)
    logging = set_up_logging(
        clock=clock,
        identity=LogIdentity(recovered.run_id, settings.mode, recovered.config_hash),
        files=log_files(settings, os.environ),
        secrets=secrets,
    )
    keep_config(settings, recovered.config_hash)
    run = (recovered.run_id, settings.mode, recovered.config_hash)
    journal = JournalWriter(settings.state_dir, *run, clock, build_id=recovered.build_id)
    if journal.repair is not None:
        log.warning("journal tail repaired", repair=str(journal.repair))
    alerts = AlertFan(
        [(LogReceiver(), Policy())],
        clock=clock,
        receipts_path=settings.state_dir / "alert_receipts.jsonl",
        masker=Masker(secrets),
    )
    engine = build_engine(settings, reference)
    preflight = PreflightProcess(options, Masker(secrets).text)
    app = App(settings, engine, signer, clock, journal, recovered, alerts, lambda: logging.errors, preflight)
    app.reopen_logs = logging.reopen
    for told in never_reached(settings.quoting, settings.risk):
        log.info("limit", told=told)
    log.info("starting", mode=settings.mode, exchange=settings.exchange.rest_url, tail_steps=recovered.tail_steps)
    try:
        ended = await app.run()
    except BaseExceptionGroup:
        leaving.begin(EX_NOT_OK)
        raise
    else:
        log.info("ended", code=ended.code, reason=ended.reason)
        leaving.begin(ended.code)
        if ended.code:
            sys.stderr.write(f"ladderd: {ended.reason}\n")
        return ended.code
    finally:
        logging.stop()


def log_files(settings: Settings, environ: Mapping[str, str]) -> LogFiles:
    """Where the log goes: LOG_DIR, LOG_LEVEL and LOG_RETENTION_DAYS (whole days, 1 to 3650) win over the settings.

    A unit or a container sets these three without knowing our configuration. Raises ConfigurationError naming one.
    """
    days = environ.get("LOG_RETENTION_DAYS") or str(settings.log.retention_days)
    if not days.isascii() or not days.isdigit() or not 1 <= int(days) <= RETENTION_DAYS_MAX:
        raise ConfigurationError(f"LOG_RETENTION_DAYS is {days!r}; write whole days, 1 to {RETENTION_DAYS_MAX}")
    level = (environ.get("LOG_LEVEL") or settings.log.level).upper()
    if level not in LEVELS:
        raise ConfigurationError(f"LOG_LEVEL is {level!r}; use one of {', '.join(LEVELS)}")
    folder = environ.get("LOG_DIR")
    return LogFiles(Path(folder) if folder else settings.state_dir / "logs", level, int(days))
