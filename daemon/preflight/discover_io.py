"""`ladderd discover --today`: from the exchange, or offline from the listing saved today."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from daemon.client.exchange_io import Unread
from daemon.client.exchange_reads_io import Look
from daemon.preflight.discover import (
    VERSION,
    LadderListing,
    ListedLadder,
    WindowRow,
    match,
    merged,
    parse_listing,
    summed,
    windows_today,
)
from daemon.settings.build import build_plan
from daemon.settings.files_io import read_reference_data
from daemon.settings.tree import Settings
from daemon.system_clock import SystemClock
from domain.actions import Read
from domain.clock import Now
from domain.errors import EX_NOT_OK, EX_OK, ConfigurationError, UnavailableError, UsageError
from domain.events import MarketsRead
from domain.market import SERIES
from domain.money import Price, print_price
from domain.stamps import et_text, utc_text
from domain.window import Window
from journal.disk_io import Disk

Wanted = dict[str, tuple[Window, ...]]


def discover(settings: Settings, series: str | None, *, offline: bool, as_json: bool) -> int:
    """The exit code, everything printed. 1 names the missing hours; UnavailableError when the exchange is silent."""
    if series is not None and series not in SERIES:
        raise UsageError(f"--series {series}: no such series; known: {', '.join(SERIES)}")
    now = SystemClock().now()
    plan = build_plan(settings, read_reference_data(settings))
    day = plan.session_date(now.utc_ns).isoformat()
    path = _path(settings.state_dir, day)
    names = settings.windows.series if series is None else (series,)
    wanted = {name: windows_today(plan, name, now.utc_ns) for name in names}
    saved = _read(path)
    if offline:
        if saved is None or saved.day != day:
            sys.stdout.write(f"no listing was saved today ({path}); run ladderd discover --today while online\n")
            return EX_NOT_OK
        listing = saved
    else:
        listing = merged(saved, asyncio.run(_ask(Look(settings, SystemClock()), wanted, day, now)))
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        Disk().replace(path, msgspec.json.format(msgspec.json.encode(listing), indent=1) + b"\n")
    age_s = max(0.0, listing.age_s(SystemClock().now().utc_ns)) if offline else None
    return _print(match(wanted, listing), listing, age_s, as_json=as_json)


async def list_today(settings: Settings) -> None:
    """List today's windows and save the listing, unless that was done; who wants it says what it finds."""
    now = SystemClock().now()
    try:
        plan = build_plan(settings, read_reference_data(settings))
        day = plan.session_date(now.utc_ns).isoformat()
        path = _path(settings.state_dir, day)
        if _read(path) is not None:
            return
        wanted = {name: windows_today(plan, name, now.utc_ns) for name in settings.windows.series}
        listing = await _ask(Look(settings, SystemClock()), wanted, day, now)
        Disk().replace(path, msgspec.json.format(msgspec.json.encode(listing), indent=1) + b"\n")
    except (UnavailableError, ConfigurationError, OSError):
        return  # the check of the listing names it


def saved_listing(state_dir: Path, day: str) -> LadderListing | None:
    """The listing that was saved on a day, None when none was. Raises ConfigurationError for a file that is not one."""
    return _read(_path(state_dir, day))


def _path(state_dir: Path, day: str) -> Path:
    return state_dir / f"listing-{day}.json"


def _read(path: Path) -> LadderListing | None:
    return parse_listing(path.read_bytes(), str(path)) if path.exists() else None


async def _ask(look: Look, wanted: Wanted, day: str, now: Now) -> LadderListing:
    line = look.exchange()
    ladders: list[ListedLadder] = []
    try:
        for series, windows in wanted.items():
            for window in windows:
                read = await line.read(MarketsRead, Read.MARKETS, series=series, target_ns=window.target_ns)
                ladder = summed(series, window.target_ns, read.markets)
                ladders += [ladder] if ladder is not None else []
    except Unread as problem:
        raise UnavailableError(f"{look.settings.exchange.rest_url}: {problem}") from None
    finally:
        look.close()
    host = urlsplit(look.settings.exchange.rest_url).netloc
    return LadderListing(VERSION, day, host, now.utc_ns, tuple(ladders))


def _print(rows: tuple[WindowRow, ...], listing: LadderListing, age_s: float | None, *, as_json: bool) -> int:
    missing = [row for row in rows if row.listed is None]
    source = f"asked {listing.host}" if age_s is None else f"saved listing of {listing.host}, {age_s:.0f} s old"
    if as_json:
        told = {
            "day": listing.day,
            "source": "exchange" if age_s is None else "saved",
            "age_seconds": age_s,
            "host": listing.host,
            "windows": [
                {
                    "series": row.series,
                    "label": row.label,
                    "target_utc": utc_text(row.target_ns),
                    "listed": msgspec.to_builtins(row.listed) if row.listed is not None else None,
                }
                for row in rows
            ],
            "missing": [f"{row.series} {row.label}" for row in missing],
        }
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    else:
        lines = [f"{listing.day}, {source}", *(_line(row) for row in rows)]
        if not rows:
            lines.append("no windows today")
        if missing:
            lines.append(f"MISSING: {', '.join(f'{row.series} {row.label}' for row in missing)}")
        sys.stdout.write("\n".join(lines) + "\n")
    return EX_NOT_OK if missing else EX_OK


def _line(row: WindowRow) -> str:
    head = f"  {row.series:11} {row.label:13} closes {et_text(row.target_ns)}"
    if row.listed is None:
        return f"{head}  NOT LISTED"
    one = row.listed
    steps = ", ".join(print_price(Price(step)) for step in one.steps)
    return (
        f"{head}  {', '.join(one.events)}: {one.markets} markets, {one.open_markets} open,"
        f" shard {one.exchange_index}, step {steps}"
    )
