"""`GET /ops/status`: one state and its reasons, for a supervisor that looks after many services.

The truth table of the contract is `RULES`, read from the top; the first row that matches wins. What is not known is
never fine: a kill switch that cannot be read counts as on, data never seen is worse than stale data, and a heartbeat
that nobody has seen is stale. One dead index is stale data, whichever other index ticks. Pure: facts in, document out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from domain.clock import NS_PER_S
from domain.stamps import et_text, utc_ms_text
from guards.index_freshness import IndexFreshness, worst
from ops.readiness import Permission, readiness
from ops.status import SeriesView, Status, TaskHealth

HEARTBEAT_TTL_S = 60
MS_PER_S = 1_000
HEARTBEAT_TASK = "runner"

ENDPOINTS = {
    "health": "/health",
    "ready": "/ready",
    "metrics": "/metrics",
    "ops_status": "/ops/status",
    "freshness": "/freshness",
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
    """What the truth table looks at. None means not known; no `index` at all: a service that has no market data."""

    missing: tuple[str, ...]
    execution_enabled: bool
    stopping: bool
    kill_switch: bool | None
    kill_reason: str
    market_hours: bool
    index: tuple[IndexFreshness, ...] | None
    heartbeat_age_s: float | None
    ready: bool = True
    heartbeat_ttl_s: float = HEARTBEAT_TTL_S


class StatusVerdict(msgspec.Struct, frozen=True):
    """One state, a sentence for people, and the codes for machines."""

    state: str
    summary: str
    reason_codes: tuple[str, ...]


def _stale(facts: Facts) -> list[IndexFreshness]:
    """The series whose index was seen, and not within its limit; the oldest first."""
    found = [one for one in facts.index or () if one.age_ns is not None and not one.fresh]
    return sorted(found, key=lambda one: one.age_ns or 0, reverse=True)


def _missing(facts: Facts) -> list[str]:
    """The indices that were never seen; no series at all is not knowing either."""
    if facts.index is None:
        return []
    return [one.symbol for one in facts.index if one.age_ns is None] or ([] if facts.index else ["any index"])


def _told(one: IndexFreshness) -> str:
    age = _age(None if one.age_ns is None else one.age_ns / NS_PER_S)
    return f"{one.symbol}: last value {age} ago, limit {one.limit_ms / MS_PER_S:g} s"


def _no_heartbeat(facts: Facts) -> bool:
    return facts.heartbeat_age_s is None or facts.heartbeat_age_s > facts.heartbeat_ttl_s


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
        lambda f: f.market_hours and bool(_stale(f)),
        "HALTED",
        "MARKETDATA_STALE",
        lambda f: "; ".join(_told(one) for one in _stale(f)),
    ),
    (
        lambda f: f.market_hours and bool(_missing(f)),
        "HALTED",
        "MARKETDATA_MISSING",
        lambda f: f"no value of {', '.join(_missing(f))} seen since the start",
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


def verdict(facts: Facts) -> StatusVerdict:
    """The first row of the table that matches; OK when none does."""
    for matches, state, code, summary in RULES:
        if matches(facts):
            return StatusVerdict(state, summary(facts), (code,) if code else ())
    return StatusVerdict("OK", "all is well" if facts.ready else "running, but orders are held back by gates", ())


def heartbeat_age_s(tasks: tuple[TaskHealth, ...]) -> float | None:
    """Seconds since the runner made progress; None while it never has, whatever other tasks do."""
    return next((task.age_s for task in tasks if task.name == HEARTBEAT_TASK and task.began), None)


def index_age_s(picture: Status) -> float | None:
    """Age of the oldest index of all series in seconds; None when one was never seen, or there is no series."""
    oldest = worst(view.freshness for view in picture.series)
    return None if oldest is None or oldest.age_ns is None else oldest.age_ns / NS_PER_S


def facts_of(
    picture: Status,
    tasks: tuple[TaskHealth, ...],
    identity: Identity,
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
        index=tuple(view.freshness for view in picture.series),
        heartbeat_age_s=heartbeat_age_s(tasks),
        ready=is_ready(picture),
    )


def is_ready(picture: Status) -> bool:
    """Whether orders could be sent now or at the next window."""
    return picture.ready


def ops_status(
    picture: Status,
    tasks: tuple[TaskHealth, ...],
    identity: Identity,
) -> dict[str, Any]:
    """The whole document of `GET /ops/status`, ready to be written as JSON."""
    facts = facts_of(picture, tasks, identity)
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
            "last_updated_utc": utc_ms_text(picture.now.utc_ns),
        },
        "heartbeat": _heartbeat(picture, facts),
        "marketdata": _marketdata(facts),
        "safety": _safety(picture, outcome),
        "window": _window(picture.series),
        "feeds": [
            {
                "name": feed.name,
                "host": feed.host,
                "state": feed.state,
                "active": feed.active,
                "reason": feed.reason,
                "set_aside": feed.set_aside,
                "ages_ms": feed.ages_ms,
            }
            for feed in picture.feeds
        ],
        "orders": _orders(picture),
        "endpoints": ENDPOINTS,
    }


def _heartbeat(picture: Status, facts: Facts) -> dict[str, Any]:
    age_s = facts.heartbeat_age_s
    last = None if age_s is None else utc_ms_text(picture.now.utc_ns - round(age_s * NS_PER_S))
    return {
        "last_heartbeat_utc": last,
        "age_seconds": None if age_s is None else round(age_s, 3),
        "ttl_seconds": HEARTBEAT_TTL_S,
    }


def _marketdata(facts: Facts) -> dict[str, Any] | None:
    """The oldest index speaks for all; None while no index was ever seen."""
    index = facts.index or ()
    oldest = worst(index)
    seen = [one.received_utc_ns for one in index if one.received_utc_ns is not None]
    if oldest is None or not seen:
        return None
    return {
        "last_tick_utc": None if oldest.received_utc_ns is None else utc_ms_text(oldest.received_utc_ns),
        "stale_threshold_seconds": oldest.limit_ms / MS_PER_S,
        "is_fresh": all(one.fresh for one in index),
        "series": [_index(one) for one in index],
    }


def _index(one: IndexFreshness) -> dict[str, Any]:
    return {
        "series": one.series,
        "symbol": one.symbol,
        "feed": one.feed,
        "received_utc": None if one.received_utc_ns is None else utc_ms_text(one.received_utc_ns),
        "age_seconds": None if one.age_ns is None else one.age_ns / NS_PER_S,
        "limit_seconds": one.limit_ms / MS_PER_S,
        "basis": one.basis,
        "is_fresh": one.fresh,
    }


def _safety(picture: Status, outcome: StatusVerdict) -> dict[str, Any]:
    answer = readiness(picture)
    reasons = list(outcome.reason_codes) + [gate.reason or gate.name for gate in answer.against]
    return {
        "kill_switch": picture.kill_switch,
        "safe_to_run_strategies": outcome.state in MAY_RUN_STRATEGIES,
        "safe_to_execute_orders": outcome.state == "OK" and answer.verdict is Permission.MAY_QUOTE,
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
    return None if utc_ns is None else et_text(utc_ns)


def _orders(picture: Status) -> dict[str, Any]:
    states: dict[str, int] = {}
    for order in picture.orders:
        states[order.state] = states.get(order.state, 0) + 1
    return {"may_be_live": len(picture.orders), "by_state": states, "cancel_all_active": picture.cancel_all.active}
