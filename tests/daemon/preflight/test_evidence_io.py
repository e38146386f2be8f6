"""The looks are total, and what happens inside one never passes for health."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.client.exchange_reads_io import Look
from daemon.preflight import evidence_io as preflight_io
from daemon.preflight.checks import CHECKS, Finding
from daemon.preflight.evidence_io import LOOKS, NEEDS_EXCHANGE, run_check
from daemon.settings.tree import Settings
from daemon.system_clock import SystemClock
from domain.errors import UnavailableError
from domain.reasons import GateStatus

DISK = next(check for check in CHECKS if check.name == "disk")


def test_every_check_has_its_look() -> None:
    assert set(LOOKS) == {check.name for check in CHECKS}
    assert set(LOOKS) >= NEEDS_EXCHANGE


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (ZeroDivisionError("bug"), GateStatus.FAIL),
        (AssertionError("bug"), GateStatus.FAIL),
        (KeyError("bug"), GateStatus.FAIL),
        (UnavailableError("nobody"), GateStatus.UNKNOWN),
        (PermissionError("no"), GateStatus.UNKNOWN),
    ],
)
async def test_a_check_that_raises_never_passes(
    problem: Exception, status: GateStatus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def broken(_look: Look) -> Finding:
        raise problem

    monkeypatch.setitem(preflight_io.LOOKS, "disk", broken)
    finding = await run_check(Look(Settings(state_dir=tmp_path), SystemClock()), DISK)
    assert finding.status is status
    assert str(problem) in finding.evidence


async def test_without_a_key_and_an_empty_state_nothing_of_the_exchange_passes(tmp_path: Path) -> None:
    look = Look(Settings(state_dir=tmp_path), SystemClock())
    for check in CHECKS:
        if check.name in NEEDS_EXCHANGE or check.name in {"credentials", "private_key", "journal_chain"}:
            assert (await run_check(look, check)).status in {GateStatus.FAIL, GateStatus.UNKNOWN}, check.name


async def test_a_state_directory_that_is_not_there_does_not_pass(tmp_path: Path) -> None:
    look = Look(Settings(state_dir=tmp_path / "none"), SystemClock())
    assert (await run_check(look, DISK)).status is GateStatus.UNKNOWN


async def test_a_page_file_of_a_process_that_ended_is_no_running_daemon(tmp_path: Path) -> None:
    (tmp_path / "monitors").mkdir()
    page = tmp_path / "monitors" / "http.json"
    page.write_text('{"port": 1, "pid": 4194304999}')
    assert await Look(Settings(state_dir=tmp_path), SystemClock()).ask_daemon() == (None, "")
    page.write_text("{")
    frame, problem = await Look(Settings(state_dir=tmp_path), SystemClock()).ask_daemon()
    assert frame is None
    assert "http.json" in problem
