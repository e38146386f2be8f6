"""The commands around preflight: run the checks, prove the controls, compare with the exchange; print, and give a code.

People get a table, programs JSON; both get the same exit code.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Final

import msgspec

from daemon.client.exchange_reads_io import Look
from daemon.client.own_programs_io import step_back
from daemon.preflight.checks import CHECKS, Check, chosen, exit_code
from daemon.preflight.discover_io import list_today
from daemon.preflight.evidence_io import NEEDS_EXCHANGE, run_check
from daemon.preflight.live_drill_io import Proof
from daemon.preflight.order_drill import daemon_idle, no_window_open
from daemon.preflight.tables.evidence_file import Ours
from daemon.preflight.tables.manifest_io import ours_of
from daemon.preflight.tables.printed_io import kept, print_table, table_of
from daemon.settings.build import build_plan
from daemon.settings.files_io import read_reference_data
from daemon.settings.load_io import load
from daemon.settings.tree import Settings
from daemon.system_clock import SystemClock
from domain.errors import ConfigurationError
from domain.findings.finding import (
    DUE_LATER,
    FAIL,
    PASS,
    UNKNOWN,
    Finding,
    FindingStatus,
)
from domain.reasons import GateStatus, Reason
from guards.vote import Vote

PREFLIGHT: Final = "preflight"
RECONCILE: Final = "reconcile"
BESIDE_THE_DAEMON: Final = 5  # so much nicer than the daemon, which must not wait for it
# What cannot be judged yet lets no order out.
AS_VOTE: Final = {status: GateStatus("UNKNOWN" if status is DUE_LATER else status.value) for status in FindingStatus}
BEFORE_ORDERS: Final = (
    "settings", "credentials", "private_key", "mode_host", "exchange_reachable", "exchange_authenticated",
    "clock_offset", "kill_switch", "cancel_all_markers",
)  # fmt: skip
COMPARED: Final = (
    "exchange_reachable", "position_reconciliation", "fill_reconciliation", "balance_walk", "open_orders",
    "order_groups",
)  # fmt: skip


def preflight_command(  # noqa: PLR0913 - one for each option
    config: Path | None,
    mode: str | None,
    state_dir: Path | None,
    http: str | None,
    *,
    as_json: bool,
    apis: bool,
    data: bool,
    orders: bool,
    for_daemon: bool = False,
) -> int:
    """`ladderd preflight`: the exit code, everything printed. `for_daemon`: a running daemon asks, and reads it."""
    if for_daemon:
        step_back(BESIDE_THE_DAEMON)
    try:
        settings = load(config, mode=mode, state_dir=state_dir)
    except ConfigurationError as problem:
        broken = (Finding("settings", FAIL, str(problem)),)
        return _print(broken, exit_code(broken, asked=False, heard=False), mode or "", as_json=as_json)
    look = Look(settings, SystemClock(), http)
    checks = chosen(apis=apis, data=data)
    if orders and not (apis or data):
        checks = tuple(check for check in CHECKS if check.name in BEFORE_ORDERS)
    if for_daemon:
        asyncio.run(list_today(settings))
    findings, code = asyncio.run(_preflight(look, checks, orders=orders))
    whole = PREFLIGHT if len(findings) == len(CHECKS) else ""
    return _print(findings, code, settings.mode, as_json=as_json, keep_as=whole, look=look)


async def _preflight(look: Look, checks: tuple[Check, ...], *, orders: bool) -> tuple[tuple[Finding, ...], int]:
    try:
        with contextlib.suppress(ConfigurationError):  # the checks of key and credentials say it
            look.connect()
        findings = await _run(look, checks)
        if orders:
            findings = (*findings, await prove(look, findings))
        asked = any(check.name in NEEDS_EXCHANGE for check in checks)
        heard = look.line is not None and look.line.heard
        return findings, exit_code(findings, asked=asked, heard=heard)
    finally:
        look.close()


async def _run(look: Look, checks: tuple[Check, ...]) -> tuple[Finding, ...]:
    return tuple(await asyncio.gather(*(run_check(look, check) for check in checks)))


async def account_votes(look: Look) -> tuple[tuple[str, Vote], ...]:
    """Whether trial orders may be sent on this account at all."""
    frame, problem = await look.ask_daemon()
    phases = tuple(view.phase for view in frame.picture.series) if frame is not None else ()
    orders = len(frame.picture.orders) if frame is not None else 0
    runs, answers = frame is not None or bool(problem), frame is not None
    settings = look.settings
    plan = build_plan(settings, read_reference_data(settings))
    return (
        ("daemon", daemon_idle(phases, orders, runs=runs, answers=answers)),
        ("window", no_window_open(plan, settings.windows.series, look.clock.now().utc_ns)),
    )


async def prove(look: Look, findings: tuple[Finding, ...]) -> Finding:
    """The live proof of controls, once everything that it needs has passed."""
    name = "control_orders"
    votes = tuple(
        (finding.name, Vote(AS_VOTE[finding.status], Reason.QUALITY_GATE, finding.reason))
        for finding in findings
        if finding.name in BEFORE_ORDERS
    )
    if any(not vote.open for _, vote in votes):
        closed = ", ".join(name for name, vote in votes if not vote.open)
        return Finding(name, UNKNOWN, f"not tried: {closed} must pass first")
    proof = Proof(look.settings, look.exchange(), look.clock, (*votes, *await account_votes(look)))
    problem = await proof.run()
    said = "; ".join(proof.lines)
    if problem:
        return Finding(name, FAIL, f"{problem}{f' (before that: {said})' if said else ''}")
    return Finding(name, PASS, said, 0.0)


def reconcile_full(settings: Settings, http: str | None, *, as_json: bool) -> int:
    """`ladderd reconcile --full`: exchange against snapshot and daemon, asked from here. UNKNOWN is never agreement."""
    look = Look(settings, SystemClock(), http)
    look.connect()
    checks = tuple(check for check in CHECKS if check.name in COMPARED)

    async def compare() -> tuple[Finding, ...]:
        try:
            return await _run(look, checks)
        finally:
            look.close()

    findings = asyncio.run(compare())
    heard = look.line is not None and look.line.heard
    code = exit_code(findings, asked=True, heard=heard)
    return _print(findings, code, settings.mode, as_json=as_json, keep_as=RECONCILE, look=look)


def _print(
    findings: tuple[Finding, ...], code: int, mode: str, *, as_json: bool, keep_as: str = "", look: Look | None = None
) -> int:
    """Print a table, and give its code. `keep_as`: it is whole, and is kept as evidence of this name."""
    now_ns = SystemClock().now().utc_ns
    ours = Ours("", "", "", "") if look is None else ours_of(look.settings)
    table = table_of(keep_as or PREFLIGHT, mode, findings, code, ours, now_ns)
    document = msgspec.json.encode(table)
    if keep_as and look is not None:
        _, document, code = kept(look.settings.state_dir, table, now_ns)
    if as_json:
        sys.stdout.write(document.decode() + "\n")
    else:
        print_table(findings)
    return code
