"""`GET /ops/status`: one state and its reasons, for a supervisor that looks after many services.

The truth table of the contract is `RULES`, read from the top; the first row that matches wins. What is not known is
never fine: a kill switch that cannot be read counts as on, data never seen is worse than stale data, and a heartbeat
that nobody has seen is stale. Pure: facts in, document out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from domain.clock import NS_PER_S
from ops.iso import iso_et, iso_utc
from ops.status import SeriesView, Status, TaskHealth

HEARTBEAT_TTL_S = 60
MARKETDATA_STALE_S = 120.0  # the same limit as a decision's `marketdata_stale_or_missing`
HEARTBEAT_TASK = "runner"

ENDPOINTS = {
    "health": "/health",
    "ready": "/ready",
    "metrics": "/metrics",
    "ops_status": "/ops/status",
    "picture": "/picture",
    "events": "/events",
    "page": "/",
}


class Identity(msgspec.Struct, frozen=True):
    """Who this service is. `git_sha` may be left empty in a release: the build id then stands for it."""

    service_name: str = "ladderd"
    service_kind: str = "market_maker"
    repo_id: str = "ladderd"
    git_sha: str = ""


class Facts(msgspec.Struct, frozen=True):
    """What the truth table looks at. None means not known."""

    missing: tuple[str, ...]
    execution_enabled: bool
    stopping: bool
    kill_switch: bool | None
    kill_reason: str
    market_hours: bool
    tick_age_s: float | None
    stale_after_s: float
    heartbeat_age_s: float | None
    ready: bool = True


class Verdict(msgspec.Struct, frozen=True):
    """One state, a sentence for people, and the codes for machines."""

    state: str
    summary: str
    reason_codes: tuple[str, ...]


def _stale(facts: Facts) -> bool:
    return facts.tick_age_s is not None and facts.tick_age_s > facts.stale_after_s


def _no_heartbeat(facts: Facts) -> bool:
    return facts.heartbeat_age_s is None or facts.heartbeat_age_s > HEARTBEAT_TTL_S


def _age(age_s: float | None) -> str:
    return "unknown" if age_s is None else f"{age_s:.1f} s"


Rule = tuple[Callable[[Facts], bool], str, str, Callable[[Facts], str]]

RULES: tuple[Rule, ...] = (
    (
        lambda f: bool(f.missing),
        "UNKNOWN",
        "REQUIRED_FIELDS_MISSING",
        lambda f: f"not known: {', '.join(f.missing)}",
    ),
    (
        lambda f: not f.execution_enabled,
        "OFFLINE",
        "EXECUTION_DISABLED",
        lambda _: "execution is disabled by configuration",
    ),
    (lambda f: f.stopping, "OFFLINE", "PROCESS_DOWN", lambda _: "the process is going down"),
    (
        lambda f: f.kill_switch is not False,
        "HALTED",
        "KILL_SWITCH",
        lambda f: f"kill switch: {f.kill_reason or 'cannot be read'}",
    ),
    (
        lambda f: f.market_hours and _stale(f),
        "HALTED",
        "MARKETDATA_STALE",
        lambda f: f"last index value {_age(f.tick_age_s)} ago, limit {f.stale_after_s:g} s",
    ),
    (
        lambda f: f.market_hours and f.tick_age_s is None,
        "HALTED",
        "MARKETDATA_MISSING",
        lambda _: "no index value seen since the start",
    ),
    (
        _no_heartbeat,
        "DEGRADED",
        "HEARTBEAT_STALE",
        lambda f: f"last heartbeat {_age(f.heartbeat_age_s)} ago, limit {HEARTBEAT_TTL_S} s",
    ),
    (lambda f: not f.market_hours, "MARKET_CLOSED", "", lambda _: "the market is closed"),
)

MAY_RUN_STRATEGIES = frozenset({"OK", "MARKET_CLOSED"})


def verdict(facts: Facts) -> Verdict:
    """The first row of the table that matches; OK when none does."""
    for matches, state, code, summary in RULES:
        if matches(facts):
            return Verdict(state, summary(facts), (code,) if code else ())
    return Verdict("OK", "all is well" if facts.ready else "running, but orders are held back by gates", ())


def heartbeat_age_s(tasks: tuple[TaskHealth, ...]) -> float | None:
    """Seconds since the runner made progress; the slowest task speaks where none has that name; None without tasks."""
    ages = [task.age_s for task in tasks if task.name == HEARTBEAT_TASK] or [task.age_s for task in tasks]
    return max(ages, default=None)


def tick_age_s(picture: Status) -> float | None:
    """Seconds since the newest index value of any symbol, by the wall clock of the picture; None when never seen."""
    if picture.last_tick_utc_ns is None:
        return None
    return max(0, picture.now.utc_ns - picture.last_tick_utc_ns) / NS_PER_S


def facts_of(
    picture: Status,
    tasks: tuple[TaskHealth, ...],
    identity: Identity,
    stale_after_s: float = MARKETDATA_STALE_S,
) -> Facts:
    """What the table needs, taken from the picture."""
    required = {
        "service_name": identity.service_name,
        "service_kind": identity.service_kind,
        "repo_id": identity.repo_id,
        "git_sha": identity.git_sha or picture.build_id,
        "build_id": picture.build_id,
        "config_hash": picture.config_hash,
        "pid": picture.pid,
    }
    return Facts(
        missing=tuple(name for name, value in required.items() if not value),
        execution_enabled=picture.execution_enabled,
        stopping=picture.stopping,
        kill_switch=picture.kill_switch,
        kill_reason=picture.kill_reason,
        market_hours=picture.market_hours,
        tick_age_s=tick_age_s(picture),
        stale_after_s=stale_after_s,
        heartbeat_age_s=heartbeat_age_s(tasks),
        ready=is_ready(picture),
    )


def is_ready(picture: Status) -> bool:
    """Whether orders could be sent now or at the next window. No gate at all is not a pass."""
    return bool(picture.gates) and picture.ready and not picture.stopping


def ops_status(
    picture: Status,
    tasks: tuple[TaskHealth, ...],
    identity: Identity,
    stale_after_s: float = MARKETDATA_STALE_S,
) -> dict[str, Any]:
    """The whole document of `GET /ops/status`, ready to be written as JSON."""
    facts = facts_of(picture, tasks, identity, stale_after_s)
    outcome = verdict(facts)
    return {
        "service_name": identity.service_name,
        "service_kind": identity.service_kind,
        "pid": picture.pid,
        "repo_id": identity.repo_id,
        "git_sha": identity.git_sha or picture.build_id,
        "build_id": picture.build_id,
        "config_hash": picture.config_hash,
        "mode": picture.mode,
        "status": {
            "state": outcome.state,
            "summary": outcome.summary,
            "reason_codes": list(outcome.reason_codes),
            "last_updated_utc": iso_utc(picture.now.utc_ns),
        },
        "heartbeat": _heartbeat(picture, facts),
        "marketdata": _marketdata(picture, facts),
        "safety": _safety(picture, outcome),
        "window": _window(picture.series),
        "feeds": [
            {
                "name": feed.name,
                "host": feed.host,
                "state": feed.state,
                "active": feed.active,
                "reason": feed.reason,
                "ages_ms": feed.ages_ms,
            }
            for feed in picture.feeds
        ],
        "orders": _orders(picture),
        "endpoints": ENDPOINTS,
    }


def _heartbeat(picture: Status, facts: Facts) -> dict[str, Any]:
    age_s = facts.heartbeat_age_s
    last = None if age_s is None else iso_utc(picture.now.utc_ns - round(age_s * NS_PER_S))
    return {
        "last_heartbeat_utc": last,
        "age_seconds": None if age_s is None else round(age_s, 3),
        "ttl_seconds": HEARTBEAT_TTL_S,
    }


def _marketdata(picture: Status, facts: Facts) -> dict[str, Any] | None:
    if picture.last_tick_utc_ns is None:
        return None
    return {
        "last_tick_utc": iso_utc(picture.last_tick_utc_ns),
        "stale_threshold_seconds": facts.stale_after_s,
        "is_fresh": not _stale(facts),
    }


def _safety(picture: Status, outcome: Verdict) -> dict[str, Any]:
    blocking = [gate for gate in picture.gates if gate.status not in {"PASS", "NOT_CONFIGURED"}]
    reasons = list(outcome.reason_codes) + [gate.reason or gate.name for gate in blocking]
    return {
        "kill_switch": picture.kill_switch,
        "safe_to_run_strategies": outcome.state in MAY_RUN_STRATEGIES,
        "safe_to_execute_orders": outcome.state == "OK" and is_ready(picture),
        "gating_reasons": list(dict.fromkeys(reasons)),
    }


def _window(series: tuple[SeriesView, ...]) -> dict[str, Any] | None:
    """The window whose target comes first, with every series that shares it."""
    views = [view for view in series if view.window is not None and view.target_ns is not None]
    if not views:
        return None
    first = min(views, key=lambda view: view.target_ns or 0)
    return {
        "label": first.window,
        "phase": first.phase,
        "series": [view.name for view in views if view.window == first.window and view.target_ns == first.target_ns],
        "start_et": _et(first.opens_ns),
        "freshness_strict_et": _et(first.strict_ns),
        "flatten_at_et": _et(first.flatten_ns),
        "freeze_et": _et(first.freeze_ns),
        "target_et": _et(first.target_ns),
        "seconds_to_freeze": first.seconds_to_freeze,
    }


def _et(utc_ns: int | None) -> str | None:
    return None if utc_ns is None else iso_et(utc_ns)


def _orders(picture: Status) -> dict[str, Any]:
    states: dict[str, int] = {}
    for order in picture.orders:
        states[order.state] = states.get(order.state, 0) + 1
    return {"may_be_live": len(picture.orders), "by_state": states, "cancel_all_active": picture.cancel_all.active}
