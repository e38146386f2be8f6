from __future__ import annotations

import io
import json
import logging
import logging.handlers
import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ConfigurationError
from ops.logs.log_io import LogFiles, Logging, LogIdentity, console_line, reset_logging, set_up_logging
from tests.live.stage import until
from tests.ops.pictures import HandClock

IDENTITY = LogIdentity("r-1", "paper", "9f86d0")


@pytest.fixture(autouse=True)
def _tidy() -> Iterator[None]:
    level = logging.getLogger().level
    yield
    reset_logging()
    logging.getLogger().setLevel(level)


def begin(path: Path, **more: object) -> tuple[Logging, io.StringIO]:
    console = io.StringIO()
    files = LogFiles(path / "logs", str(more.get("level", "INFO")), 7)
    running = set_up_logging(clock=HandClock(), identity=IDENTITY, files=files, secrets=["hunter22"], console=console)
    return running, console


def lines(path: Path, name: str = "events") -> list[dict[str, object]]:
    return [json.loads(line) for line in (path / "logs" / f"{name}.jsonl").read_text().splitlines()]


def test_a_record_has_its_stamp_and_identity(tmp_path: Path) -> None:
    running, console = begin(tmp_path)
    structlog.get_logger("ladderd.engine").info("window_phase", series="INXU", phase="quoting")
    running.stop()
    assert lines(tmp_path) == [
        {
            "ts_utc": "2026-03-06T14:55:00.000Z",
            "level": "info",
            "event": "window_phase",
            "logger": "ladderd.engine",
            "run_id": "r-1",
            "environment": "paper",
            "config_hash": "9f86d0",
            "series": "INXU",
            "phase": "quoting",
        }
    ]
    assert console.getvalue() == "14:55:00.000 info     window_phase  series=INXU phase=quoting\n"


def test_the_standard_librarys_loggers_go_the_same_way(tmp_path: Path) -> None:
    running, _ = begin(tmp_path)
    logging.getLogger("aiohttp.server").warning("slow %s", "client")
    logging.getLogger("aiohttp.access").info("too chatty")
    running.stop()
    assert [(line["logger"], line["event"]) for line in lines(tmp_path)] == [("aiohttp.server", "slow client")]


def test_secrets_are_masked_everywhere(tmp_path: Path) -> None:
    running, console = begin(tmp_path)
    log = structlog.get_logger()
    log.error("cannot sign with hunter22", url="wss://x?apiKey=hunter22", token="abc", nested={"k": ["hunter22"]})
    try:
        raise ValueError("hunter22 is wrong")  # noqa: TRY301 - the traceback is the test
    except ValueError:
        log.exception("failed")
    logging.getLogger("x").error("%s", {"hunter22": 1})
    running.stop()
    for text in (console.getvalue(), *(path.read_text() for path in (tmp_path / "logs").iterdir())):
        assert "hunter22" not in text
        assert "abc" not in text


def test_tracebacks_hold_no_locals(tmp_path: Path) -> None:
    running, console = begin(tmp_path)

    def deep(password_like: str) -> None:
        raise RuntimeError(f"boom {len(password_like)}")

    try:
        deep("local-value-1234")
    except RuntimeError:
        structlog.get_logger().exception("failed")
    running.stop()
    text = str(lines(tmp_path)[0]["exception"])
    assert "RuntimeError: boom 16" in text
    assert "local-value-1234" not in text.replace('deep("local-value-1234")', "")
    assert all(line.startswith("  | ") for line in console.getvalue().splitlines()[1:])


def test_errors_decisions_and_trades_have_files_of_their_own(tmp_path: Path) -> None:
    running, _ = begin(tmp_path)
    log = structlog.get_logger()
    log.info("fill", stream="trades")
    log.info("approve", stream="decisions")
    log.error("broken")
    running.stop()
    assert [line["event"] for line in lines(tmp_path)] == ["fill", "approve", "broken"]
    assert [line["event"] for line in lines(tmp_path, "trades")] == ["fill"]
    assert [line["event"] for line in lines(tmp_path, "decisions")] == ["approve"]
    assert [line["event"] for line in lines(tmp_path, "errors")] == ["broken"]
    assert running.errors == 1


def test_files_roll_daily_and_old_ones_go(tmp_path: Path) -> None:
    running, _ = begin(tmp_path)
    sink = next(
        s
        for s in running.sinks
        if isinstance(s, logging.handlers.TimedRotatingFileHandler) and "events" in s.baseFilename
    )
    assert (sink.when, sink.backupCount, sink.utc) == ("MIDNIGHT", 7, True)
    structlog.get_logger().info("one")
    running.stop()
    for day in range(1, 12):
        (tmp_path / "logs" / f"events.jsonl.2020-01-{day:02d}").write_text("")
    assert len(sink.getFilesToDelete()) == 4


