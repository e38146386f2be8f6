"""The checks before trading: one table, and for each line a pure verdict over what the world was seen to be.

What a finding may say: domain/findings/finding.py. NOT_CONFIGURED is also for what exists in
live mode alone. Looking at the world is preflight_io's; no verdict here reads a file, a clock or a socket.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from daemon.settings.tree import Settings
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.errors import EX_CONFIG, EX_NOT_OK, EX_OK, EX_UNAVAILABLE
from domain.events import ClockSample, FeesRead, GroupsRead, LimitsRead
from domain.findings.finding import BLOCKING, FAIL, NOT_CONFIGURED, PASS, UNKNOWN, Finding, FindingStatus
from domain.hosts import DEMO_HOSTS, LIVE_HOSTS, is_loopback
from guards.calendar import NyseCalendar
from guards.clock_trust import ClockTrust
from pricing.fees import FeeFile, agreement

CONFIGURATION: Final = frozenset({"settings", "credentials", "private_key", "mode_host"})

REHEARSAL: Final = "rehearsal"
CALENDAR_SPARE_DAYS: Final = 14
PROOF_LIMIT_NS: Final = 24 * 3600 * NS_PER_S


class Check(NamedTuple):
    """One line of the table: its name, whether `--apis` and `--data` look at it alone, and what it asks."""

    name: str
    areas: frozenset[str]
    asks: str


def _check(name: str, asks: str, *areas: str) -> Check:
    return Check(name, frozenset(areas), asks)


CHECKS: Final[tuple[Check, ...]] = (
    _check("settings", "configuration readable, every key known, every value in range", "apis", "data"),
    _check("credentials", "every secret named is there", "apis", "data"),
    _check("private_key", "the exchange's key can be used and is its owner's alone", "apis"),
    _check("mode_host", "the exchange's host fits the mode"),
    _check("config_pin", "the configuration is the approved one"),
    _check("manifest", "build, lock, configuration and risk limits are the released ones"),
    _check("exchange_reachable", "the exchange answers, is up and trading", "apis"),
    _check("exchange_authenticated", "our key is accepted", "apis"),
    _check("clock_offset", "our clock against the exchange's"),
    _check("rate_limits", "budgets read, and enough to flatten"),
    _check("order_groups", "order groups can be listed and none is forgotten"),
    _check("control_proofs", "the controls were proven by live orders (--orders)"),
    _check(REHEARSAL, "each control bites in an engine of this build and configuration"),
    _check("market_calendar", "trading days known and undisputed", "data"),
    _check("fee_agreement", "fee file and exchange agree, nothing planned"),
    _check("feed_entitlement", "the index vendor accepts our key for real-time values", "apis", "data"),
    _check("data_freshness", "index values are new", "data"),
    _check("listing", "today's markets were listed and saved today", "data"),
    _check("history_cache", "the index history kept at a start is younger than a day", "data"),
    _check("rest_history", "both feeds' REST side answers with history", "data"),
    _check("kill_switch", "nobody says stop"),
    _check("cancel_all_markers", "no cancel-all under way or in its tail"),
    _check("journal_chain", "the journal is whole"),
    _check("position_reconciliation", "the exchange's positions are ours"),
    _check("fill_reconciliation", "every fill of the last day is booked, and ours"),
    _check("balance_walk", "the balance is what was booked, to the cent"),
    _check("open_orders", "the exchange's resting orders are the daemon's"),
    _check("running_daemon", "a daemon that runs here is healthy and has this configuration"),
    _check("risk_budget", "the day's loss limit is not used up"),
    _check("metrics_registry", "metrics render, with every required name"),
    _check("disk", "room on the state directory's disk, and it can be written"),
    _check("file_limits", "enough files may be open"),
)


def chosen(*, apis: bool, data: bool) -> tuple[Check, ...]:
    """The checks to run: all of them, or the ones of the areas asked for."""
    wanted = {name for name, on in (("apis", apis), ("data", data)) if on}
    return CHECKS if not wanted else tuple(check for check in CHECKS if check.areas & wanted)


def exit_code(findings: Iterable[Finding], *, asked: bool, heard: bool) -> int:
    """0 nothing blocks; 78 the configuration does; 69 the exchange was asked and never answered; else 1."""
    blocking = {finding.name for finding in findings if finding.status in BLOCKING}
    if blocking & CONFIGURATION:
        return EX_CONFIG
    if asked and not heard:
        return EX_UNAVAILABLE
    return EX_NOT_OK if blocking else EX_OK


# --- configuration -----------------------------------------------------------------------------------------------


def credentials(settings: Settings) -> Finding:
    """Which secrets are there, by name; never a value."""
    exchange, feeds = settings.exchange, settings.feeds
    found = {
        "LADDERD_EXCHANGE__API_KEY_ID": exchange.api_key_id is not None,
        "LADDERD_EXCHANGE__PRIVATE_KEY or _FILE": exchange.private_key is not None
        or exchange.private_key_file is not None,
    }
    for place, feed in (("primary", feeds.primary), ("secondary", feeds.secondary)):
        if feed is not None:
            found[f"LADDERD_FEEDS__API_KEY ({place})"] = feeds.key_of(feed) is not None
    missing = [name for name, there in found.items() if not there]
    if missing:
        return Finding("credentials", FAIL, f"missing: {', '.join(missing)}; put them into .env.local")
    return Finding("credentials", PASS, f"set: {', '.join(found)}")


def mode_host(settings: Settings, host: str) -> Finding:
    """Live mode has live hosts, paper mode demo hosts or this machine."""
    fits = host in LIVE_HOSTS if settings.mode == "live" else is_loopback(host) or host in DEMO_HOSTS
    return Finding("mode_host", PASS if fits else FAIL, f"{settings.mode} mode, exchange {host}")


def config_pin(settings: Settings, approved: str | None, digest: str) -> Finding:
    """The approved hash equals the effective configuration's. `approved` is None when no pin is there."""
    name = "config_pin"
    if approved is None:
        if settings.mode == "live":
            return Finding(name, UNKNOWN, f"{digest[:12]} is not approved; run ladderd config pin --by YOU --cause WHY")
        return Finding(name, NOT_CONFIGURED, "no pin in paper mode")
    if approved != digest:
        said = f"approved {approved[:12] or 'nothing'}, effective {digest[:12]}"
        return Finding(name, FAIL, f"{said}; look with ladderd config show, approve with ladderd config pin")
    return Finding(name, PASS, f"hash {digest[:12]} is the approved one")


