"""What the process of a report answers is taken through a door: what cannot be read is told, and ends nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from daemon.runtime.files_out_io import FilesOut
from domain.actions import Report
from tests.daemon.timepiece import Timepiece


class Drained:
    """A journal that is on disk."""

    async def drain(self, _limit_s: float) -> bool:
        await asyncio.sleep(0)
        return True


@pytest.mark.parametrize("said", [b"", b"{}", b'[["INXU"]]', b"[" * 2_000, b'[["INXU","' + b"x" * 2_000_000 + b'"]]'])
async def test_a_reports_answer_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    assert await told_of(tmp_path, monkeypatch, said) == ({}, ["report's answer not readable"])


async def test_a_reports_answer_names_its_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = str(tmp_path / "reports" / "INXU.html")
    paths, told = await told_of(tmp_path, monkeypatch, f'[["INXU","{page}"]]'.encode())
    assert paths == {("INXU", 10**9): "INXU.html"}
    assert told == ["window reported"]


async def told_of(folder: Path, monkeypatch: pytest.MonkeyPatch, said: bytes) -> tuple[dict[Any, str], list[str]]:
    """Have a window reported by a process that answers this; where its pages are, and what was logged."""

    async def start(_command: object) -> SimpleNamespace:
        await asyncio.sleep(0)
        return SimpleNamespace(returncode=0, communicate=answer)

    async def answer() -> tuple[bytes, bytes]:
        await asyncio.sleep(0)
        return said, b""

    monkeypatch.setattr("daemon.runtime.files_out_io.start_own", start)
    journal: Any = Drained()
    inbox: Any = None
    files = FilesOut(folder, "run", 1, Timepiece(), journal, inbox)
    with structlog.testing.capture_logs() as told:
        await files.report(Report("10:00", 10**9, "INXU"))
    return files.report_paths, [line["event"] for line in told]
