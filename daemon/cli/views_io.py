"""What the small commands look at: windows, snapshots, orders, settings; and how they ask a running daemon."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from pathlib import Path
from typing import Any, Final

import msgspec

from daemon.client.living_io import daemon_pid, nobody_there
from daemon.client.requests_io import Request, ask, read_answer
from daemon.settings.build import build_plan
from daemon.settings.files_io import read_reference_data
from daemon.settings.tree import Settings
from daemon.system_clock import SystemClock
from domain.clock import NS_PER_MS, NS_PER_S
from domain.door import PAGE_BYTES_MAX, Door
from domain.errors import EX_NOT_OK, EX_OK, EX_UNAVAILABLE, ConfigurationError, UsageError
from domain.events import Command
from domain.market import SERIES
from domain.money import print_count
from domain.stamps import YEAR_MAX, YEAR_MIN
from guards.windows import scheduler_window, windows_answer
from journal.reader_io import JournalDamaged, verify_state
from journal.reports.report_io import write_day, write_reports
from journal.snapshot import SnapshotDamaged
from journal.snapshot_io import read_snapshot

ANSWER_LIMIT_S = 5.0
PREFLIGHT_LIMIT_S = 90.0
LOOK_S = 0.05
# Long enough for a daemon that is just starting, and holds no lock yet.
NOBODY_LIMIT_S = 1.0
LEAD_NS = 1500 * NS_PER_MS
SNAPSHOT_LIMIT_S = 5.0
_payload: Final = Door(dict[str, Any], PAGE_BYTES_MAX, proven=True)


def windows_view(settings: Settings, series: str, date: str | None, now: str | None, *, as_json: bool) -> str:
    """The present window of a series, or all windows of a day. Raises ConfigurationError for bad input."""
    if series not in SERIES:
        message = f"--series {series}: no such series; known: {', '.join(SERIES)}"
        raise UsageError(message)
    plan = build_plan(settings, read_reference_data(settings))
    if date is not None:
        found = [w for w in plan.windows_on(_day(date)) if series in w.series]
        rows = [scheduler_window(window, window.freeze_ns - LEAD_NS) for window in found]
        if as_json:
            return msgspec.json.encode(rows).decode()
        return "\n".join(f"{row.label}: {row.start_et} to {row.target_et}" for row in rows) or "no windows that day"
    answer = windows_answer(plan, series, _instant(now), LEAD_NS)
    if as_json:
        return msgspec.json.encode(answer).decode()
    window = answer["scheduler_window"]
    if window is None:
        return f"{answer['now_utc']}  {answer['phase']}: no window is open"
    return f"{answer['now_utc']}  {window['label']} {answer['phase']}, {answer['seconds_to_freeze']:.1f} s to freeze"


def _day(text: str) -> dt.date:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or not YEAR_MIN < day.year < YEAR_MAX:
        raise UsageError(f"--date {text}: write it like 2026-03-06")
    return day


def _instant(text: str | None) -> int:
    if text is None:
        return SystemClock().now().utc_ns
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not YEAR_MIN < moment.year < YEAR_MAX:
        message = f"--now {text}: write it like 2026-03-06T14:50:00Z"
        raise UsageError(message)
    return int(moment.timestamp()) * NS_PER_S + moment.microsecond * 1000


def ask_daemon(command: str, by: str, cause: str, state_dir: Path, limit_s: float = ANSWER_LIMIT_S) -> tuple[int, str]:
    """Leave a request for the daemon of a state directory and wait for its answer."""
    try:
        text = put_question(Command(command), by, cause, state_dir, limit_s)
    except OSError as problem:
        return EX_NOT_OK, (
            f"{command}: cannot be written down in {state_dir}: {problem.strerror}; root, the daemon's account and"
            " members of its group may ask"
        )
    if text is None:
        nobody = nobody_there(state_dir)
        if nobody:
            return EX_UNAVAILABLE, f"{command}: {nobody}: it is written down, for the next one within its time"
        if Command(command) in (Command.RESUME, Command.ARM):
            return EX_UNAVAILABLE, f"{command}: no daemon answered, and it counts for a minute only: ask again later"
        return EX_UNAVAILABLE, f"{command}: written down, but no daemon answered; it will be taken up when one runs"
    refused, note = read_answer(text)
    if refused:
        return EX_NOT_OK, f"{command} refused: {refused}"
    return EX_OK, "\n".join([f"{command}: done", *(f"  {line}" for line in note.splitlines())])


def put_question(command: Command, by: str, cause: str, state_dir: Path, limit_s: float) -> str | None:
    """Write a request down and wait for the daemon's text; None when nobody answered in time. Raises OSError.

    Raises ConfigurationError for a state directory that is none.
    """
    if not state_dir.is_dir():
        message = f"{state_dir}: no such state directory; give --state-dir"
        raise ConfigurationError(message)
    limit_s = limit_s if daemon_pid(state_dir) else min(limit_s, NOBODY_LIMIT_S)
    now = SystemClock().now()
    ident = f"{now.utc_ns // NS_PER_MS}-{os.getpid()}"
    return asyncio.run(_answer(ask(state_dir, Request(ident, command, by, cause, now.utc_ns)), limit_s))


async def _answer(done: Path, limit_s: float) -> str | None:
    for _ in range(int(limit_s / LOOK_S)):
        text = await asyncio.to_thread(_read_answer, done)
        if text is not None:
            return text
        await asyncio.sleep(LOOK_S)
    return None


def _read_answer(done: Path) -> str | None:
    return done.read_text(encoding="utf-8") if done.exists() else None


def snapshot_view(state_dir: Path, *, as_json: bool) -> tuple[int, str]:
    """The snapshot's age and content; exit 1 when there is none, it is damaged, or older than 5 s."""
    try:
        snapshot = read_snapshot(state_dir)
    except SnapshotDamaged as problem:
        return EX_NOT_OK, f"snapshot: {problem}"
    if snapshot is None:
        return EX_NOT_OK, f"snapshot: none in {state_dir}"
    age_s = snapshot.age_s(SystemClock().now().utc_ns)
    payload = _payload.read(snapshot.payload)
    shown = {"age_seconds": round(age_s, 3), "seq": snapshot.seq, "state_hash": snapshot.state_hash} | payload
    code = EX_OK if age_s < SNAPSHOT_LIMIT_S else EX_NOT_OK
    if as_json:
        return code, msgspec.json.encode(shown).decode()
    held = ", ".join(
        f"{ticker} {print_count(market['position'])}"
        for ticker, market in payload["ledger"]["markets"].items()
        if market["position"] and not market["result"]
    )
    return code, (
        f"snapshot {age_s:.1f} s old at record {snapshot.seq}: {len(payload['orders'])} live orders,"
        f" positions {held or 'none'}, cancel-all {payload['empty_reason'] or 'none'},"
        f" paused {payload['paused'] or 'no'}"
    )