def market_calendar(
    settings: Settings, table: Mapping[dt.date, int | None] | None, calendar: NyseCalendar | None, today: dt.date
) -> Finding:
    """The committed table is there, agrees with the package, and reaches far enough ahead."""
    name = "market_calendar"
    if settings.windows.template != "hourly":
        return Finding(name, NOT_CONFIGURED, "short windows come every day")
    if table is None or calendar is None:
        return Finding(name, FAIL, f"{settings.calendar_file}: cannot be read; the committed table is needed")
    differing = calendar.disagreements()
    if differing:
        return Finding(name, FAIL, f"{differing[0]} ({len(differing)} days differ)")
    spare = (calendar.known_until - today).days
    said = f"{len(table)} days agree with the package, known until {calendar.known_until}"
    if spare < CALENDAR_SPARE_DAYS:
        return Finding(name, FAIL, f"{said}: {spare} days ahead, at least {CALENDAR_SPARE_DAYS} are needed")
    return Finding(name, PASS, said)


# --- the exchange ------------------------------------------------------------------------------------------------


def clock_offset(sample: ClockSample | None, now: Now) -> Finding:
    """The daemon's own guard, asked about one measurement."""
    if sample is None:
        return Finding("clock_offset", UNKNOWN, "no answer of the exchange carried its time")
    trust = ClockTrust()
    trust.look(now)
    trust.observe(sample.offset_ns, sample.uncertainty_ns, now)
    vote = trust.vote(now)
    measured = f"{sample.offset_ns // NS_PER_MS} +- {sample.uncertainty_ns // NS_PER_MS} ms"
    return Finding(
        "clock_offset", FindingStatus(vote.status.value), f"{measured}; {vote.detail}" if vote.detail else measured
    )


def rate_limits(limits: LimitsRead, orders_max: int, groups: int) -> Finding:
    """The write bucket can flatten twice over what may rest, and still place one order."""
    needed = 2 * (groups * limits.group_cost + orders_max * limits.cancel_cost + limits.cancel_cost)
    said = (
        f"tier {limits.tier}: writes {limits.write_refill_per_s}/s, bucket {limits.write_capacity};"
        f" reads {limits.read_refill_per_s}/s; place {limits.place_cost}, cancel {limits.cancel_cost},"
        f" group {limits.group_cost} tokens; to flatten {needed}"
    )
    enough = limits.write_capacity >= needed + limits.place_cost and limits.write_refill_per_s > 0
    return Finding("rate_limits", PASS if enough else FAIL, said)


def order_groups(read: GroupsRead, known: frozenset[str] | None) -> Finding:
    """Groups can be listed; those that nobody here knows are named, for they may hold orders."""
    strangers = sorted({group.group_id for group in read.groups} - (known or frozenset()))
    said = f"{len(read.groups)} groups at the exchange"
    if strangers:
        return Finding("order_groups", FAIL, f"{said}, unknown here: {', '.join(strangers[:3])}; run cancel-all")
    return Finding("order_groups", PASS, said)


def control_proofs(proofs: Mapping[str, int], controls: tuple[str, ...], now: Now, *, live: bool) -> Finding:
    """Every control was proven within a day, by orders of ours."""
    name = "control_proofs"
    missing = [control for control in controls if control not in proofs]
    if missing:
        if live or proofs:
            return Finding(name, UNKNOWN, f"not proven: {', '.join(missing)}; run ladderd preflight --orders")
        return Finding(name, NOT_CONFIGURED, "no live proof in paper mode; ladderd preflight --orders makes one")
    ages_ns = {control: now.utc_ns - proofs[control] for control in controls}
    oldest = max(controls, key=lambda control: ages_ns[control])
    fits = all(0 <= age_ns <= PROOF_LIMIT_NS for age_ns in ages_ns.values())
    return Finding(name, PASS if fits else FAIL, f"oldest proof: {oldest}", ages_ns[oldest] / NS_PER_S)


def fee_agreement(file: FeeFile | None, reads: Iterable[FeesRead]) -> Finding:
    """For every series the exchange's terms are the file's, and no change of them is planned."""
    said: list[str] = []
    worst = PASS
    for read in reads:
        judged = agreement(file, read.series, read.fee_type, read.multiplier_ppm)
        problem = "; ".join(part for part in (judged.problem, read.problem) if part)
        if problem:
            worst = FAIL
        terms = f"{read.fee_type} x {read.multiplier_ppm / 1e6:g}"
        said.append(f"{read.series} {terms}{': ' if problem or judged.warning else ''}{problem or judged.warning}")
    if not said:
        return Finding("fee_agreement", UNKNOWN, "no series was asked for")
    return Finding("fee_agreement", worst, "; ".join(said))
