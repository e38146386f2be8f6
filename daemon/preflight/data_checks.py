"""Preflight's checks of data on file and behind the vendor's REST side: today's listing, the cache, the history. Pure.

Each says how old its evidence is. Nothing there, or nobody who answers, is never a pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from daemon.preflight.discover import LadderListing
from domain.clock import NS_PER_S
from domain.events import History
from domain.findings.finding import FAIL, PASS, UNKNOWN, Finding

CACHE_LIMIT_S: Final = 24 * 3600


def listing(saved: LadderListing | None, day: str, series: tuple[str, ...], utc_ns: int) -> Finding:
    """The universe was listed and saved today, for every series."""
    name = "listing"
    if saved is None or saved.day != day:
        told = "none" if saved is None else f"of {saved.day}"
        return Finding(name, FAIL, f"listing saved today: {told}; run ladderd discover --today")
    age_s = max(0.0, saved.age_s(utc_ns))
    missing = sorted(set(series) - {ladder.series for ladder in saved.ladders})
    if missing:
        return Finding(name, FAIL, f"listing of {day} has no ladder of {', '.join(missing)}", age_s)
    return Finding(name, PASS, f"saved {age_s:.0f} s ago, {len(saved.ladders)} ladders", age_s)


def history_cache(asked_utc_ns: int | None, histories: tuple[History, ...], symbols: set[str], utc_ns: int) -> Finding:
    """Bars of every index were kept less than a day ago. `asked_utc_ns` None: nothing was ever kept."""
    name = "history_cache"
    if asked_utc_ns is None:
        return Finding(name, FAIL, "no history was kept yet: a daemon keeps it at its start")
    age_s = max(0.0, (utc_ns - asked_utc_ns) / NS_PER_S)
    missing = sorted(symbols - {history.symbol for history in histories if history.bars})
    if missing:
        return Finding(name, FAIL, f"no bars of {', '.join(missing)} were kept", age_s)
    if age_s >= CACHE_LIMIT_S:
        return Finding(name, FAIL, f"kept {age_s / 3600:.1f} h ago, limit 24 h; restart the daemon", age_s)
    return Finding(name, PASS, f"kept {age_s / 3600:.1f} h ago: {sum(len(h.bars) for h in histories)} bars", age_s)


def rest_history(answers: Mapping[str, History | None], utc_ns: int) -> Finding:
    """Each host (host and symbol -> bars, None: no answer) answers with history; the age of the oldest newest bar."""
    name = "rest_history"
    if not answers:
        return Finding(name, UNKNOWN, "no feed has a REST address (feeds.*.rest_url): nobody was asked")
    silent = sorted(where for where, history in answers.items() if history is None)
    if silent:
        return Finding(name, FAIL, f"no history from {', '.join(silent)}")
    newest_ms = [max((bar.start_ms for bar in history.bars), default=0) for history in answers.values() if history]
    ages_s = [utc_ns / NS_PER_S - at_ms / 1000 for at_ms in newest_ms if at_ms]
    told = ", ".join(f"{where} {len(history.bars)} bars" for where, history in answers.items() if history)
    return Finding(name, PASS, told, max(ages_s, default=None))