def require_journal(state_dir: Path) -> None:
    """Raise ConfigurationError unless a daemon has run in this state directory."""
    if not (state_dir / "journal").is_dir():
        message = f"{state_dir}: no journal there; give --state-dir"
        raise ConfigurationError(message)


def verify_view(state_dir: Path, *, as_json: bool) -> tuple[int, str]:
    """Check the journal. Raises ConfigurationError when there is none, and never was one by its anchors."""
    if not (state_dir / "anchor").is_dir():
        require_journal(state_dir)
    try:
        verdict = verify_state(state_dir)
    except JournalDamaged as problem:
        told = {"ok": False, "file": problem.file, "line": problem.line, "sentence": problem.what}
        text = f"journal NOT whole: {problem.file}:{problem.line}: {problem.what}"
        return EX_NOT_OK, msgspec.json.encode(told).decode() if as_json else text
    code = EX_OK if verdict.ok else EX_NOT_OK
    if as_json:
        return code, msgspec.json.encode(verdict).decode()
    if verdict.ok:
        torn = "; its last line is torn and will be repaired at the next start" if verdict.torn_tail else ""
        return code, f"journal whole: {verdict.head.count} records, last hash {verdict.head.hash}{torn}"
    return code, f"journal NOT whole: {verdict.first_fault}"


def write_pages(
    state_dir: Path, date: str | None, target_ns: int | None, series: str | None = None
) -> list[tuple[str, str]]:
    """Write reports from the journal; (series, page) of each. Raises ConfigurationError for bad input."""
    if (date is None) is (target_ns is None):
        message = "report: give either --date or --target-ns"
        raise UsageError(message)
    day = None if date is None else _day(date).isoformat()
    require_journal(state_dir)
    if target_ns is not None:
        found = write_reports(state_dir, target_ns, only=series)
        if not found:
            raise UsageError(f"report: the journal has no window with the target {target_ns}")
        return [(name, path) for (name, _), path in found.items()]
    assert day is not None, "one of the two was given"
    written = write_day(state_dir, state_dir / "reports", day, (series,) if series else ())
    return [(name, str(files.day_html)) for name, files in written.items()]


def watch_daemon(http: str) -> None:
    """Show a running daemon in the terminal until interrupted."""
    from ops.terminal_io import TerminalView  # noqa: PLC0415 - only this command

    asyncio.run(TerminalView(http, clock=SystemClock()).run())
