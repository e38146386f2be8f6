"""The preflight's own process: what it says becomes an event; whatever goes wrong with it is no evidence."""

from __future__ import annotations

import asyncio
import hashlib
import sys

import msgspec
import pytest

from daemon.runtime import preflight_io
from daemon.runtime.preflight_io import PreflightProcess, found
from domain.findings.finding import DUE_LATER, FAIL, NOT_CONFIGURED, PASS, Finding, Findings

CHECKS = (
    Finding("a", PASS, "well"),
    Finding("b", FAIL, "broken by key-123"),
    Finding("c", DUE_LATER, "at 09:31"),
    Finding("d", NOT_CONFIGURED, "left out"),
)
DOCUMENT = msgspec.json.encode(Findings("preflight", False, 1, "paper", "here", "c", "b", "now", CHECKS, "its file"))


def process(program: str, *words: str) -> PreflightProcess:
    """A child of our own choosing."""
    made = PreflightProcess((), lambda text: text.replace("key-123", "***"))
    made._command = (sys.executable, "-c", program, *words)  # noqa: SLF001 - in place of the command
    return made


def test_a_document_becomes_an_event() -> None:
    run = found(7, DOCUMENT)
    assert (run.number, run.passed, run.config_hash, run.build_id, run.path) == (7, 1, "c", "b", "its file")
    assert [one.name for one in run.against] == ["b"]
    assert [one.name for one in run.later] == ["c"]
    assert run.sha256 == hashlib.sha256(DOCUMENT).hexdigest()


async def test_what_the_child_says_is_masked_and_read() -> None:
    run = await process("import sys; print(sys.argv[1])", DOCUMENT.decode())(3)
    assert run.problem == ""
    assert run.against[0].reason == "broken by ***"


@pytest.mark.parametrize(
    ("program", "named"),
    [
        ("", "cannot be read"),
        ("print('{}')", "cannot be read"),
        ("print('[' * 1000)", "cannot be read"),
        ("raise SystemExit('no key-123')", "no ***"),
        ("print('x' * 3_000_000)", "cannot be read"),
    ],
)
async def test_a_child_that_says_nothing_readable_is_no_evidence(program: str, named: str) -> None:
    run = await process(program)(3)
    assert named in run.problem
    assert run.passed == 0


async def test_a_child_that_takes_too_long_is_no_evidence_and_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight_io, "RUN_LIMIT_S", 0.2)
    run = await process("import time; time.sleep(60)")(3)
    assert "not over in" in run.problem


async def test_a_program_that_is_not_there_is_no_evidence() -> None:
    made = process("")
    made._command = ("/no/such/program",)  # noqa: SLF001 - in place of the command
    assert "cannot be started" in (await made(3)).problem


async def test_cancelled_it_leaves_no_child_behind() -> None:
    task = asyncio.create_task(process("import time; time.sleep(60)")(3))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
