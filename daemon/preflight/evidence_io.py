"""Looks at the world for every line of preflight's table, and has it judged.

What is expected to go wrong (nobody answers, a file cannot be read) is UNKNOWN; whatever else a check raises is FAIL.
What we hold is compared with the exchange's lists twice, a settling time apart: lists and snapshots lag.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import resource
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from daemon.client.exchange_io import Unread
from daemon.client.exchange_reads_io import Look
from daemon.client.history_io import TIMEOUT_S, ask_history, kept_history
from daemon.client.watched_files_io import HALTED_VARIABLE, execution_halted
from daemon.engine.picture import Process, draw
from daemon.preflight import checks as preflight
from daemon.preflight import data_checks
from daemon.preflight import state_checks as preflight_state
from daemon.preflight.checks import Check
from daemon.preflight.discover_io import saved_listing
from daemon.preflight.live_drill_io import CONTROLS
from daemon.preflight.rehearsal_io import look_at_controls
from daemon.preflight.tables.manifest_io import look_at_manifest
from daemon.settings.build import build_engine, build_plan
from daemon.settings.files_io import read_optional, read_proofs, read_reference_data
from daemon.settings.pin_io import read_pin
from daemon.settings.secrets_io import private_key_pem, whereabouts
from domain.actions import Read
from domain.clock import NS_PER_MS, NS_PER_S
from domain.errors import ConfigurationError, ProtocolError, UnavailableError
from domain.events import (
    BalanceRead,
    ExchangeStatusRead,
    FeesRead,
    FillsRead,
    GroupsRead,
    History,
    LimitsRead,
    MarketsRead,
    OrdersRead,
    PositionsRead,
)
from domain.findings.finding import FAIL, PASS, UNKNOWN, Finding
from domain.market import SERIES
from domain.money import print_cash
from domain.stamps import NEW_YORK
from execution.kalshi.sign import load_key
from execution.list_lag import SETTLE_NS
from guards.calendar import NyseCalendar, parse_table
from journal.marker_io import read_cancel_all, read_kill_file
from journal.reader_io import verify_state
from journal.snapshot import SnapshotDamaged
from ops.client_io import fetch
from ops.metrics.families import text_parts
from ops.metrics.registry import Metrics
from ops.metrics.view import View
from pricing.fees import parse_fees

RECONCILE_AGAIN_S: Final = SETTLE_NS / NS_PER_S + 0.6  # the lag of lists, and of snapshots, which are a second old
OPEN_LOOKS_MAX: Final = 3
DAY_MS: Final = 86_400_000
EXPECTED: Final = (UnavailableError, Unread, ProtocolError, ConfigurationError, SnapshotDamaged, OSError)
NEEDS_EXCHANGE: Final = frozenset(
    {
        "exchange_reachable", "exchange_authenticated", "clock_offset", "rate_limits", "order_groups", "fee_agreement",
        "position_reconciliation", "fill_reconciliation", "balance_walk", "open_orders",
    }
)  # fmt: skip


async def _settings(look: Look) -> Finding:
    return Finding("settings", PASS, f"readable, hash {look.digest[:12]}")


async def _credentials(look: Look) -> Finding:
    return preflight.credentials(look.settings)


async def _private_key(look: Look) -> Finding:
    try:
        load_key(private_key_pem(look.settings))
        seen = whereabouts(look.settings)
    except ConfigurationError as problem:
        return Finding("private_key", FAIL, str(problem))
    return Finding("private_key", PASS, f"usable; {seen}")


async def _mode_host(look: Look) -> Finding:
    return preflight.mode_host(look.settings, urlsplit(look.settings.exchange.rest_url).hostname or "")


async def _config_pin(look: Look) -> Finding:
    approved = await asyncio.to_thread(read_pin, look.settings.state_dir)
    return preflight.config_pin(look.settings, approved, look.digest)


async def _exchange_reachable(look: Look) -> Finding:
    read = await look.exchange().read(ExchangeStatusRead, Read.STATUS)
    up = read.exchange_active and read.trading_active
    word = "up and trading" if up else "up, trading paused" if read.exchange_active else "paused"
    return Finding("exchange_reachable", PASS if up else FAIL, f"{look.settings.exchange.rest_url}: {word}")


async def _exchange_authenticated(look: Look) -> Finding:
    try:
        read = await look.exchange().read(BalanceRead, Read.BALANCE)
    except Unread as problem:
        status = FAIL if problem.status in {401, 403} else UNKNOWN
        return Finding("exchange_authenticated", status, str(problem))
    return Finding("exchange_authenticated", PASS, f"key accepted, {print_cash(read.balance)} dollars on shard 0")


async def _clock_offset(look: Look) -> Finding:
    sample = await look.exchange().measure_clock()
    return preflight.clock_offset(sample, look.clock.now())


async def _rate_limits(look: Look) -> Finding:
    limits = await look.exchange().read(LimitsRead, Read.LIMITS)
    series = len(look.settings.windows.series)
    return preflight.rate_limits(limits, 2 * look.settings.quoting.rungs_max * series, 2 * series)


async def _order_groups(look: Look) -> Finding:
    return await _settled(look, _order_groups_once)


async def _order_groups_once(look: Look) -> Finding:
    read = await look.exchange().read(GroupsRead, Read.GROUPS)
    memory, _ = await look.see_memory()
    known = None if memory is None else frozenset(group.group_id for group in memory.groups)
    return preflight.order_groups(read, known)


async def _control_proofs(look: Look) -> Finding:
    proofs = await asyncio.to_thread(read_proofs, look.settings.state_dir)
    return preflight.control_proofs(proofs, CONTROLS, look.clock.now(), live=look.live)


async def _market_calendar(look: Look) -> Finding:
    raw = await asyncio.to_thread(read_optional, look.settings.calendar_file)
    hourly = raw is not None and look.settings.windows.template == "hourly"
    table = parse_table(raw.decode()) if hourly and raw is not None else None
    calendar = None if table is None else await asyncio.to_thread(NyseCalendar, table)
    return preflight.market_calendar(look.settings, table, calendar, _new_york(look).date())


def _new_york(look: Look) -> dt.datetime:
    return dt.datetime.fromtimestamp(look.clock.now().utc_ns // NS_PER_S, NEW_YORK)


async def _fee_agreement(look: Look) -> Finding:
    raw = await asyncio.to_thread(read_optional, look.settings.fees_file)
    file = parse_fees(raw, str(look.settings.fees_file)) if raw is not None else None
    plan = build_plan(look.settings, read_reference_data(look.settings))
    line, utc_ns, reads = look.exchange(), look.clock.now().utc_ns, []
    for name in look.settings.windows.series:
        window = plan.current_window(name, utc_ns) or plan.next_window(name, utc_ns)
        target_ns = window.target_ns if window is not None else 0
        event = ""
        if window is not None:
            listed = await line.read(MarketsRead, Read.MARKETS, series=name, target_ns=target_ns)
            event = listed.markets[0].event_ticker if listed.markets else ""
        reads.append(await line.read(FeesRead, Read.FEES, series=name, target_ns=target_ns, ticker=event))
    return preflight.fee_agreement(file, reads)


async def _feed_entitlement(look: Look) -> Finding:
    return preflight_state.feed_entitlement(*await look.see_vendor())


async def _data_freshness(look: Look) -> Finding:
    frame, _ = await look.see_daemon()
    rows = [] if frame is not None else [r for r in (await look.see_vendor())[0] if r.symbol in _symbols(look)]
    settings = look.settings
    is_open = build_plan(settings, read_reference_data(settings)).market_open(look.clock.now().utc_ns)
    if settings.windows.template == "hourly":  # the first minute of a session has too few values to be judged
        is_open = is_open and _new_york(look).time() >= preflight_state.JUDGED_FROM
    limit_ms = settings.freshness.arm_limit_ms
    return preflight_state.data_freshness(frame, rows, settings.windows.series, limit_ms, market_open=is_open)


async def _listing(look: Look) -> Finding:
    utc_ns = look.clock.now().utc_ns
    day = build_plan(look.settings, read_reference_data(look.settings)).session_date(utc_ns).isoformat()
    saved = await asyncio.to_thread(saved_listing, look.settings.state_dir, day)
    return data_checks.listing(saved, day, look.settings.windows.series, utc_ns)


def _symbols(look: Look) -> list[str]:
    return [SERIES[name].symbol for name in look.settings.windows.series]


async def _history_cache(look: Look) -> Finding:
    kept = await asyncio.to_thread(kept_history, look.settings.state_dir)
    asked_ns, histories = (None, ()) if kept is None else (kept.asked_utc_ns, kept.histories)
    return data_checks.history_cache(asked_ns, histories, set(_symbols(look)), look.clock.now().utc_ns)


async def _rest_history(look: Look) -> Finding:
    feeds = look.settings.feeds
    asked = [feed for feed in (feeds.primary, feeds.secondary) if feed is not None and feed.rest_url]
    answers: dict[str, History | None] = {}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session:
        for feed in asked:
            for symbol in _symbols(look):
                found = await ask_history(session, symbol, feed.rest_url, feeds.key_of(feed) or "", look.clock)
                answers[f"{feed.name} {symbol}"] = found
    return data_checks.rest_history(answers, look.clock.now().utc_ns)


async def _kill_switch(look: Look) -> Finding:
    frame, _ = await look.see_daemon()
    file = await asyncio.to_thread(read_kill_file, look.settings.state_dir)
    halted = execution_halted(live=look.live)
    sources = {"KILL_SWITCH": (file.active, file.reason), HALTED_VARIABLE: (halted.active, halted.reason)}
    return preflight_state.kill_switch(sources, frame)


async def _cancel_all_markers(look: Look) -> Finding:
    now = look.clock.now()
    markers = await asyncio.to_thread(read_cancel_all, look.settings.state_dir, now.utc_ns)
    return preflight_state.cancel_all_markers(markers, now)


async def _journal_chain(look: Look) -> Finding:
    state_dir = look.settings.state_dir
    there = (state_dir / "journal").is_dir()
    verdict = await asyncio.to_thread(verify_state, state_dir) if there else None
    return preflight_state.journal_chain(verdict, str(state_dir))


async def _settled(look: Look, once: Callable[[Look], Awaitable[Finding]]) -> Finding:
    """Look twice, past the lag of lists, which may lack what was done just before the first look.

    Without a running daemon nothing may change, so either look's difference counts. Beside one, fills and groups come
    while we look: then a difference counts that two looks running show.
    """
    first = await once(look)
    await asyncio.sleep(RECONCILE_AGAIN_S)
    second = await once(look)
    if (await look.see_daemon())[0] is None:
        return first if first.status is FAIL else second
    if second.status is FAIL and first.status is not FAIL:
        await asyncio.sleep(RECONCILE_AGAIN_S)
        return await once(look)
    return second


async def _positions(look: Look) -> Finding:
    return await _settled(look, _positions_once)


async def _positions_once(look: Look) -> Finding:
    read = await look.exchange().read(PositionsRead, Read.POSITIONS)
    memory, snapshot = await look.see_memory()
    age_s = None if snapshot is None else snapshot.age_s(look.clock.now().utc_ns)
    return preflight_state.positions(read.positions, memory, age_s)


async def _fills(look: Look) -> Finding:
    return await _settled(look, _fills_once)


async def _fills_once(look: Look) -> Finding:
    since_ms = look.clock.now().utc_ns // NS_PER_MS - DAY_MS
    read = await look.exchange().read(FillsRead, Read.FILLS, since_ms=since_ms)
    orders = await look.exchange().read(OrdersRead, Read.ORDERS, since_ms=since_ms)
    memory, _ = await look.see_memory()
    return preflight_state.fills(read.fills, orders.orders, memory)


async def _balance(look: Look) -> Finding:
    return await _settled(look, _balance_once)


async def _balance_once(look: Look) -> Finding:
    resting = await look.exchange().read(OrdersRead, Read.RESTING)
    read = await look.exchange().read(BalanceRead, Read.BALANCE)
    memory, _ = await look.see_memory()
    exclusive, utc_ns = look.settings.exchange.exclusive_account, look.clock.now().utc_ns
    return preflight_state.balance(read.balance, len(resting.orders), memory, utc_ns, exclusive=exclusive)


async def _open_orders(look: Look) -> Finding:
    first, runs = await _compare_open(look)
    looks = [first]
    while len(looks) < OPEN_LOOKS_MAX and preflight_state.undecided(looks):
        await asyncio.sleep(RECONCILE_AGAIN_S)
        again, still = await _compare_open(look)
        looks, runs = [*looks, again], runs and still
    return preflight_state.open_orders(looks, runs=runs)


async def _compare_open(look: Look) -> tuple[preflight_state.Compared, bool]:
    before, problem = await look.ask_daemon()
    if problem:
        raise UnavailableError(problem)
    read = await look.exchange().read(OrdersRead, Read.RESTING)
    after, _ = await look.ask_daemon() if before is not None else (None, "")
    exclusive = look.settings.exchange.exclusive_account
    return preflight_state.compare_open(read.orders, before, after, exclusive=exclusive), before is not None


async def _running_daemon(look: Look) -> Finding:
    frame, problem = await look.see_daemon()
    return preflight_state.running_daemon(frame, problem, look.settings, look.digest)


async def _risk_budget(look: Look) -> Finding:
    frame, _ = await look.see_daemon()
    memory, _ = await look.see_memory()
    plan = build_plan(look.settings, read_reference_data(look.settings))
    session = plan.session_date(look.clock.now().utc_ns).isoformat()
    return preflight_state.risk_budget(frame, memory, look.settings.risk.per_day_dollars, session)


async def _metrics_registry(look: Look) -> Finding:
    frame, _ = await look.see_daemon()
    if frame is not None:
        answer = await asyncio.to_thread(fetch, look.address, "/metrics/prometheus")
        return preflight_state.metrics_registry(answer.text, "running daemon")
    now = look.clock.now()
    process = Process(os.getpid(), "preflight", look.settings.mode, "", look.digest, now.utc_ns, 0, {}, {}, 0, {})
    picture = draw(build_engine(look.settings, read_reference_data(look.settings)).state, process, now)
    text = b"".join(text_parts(Metrics().collect(View(picture, ()))))
    return preflight_state.metrics_registry(text.decode(), "rendered here")


async def _disk(look: Look) -> Finding:
    return await asyncio.to_thread(_room, look.settings.state_dir)


def _room(state_dir: Path) -> Finding:
    usage = shutil.disk_usage(state_dir)
    with tempfile.TemporaryFile(dir=state_dir) as file:
        file.write(b"preflight")
        os.fsync(file.fileno())
    return preflight_state.disk(usage.free, usage.total, str(state_dir))


async def _file_limits(_look: Look) -> Finding:
    return preflight_state.file_limits(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


LOOKS: Final[dict[str, Callable[[Look], Awaitable[Finding]]]] = {
    "settings": _settings,
    "credentials": _credentials,
    "private_key": _private_key,
    "mode_host": _mode_host,
    "config_pin": _config_pin,
    "manifest": lambda look: asyncio.to_thread(look_at_manifest, look.settings),
    "exchange_reachable": _exchange_reachable,
    "exchange_authenticated": _exchange_authenticated,
    "clock_offset": _clock_offset,
    "rate_limits": _rate_limits,
    "order_groups": _order_groups,
    "control_proofs": _control_proofs,
    preflight.REHEARSAL: lambda look: asyncio.to_thread(look_at_controls, look.settings, look.clock.now()),
    "market_calendar": _market_calendar,
    "fee_agreement": _fee_agreement,
    "feed_entitlement": _feed_entitlement,
    "data_freshness": _data_freshness,
    "listing": _listing,
    "history_cache": _history_cache,
    "rest_history": _rest_history,
    "kill_switch": _kill_switch,
    "cancel_all_markers": _cancel_all_markers,
    "journal_chain": _journal_chain,
    "position_reconciliation": _positions,
    "fill_reconciliation": _fills,
    "balance_walk": _balance,
    "open_orders": _open_orders,
    "running_daemon": _running_daemon,
    "risk_budget": _risk_budget,
    "metrics_registry": _metrics_registry,
    "disk": _disk,
    "file_limits": _file_limits,
}


async def run_check(look: Look, check: Check) -> Finding:
    """One check's verdict, whatever happens in it."""
    try:
        return await LOOKS[check.name](look)
    except EXPECTED as problem:
        return Finding(check.name, UNKNOWN, str(problem))
    except Exception as problem:  # noqa: BLE001 # tidy: swallow - the one place: a check that raises FAILS, by contract
        return Finding(check.name, FAIL, f"the check itself raised {type(problem).__name__}: {problem}")