def test_levels(tmp_path: Path) -> None:
    running, _ = begin(tmp_path, level="warning")
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    running.stop()
    assert [line["event"] for line in lines(tmp_path)] == ["loud"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (LogFiles(None, "LOUD", 7), "log.level is 'LOUD'; use one of DEBUG"),
        (LogFiles(Path("/proc/none/logs"), "INFO", 7), "cannot be made"),
        (LogFiles(Path("x"), "INFO", 0), "log.retention_days is 0; use 1 or more"),
    ],
)
def test_bad_settings_are_one_line(files: LogFiles, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        set_up_logging(clock=HandClock(), identity=IDENTITY, files=files, console=None)


@given(st.text(), st.text(), st.text())
def test_no_text_from_outside_can_forge_a_console_line(event: str, key: str, value: str) -> None:
    line = console_line({"ts_utc": "2026-03-06T14:55:00.000Z", "level": "info", "event": event, key: value})
    assert len(line.splitlines()) == 1 or "exception" in key
    assert "\x1b" not in line


class Impatient(queue.Queue[logging.LogRecord]):
    """A queue that nobody may wait at."""

    def put(self, item: logging.LogRecord, block: bool = True, timeout: float | None = None) -> None:  # noqa: FBT001, FBT002 - its base's signature
        assert not block, "a log call would wait"
        super().put(item, block, timeout)


def test_a_full_queue_drops_and_counts_but_never_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.logs.log_io.QUEUE_RECORDS_MAX", 2)
    monkeypatch.setattr("ops.logs.log_io._Pump._run", lambda _: None)  # a disk that hangs
    monkeypatch.setattr("ops.logs.log_io._Pump.stop", lambda _: None)
    monkeypatch.setattr("ops.logs.log_io.queue.Queue", Impatient)
    running, _ = begin(tmp_path)
    for number in range(5):
        structlog.get_logger().info("event", number=number)
    assert running.dropped == 3
    running.stop()


def test_a_console_line_is_key_and_value_also_where_a_value_has_parts() -> None:
    payload = {"reason": "operator: testing", "gates": ["risk", "pause"], "fills": {"INXU": 2}, "why": None, "by": ""}
    line = console_line({"ts_utc": "2026-03-06T14:55:00.000Z", "level": "info", "event": "kill_switch"} | payload)
    assert line == (
        '14:55:00.000 info     kill_switch  reason="operator: testing" gates=risk,pause fills.INXU=2 why=none by=""'
    )
    nested = {"level": "info", "event": "e", "rows": [{"a": 1}, {"a": 'x "y"'}], "none": {}, "off": False}
    assert console_line(nested).endswith("rows.1.a=1 rows.2.a=\"x 'y'\" none=none off=False")


class Unread(io.StringIO):
    """A terminal that nobody reads."""

    def __init__(self) -> None:
        super().__init__()
        self.looked_at = threading.Event()

    def write(self, text: str) -> int:
        assert self.looked_at.wait(20), "never read"
        return super().write(text)


def test_a_terminal_that_nobody_reads_does_not_stop_the_files(tmp_path: Path) -> None:
    console = Unread()
    running = set_up_logging(
        clock=HandClock(), identity=IDENTITY, files=LogFiles(tmp_path / "logs", "INFO", 7), secrets=[], console=console
    )
    for number in range(3):
        structlog.get_logger().info("event", number=number)
    written = tmp_path / "logs" / "events.jsonl"
    until("three lines", lambda: written.exists() and written.read_text().count("\n") == 3)
    console.looked_at.set()
    running.stop()
    assert console.getvalue().count("\n") == 3


@pytest.mark.parametrize("asked", [False, True])
def test_a_file_that_was_moved_is_opened_anew(tmp_path: Path, asked: bool) -> None:  # noqa: FBT001 - a case
    running, _ = begin(tmp_path)
    written = tmp_path / "logs" / "events.jsonl"
    structlog.get_logger().info("before")
    until("a line", lambda: written.exists() and written.read_text().count("\n") == 1)
    if asked:
        running.reopen()
    else:
        (tmp_path / "logs").rename(tmp_path / "moved")
    structlog.get_logger().info("after")
    running.stop()
    assert [line["event"] for line in lines(tmp_path)] == (["before", "after"] if asked else ["after"])


def test_a_file_that_cannot_be_written_is_counted_and_prints_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    running, console = begin(tmp_path)
    (tmp_path / "logs" / "events.jsonl").mkdir()
    structlog.get_logger().info("one")
    running.stop()
    assert running.unwritten == 1
    assert "one" in console.getvalue()
    assert capsys.readouterr().err == ""
