"""The looks are total, and what happens inside one never passes for health."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from daemon.client.exchange_reads_io import Look
from daemon.preflight import evidence_io as preflight_io
from daemon.preflight.checks import CHECKS
from daemon.preflight.evidence_io import LOOKS, NEEDS_EXCHANGE, run_check
from daemon.settings.load_io import load
from daemon.settings.tree import Settings
from daemon.system_clock import SystemClock
from domain.actions import Read
from domain.clock import NS_PER_S, Now
from domain.errors import UnavailableError
from domain.events import (
    Event,
    GroupsRead,
    GroupState,
    OrdersRead,
    OrderState,
    PositionsRead,
    PositionState,
)
from domain.findings.finding import Finding, FindingStatus
from domain.ids import ClientOrderId, GroupId, OrderId, RequestId, Ticker
from domain.market import Side
from domain.money import Count, Price
from execution.list_lag import SETTLE_NS
from tests.execution.kalshi.kalshi_fake import ed_key, pem_of

DISK = next(check for check in CHECKS if check.name == "disk")


def test_every_check_has_its_look() -> None:
    assert set(LOOKS) == {check.name for check in CHECKS}
    assert set(LOOKS) >= NEEDS_EXCHANGE


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (ZeroDivisionError("bug"), FindingStatus.FAIL),
        (AssertionError("bug"), FindingStatus.FAIL),
        (KeyError("bug"), FindingStatus.FAIL),
        (UnavailableError("nobody"), FindingStatus.UNKNOWN),
        (PermissionError("no"), FindingStatus.UNKNOWN),
    ],
)
async def test_a_check_that_raises_never_passes(
    problem: Exception, status: FindingStatus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def broken(_look: Look) -> Finding:
        raise problem

    monkeypatch.setitem(preflight_io.LOOKS, "disk", broken)
    finding = await run_check(Look(Settings(state_dir=tmp_path), SystemClock()), DISK)
    assert finding.status is status
    assert str(problem) in finding.reason


async def test_without_a_key_and_an_empty_state_nothing_of_the_exchange_passes(tmp_path: Path) -> None:
    look = Look(Settings(state_dir=tmp_path), SystemClock())
    for check in CHECKS:
        if check.name in NEEDS_EXCHANGE or check.name in {"credentials", "private_key", "journal_chain"}:
            assert (await run_check(look, check)).status in {FindingStatus.FAIL, FindingStatus.UNKNOWN}, check.name


async def test_a_state_directory_that_is_not_there_does_not_pass(tmp_path: Path) -> None:
    look = Look(Settings(state_dir=tmp_path / "none"), SystemClock())
    assert (await run_check(look, DISK)).status is FindingStatus.UNKNOWN


async def test_a_page_file_of_a_process_that_ended_is_no_running_daemon(tmp_path: Path) -> None:
    (tmp_path / "monitors").mkdir()
    page = tmp_path / "monitors" / "http.json"
    page.write_text('{"port": 1, "pid": 4194304999}')
    assert await Look(Settings(state_dir=tmp_path), SystemClock()).ask_daemon() == (None, "")
    page.write_text("{")
    frame, problem = await Look(Settings(state_dir=tmp_path), SystemClock()).ask_daemon()
    assert frame is None
    assert "http.json" in problem


LAG_S = SETTLE_NS / NS_PER_S - 0.001
ASKED = Now(0, 0)
T = Ticker("KXINXU-26NOV23H1200-T6844.9999")
STRANGER = OrderState(
    OrderId("x"), ClientOrderId("by-hand"), T, Side.BID, Price(100), "resting", Count(100), Count(0), Count(100),
    GroupId(""), 0,
)  # fmt: skip
LISTS: dict[Read, Callable[[bool], Event]] = {
    Read.RESTING: lambda there: OrdersRead(RequestId(0), ASKED, 0, True, (STRANGER,) * there),
    Read.POSITIONS: lambda there: PositionsRead(RequestId(0), ASKED, (PositionState(T, Count(100)),) * there),
    Read.GROUPS: lambda there: GroupsRead(RequestId(0), ASKED, (GroupState(GroupId("g"), False, 0),) * there),
}


class LaggingExchange(Look):
    """What was done at 0 s is listed from a little before SETTLE on, or only until then; sleeping moves its time."""

    def __init__(self, folder: Path, *, comes: bool) -> None:
        super().__init__(Settings(state_dir=folder), SystemClock())
        self.comes = comes
        self.now_s = 0.0

    def exchange(self) -> Any:  # noqa: ANN401 - stands in for the line
        return self

    async def read(self, _kind: type[Event], what: Read) -> Event:
        return LISTS[what]((self.now_s >= LAG_S) is self.comes)

    async def sleep(self, wait_s: float) -> None:
        self.now_s += wait_s


@pytest.mark.parametrize("name", ["open_orders", "position_reconciliation", "order_groups"])
@pytest.mark.parametrize("comes", [True, False], ids=["listed late", "gone late"])
async def test_no_list_is_believed_before_it_was_read_twice_past_its_lag(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, comes: bool
) -> None:
    look = LaggingExchange(tmp_path, comes=comes)
    monkeypatch.setattr(preflight_io, "asyncio", SimpleNamespace(sleep=look.sleep, to_thread=asyncio.to_thread))
    (check,) = [check for check in CHECKS if check.name == name]
    assert (await run_check(look, check)).status is FindingStatus.FAIL


KEY_CHECK = next(check for check in CHECKS if check.name == "private_key")


@pytest.mark.step("H02")
async def test_the_private_key_is_looked_at_before_it_is_called_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    pem = pem_of(ed_key()).decode()
    file = tmp_path / ".env.local"
    file.touch(mode=0o600)
    file.write_text(f"LADDERD_EXCHANGE__PRIVATE_KEY='{pem}'\n")
    look = Look(load(None), SystemClock())
    finding = await run_check(look, KEY_CHECK)
    assert finding.status is FindingStatus.PASS
    assert "mode 0600, owner" in finding.reason
    file.chmod(0o644)
    finding = await run_check(look, KEY_CHECK)
    assert finding.status is FindingStatus.FAIL
    assert "mode 0644" in finding.reason
    file.unlink()
    assert (await run_check(look, KEY_CHECK)).status is FindingStatus.FAIL
    assert not [line for line in pem.splitlines()[1:-1] if line in finding.reason]
