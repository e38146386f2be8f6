"""Logging: one line a fact, on the console for people and in `events.jsonl` for machines, never on the event loop.

A call fills in a record and puts it on two bounded queues, for the console and for the files; the thread of each masks,
renders and writes it, so that a terminal which nobody reads does not stop the files. When a disk or a reader hangs, its
queue fills and records are dropped and counted, because a log must never hold up a cancel. Files roll at midnight UTC
and are kept for the days asked for; one that was moved or deleted is opened anew. Tracebacks carry no local variables.
Console text has its control characters escaped, so that no message from outside can forge a line.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from logging.handlers import TimedRotatingFileHandler
from pathlib import Path
from typing import IO, Any

import msgspec
import orjson
import structlog

from domain.clock import Clock
from domain.errors import ConfigurationError
from domain.stamps import utc_ms_text
from ops.logs.masking import Masker

QUEUE_RECORDS_MAX = 20_000
STOP_LIMIT_S = 2.0
FILES = ("events", "errors", "decisions", "trades")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
FIELDS = "ladderd_fields"
QUIET = {"asyncio": logging.WARNING, "aiohttp.access": logging.WARNING, "apscheduler": logging.WARNING}


class LogIdentity(msgspec.Struct, frozen=True):
    """What stands on every record."""

    run_id: str
    environment: str
    config_hash: str


class LogFiles(msgspec.Struct, frozen=True):
    """Where records go and how long they stay."""

    directory: Path | None
    level: str
    retention_days: int


class _Pump:
    """One queue and one thread, for sinks that may hold each other up."""

    def __init__(self, name: str, sinks: list[logging.Handler]) -> None:
        self.sinks = tuple(sinks)
        self.queue: queue.Queue[logging.LogRecord | None] = queue.Queue(QUEUE_RECORDS_MAX)
        self._thread = threading.Thread(target=self._run, name=f"log {name}", daemon=True)
        self._thread.start()

    def put(self, record: logging.LogRecord) -> bool:
        """Queue a record, or not when the queue is full."""
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            return False
        return True

    def stop(self) -> None:
        """Write what is queued and close; a sink that hangs is left to its thread."""
        with contextlib.suppress(queue.Full):
            self.queue.put(None, timeout=STOP_LIMIT_S)
        self._thread.join(STOP_LIMIT_S)
        if not self._thread.is_alive():
            for sink in self.sinks:
                sink.close()

    def _run(self) -> None:
        while (record := self.queue.get()) is not None:
            for sink in self.sinks:
                if record.levelno >= sink.level:
                    sink.handle(record)


class Logging:
    """A running logging set-up; `stop` writes out what is queued."""

    def __init__(self, lane: _Lane) -> None:
        self._lane = lane

    @property
    def dropped(self) -> int:
        """Records that found a queue full."""
        return self._lane.dropped

    @property
    def errors(self) -> int:
        """Records of level error and worse since the start, for `errors_total`."""
        return self._lane.errors

    @property
    def unwritten(self) -> int:
        """Lines that no file took."""
        return sum(sink.unwritten for sink in self.sinks if isinstance(sink, _JsonFile))

    @property
    def sinks(self) -> tuple[logging.Handler, ...]:
        """Where records end up."""
        return tuple(sink for pump in self._lane.pumps for sink in pump.sinks)

    def reopen(self) -> None:
        """Open the files anew with their next record."""
        for sink in self.sinks:
            if isinstance(sink, _JsonFile):
                sink.moved = True

    def stop(self) -> None:
        """Write what is queued and close the files. May be called twice."""
        root = logging.getLogger()
        if self._lane in root.handlers:
            root.removeHandler(self._lane)
            for pump in self._lane.pumps:
                pump.stop()


def set_up_logging(
    *,
    clock: Clock,
    identity: LogIdentity,
    files: LogFiles,
    secrets: Iterable[str] = (),
    console: IO[str] | None = sys.stderr,
) -> Logging:
    """Route structlog and the standard library's logging through one queue. Raises ConfigurationError."""
    if files.level.upper() not in LEVELS:
        raise ConfigurationError(f"log.level is {files.level!r}; use one of {', '.join(LEVELS)}")
    masker, level = Masker(secrets), getattr(logging, files.level.upper())
    into_files = [] if files.directory is None else _file_sinks(files.directory, files.retention_days, masker)
    lane = _Lane(clock, identity)
    root = logging.getLogger()
    for old in [found for found in root.handlers if isinstance(found, _Lane)]:
        root.removeHandler(old)
    root.addHandler(lane)
    root.setLevel(level)
    for name, quiet in QUIET.items():
        logging.getLogger(name).setLevel(max(quiet, level))
    _set_up_structlog()
    if console is not None:
        lane.pumps.append(_Pump("console", [_Console(console, masker)]))
    if into_files:
        lane.pumps.append(_Pump("files", into_files))
    return Logging(lane)


def _set_up_structlog() -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_logger_name,
            _to_record,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _to_record(_: object, __: str, fields: MutableMapping[str, Any]) -> tuple[tuple[Any], dict[str, Any]]:
    """The event as the message, the rest of the fields beside it; errors as the standard library wants them."""
    error = fields.pop("exc_info", None)
    event = fields.pop("event", "")
    return (event,), {"exc_info": error, "extra": {FIELDS: dict(fields)}}


