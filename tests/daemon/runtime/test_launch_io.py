"""What `ladderd run` makes of its surroundings before anything runs."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from logging.handlers import TimedRotatingFileHandler
from pathlib import Path

import pytest
import structlog

from daemon.runtime.launch_io import log_files
from daemon.settings.tree import Settings
from daemon.system_clock import SystemClock
from domain.errors import ConfigurationError
from ops.logs.log_io import LogIdentity, set_up_logging

IDENTITY = LogIdentity("r-1", "paper", "9f86d0")


@pytest.fixture(autouse=True)
def _tidy() -> Iterator[None]:
    root = logging.getLogger()
    level, before = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    root.handlers = before
    structlog.reset_defaults()


def written(state_dir: Path, environ: dict[str, str]) -> dict[Path, list[str]]:
    """Log two records by these variables, roll the files over; what stands on disk, by file."""
    settings = Settings(state_dir=state_dir)
    files = log_files(settings, environ)
    running = set_up_logging(clock=SystemClock(), identity=IDENTITY, files=files, console=None)
    structlog.get_logger("ladderd").info("quiet")
    structlog.get_logger("ladderd").warning("loud")
    running.stop()
    assert files.directory is not None
    for day in range(1, 12):
        (files.directory / f"events.jsonl.2020-01-{day:02d}").write_text("")
    for sink in running.sinks:
        if isinstance(sink, TimedRotatingFileHandler) and "events" in sink.baseFilename:
            sink.doRollover()
    found = sorted(state_dir.parent.rglob("events.jsonl.20*"))
    return {path: [json.loads(line)["event"] for line in path.read_text("utf-8").splitlines()] for path in found}


@pytest.mark.step("G13")
def test_each_of_the_three_variables_changes_what_it_says_on_disk(tmp_path: Path) -> None:
    plain = written(tmp_path / "plain" / "state", {})
    assert {path.parent for path in plain} == {tmp_path / "plain" / "state" / "logs"}
    assert len(plain) == 7
    assert [event for events in plain.values() for event in events] == ["quiet", "loud"]
    elsewhere = written(tmp_path / "dir" / "state", {"LOG_DIR": str(tmp_path / "dir" / "var")})
    assert {path.parent for path in elsewhere} == {tmp_path / "dir" / "var"}
    louder = written(tmp_path / "level" / "state", {"LOG_LEVEL": "warning"})
    assert [event for events in louder.values() for event in events] == ["loud"]
    shorter = written(tmp_path / "days" / "state", {"LOG_RETENTION_DAYS": "2"})
    assert len(shorter) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOG_LEVEL", "loud"),
        ("LOG_RETENTION_DAYS", "0"),
        ("LOG_RETENTION_DAYS", "a week"),
        ("LOG_RETENTION_DAYS", "9999"),
    ],
)
def test_a_variable_that_makes_no_sense_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} is .*; "):
        log_files(Settings(), {name: value})