class _Lane(logging.Handler):
    """Stamps a record and queues it without ever waiting."""

    def __init__(self, clock: Clock, identity: LogIdentity) -> None:
        super().__init__()
        self.dropped = self.errors = 0
        self.pumps: list[_Pump] = []
        self._clock, self._identity = clock, identity

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Work out the text and fields here, where arguments are still what they were; masking is the thread's."""
        fields = {
            "ts_utc": utc_ms_text(self._clock.now().utc_ns),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
            **msgspec.structs.asdict(self._identity),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            fields["exception"] = "".join(traceback.format_exception(record.exc_info[1])).rstrip()
        ready = logging.LogRecord(record.name, record.levelno, "", 0, "", None, None)
        setattr(ready, FIELDS, fields)
        return ready

    def emit(self, record: logging.LogRecord) -> None:
        """Queue it for each pump, or count it as dropped."""
        ready = self.prepare(record)
        self.errors += record.levelno >= logging.ERROR
        self.dropped += len(self.pumps) > sum(pump.put(ready) for pump in self.pumps)


class _Console(logging.StreamHandler[IO[str]]):
    """Lines for people."""

    def __init__(self, stream: IO[str], masker: Masker) -> None:
        super().__init__(stream)
        self._masker = masker

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - its base's name
        """A terminal that is gone takes no more lines; the files have them."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; a traceback follows, each of its lines marked."""
        return console_line(self._masker.fields(getattr(record, FIELDS)))


class _JsonFile(TimedRotatingFileHandler):
    """One JSON object a line, a new file each UTC day. `stream` limits it to records that carry that field."""

    def __init__(self, path: Path, retention_days: int, masker: Masker, stream: str) -> None:
        super().__init__(path, when="midnight", utc=True, backupCount=retention_days, encoding="utf-8", delay=True)
        self._masker, self._stream = masker, stream
        self.moved = False
        self.unwritten = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, into a new file where the old one was moved away."""
        if self.stream is not None and (self.moved or self._gone()):
            self.moved, stream = False, self.stream
            self.stream = None
            stream.close()
            Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002 - its base's signature
        """A disk that takes nothing is told where the daemon sees it, not by a traceback a record."""
        self.unwritten += 1

    def _gone(self) -> bool:
        assert self.stream is not None, "looked at only when open"
        try:
            there, open_file = Path(self.baseFilename).stat(), os.fstat(self.stream.fileno())
        except OSError:
            return True
        return (there.st_dev, there.st_ino) != (open_file.st_dev, open_file.st_ino)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this file wants the record."""
        return not self._stream or getattr(record, FIELDS, {}).get("stream") == self._stream

    def format(self, record: logging.LogRecord) -> str:
        """The masked fields as JSON."""
        fields = self._masker.fields(getattr(record, FIELDS))
        return orjson.dumps(fields, option=orjson.OPT_NON_STR_KEYS, default=repr).decode()


def _file_sinks(directory: Path, retention_days: int, masker: Masker) -> list[logging.Handler]:
    if retention_days < 1:
        raise ConfigurationError(f"log.retention_days is {retention_days}; use 1 or more")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"log.dir {directory} cannot be made: {error.strerror}; choose another") from error
    sinks: list[logging.Handler] = []
    for name in FILES:
        stream = name if name in {"decisions", "trades"} else ""
        sink = _JsonFile(directory / f"{name}.jsonl", retention_days, masker, stream)
        sink.setLevel(logging.ERROR if name == "errors" else logging.DEBUG)
        sinks.append(sink)
    return sinks


HEAD_FIELDS = frozenset(
    {"ts_utc", "level", "event", "logger", "run_id", "environment", "config_hash", "exception", "stream"}
)
ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(0x80, 0xA0))}
ESCAPES |= {ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def console_line(fields: dict[str, Any]) -> str:
    """`14:58:26.078 warning  event  key=value ...` with control characters escaped; a traceback as marked lines."""
    more = " ".join(pair for key, value in fields.items() if key not in HEAD_FIELDS for pair in _pairs(key, value))
    clock = str(fields.get("ts_utc", ""))[11:23]
    line = f"{clock} {fields.get('level', ''):8} {fields.get('event', '')}{'  ' + more if more else ''}"
    lines = [line.translate(ESCAPES)]
    lines += [f"  | {part.translate(ESCAPES)}" for part in str(fields.get("exception", "")).splitlines()]
    return "\n".join(lines)


def _pairs(name: str, value: object) -> Iterator[str]:
    """`name=value` for people: a mapping is a pair for each entry, a list has commas, words that stand apart quotes."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _pairs(f"{name}.{key}", inner)
    elif isinstance(value, list | tuple) and any(isinstance(item, Mapping | list | tuple) for item in value):
        for number, item in enumerate(value, 1):
            yield from _pairs(f"{name}.{number}", item)
    else:
        text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        text = "none" if value is None or value == {} else text.replace('"', "'")
        yield f'{name}="{text}"' if not text or any(map(str.isspace, text)) else f"{name}={text}"


def reset_logging() -> None:
    """Take our lane off the root logger and structlog back to its defaults: for tests."""
    root = logging.getLogger()
    for lane in [found for found in root.handlers if isinstance(found, _Lane)]:
        root.removeHandler(lane)
    with contextlib.suppress(ValueError):
        structlog.reset_defaults()
