"""`GET /ops/status` of the outside watcher: the same document as the daemon's, told by who looks at it from outside.

The state comes from the same truth table (`ops_status.RULES`). What the watcher cannot know is null or empty, never
fine: it has no index (`marketdata` null), knows of no orders, and never says that orders are safe to send. `heartbeat`
is the daemon's progress as the watcher has seen it, with the watcher's own limit as its ttl; `last_updated_utc` is the
last look. The watcher's hours have no end, so it never says MARKET_CLOSED. Pure: facts in, document out.
"""

from __future__ import annotations

from typing import Any

import msgspec

from domain.clock import NS_PER_S, Now
from domain.stamps import utc_ms_text
from ops.ops_status import Facts, Identity, verdict

WATCHER_KIND = "watcher"
ENDPOINTS = {"ops_status": "/ops/status"}
ONLY_WATCHES = "ONLY_WATCHES"


class WatcherIdentity(msgspec.Struct, frozen=True):
    """Which code and configuration this watcher is, as the daemon's own document says it of the daemon."""

    pid: int
    build_id: str
    config_hash: str
    mode: str
    execution_enabled: bool
    service: Identity = Identity(service_name="ladderd-watch", service_kind=WATCHER_KIND)


class LastLook(msgspec.Struct, frozen=True):
    """The last look. `progress_mono_ns`: when the daemon's journal was last seen to grow, None for never."""

    at: Now
    progress_mono_ns: int | None
    ended: bool
    kill_switch: bool
    kill_reason: str


def watcher_status(who: WatcherIdentity, look: LastLook | None, limit_s: float, now: Now) -> dict[str, Any]:
    """The whole document, ready to be written as JSON. Without a look nothing is known, and that halts."""
    age_s = _progress_age_s(look, now)
    outcome = verdict(_facts(who, look, age_s, limit_s))
    codes = list(outcome.reason_codes)
    return {
        "service_name": who.service.service_name,
        "service_kind": who.service.service_kind,
        "pid": who.pid,
        "repo_id": who.service.repo_id,
        "git_sha": who.service.git_sha or who.build_id,
        "build_id": who.build_id,
        "config_hash": who.config_hash,
        "mode": who.mode,
        "status": {
            "state": outcome.state,
            "summary": _summary(outcome.reason_codes, age_s, limit_s) or outcome.summary,
            "reason_codes": codes,
            "last_updated_utc": None if look is None else utc_ms_text(look.at.utc_ns),
        },
        "heartbeat": {
            "last_heartbeat_utc": None if age_s is None else utc_ms_text(now.utc_ns - round(age_s * NS_PER_S)),
            "age_seconds": None if age_s is None else round(age_s, 3),
            "ttl_seconds": limit_s,
        },
        "marketdata": None,
        "safety": {
            "kill_switch": None if look is None else look.kill_switch,
            "safe_to_run_strategies": False,
            "safe_to_execute_orders": False,
            "gating_reasons": [*codes, ONLY_WATCHES],
        },
        "window": None,
        "feeds": [],
        "orders": {"may_be_live": None, "by_state": {}, "cancel_all_active": None},
        "endpoints": ENDPOINTS,
    }


def _progress_age_s(look: LastLook | None, now: Now) -> float | None:
    if look is None or look.progress_mono_ns is None:
        return None
    return (now.mono_ns - look.progress_mono_ns) / NS_PER_S


def _facts(who: WatcherIdentity, look: LastLook | None, age_s: float | None, limit_s: float) -> Facts:
    required = {"pid": who.pid, "build_id": who.build_id, "config_hash": who.config_hash}
    return Facts(
        missing=tuple(name for name, value in required.items() if not value),
        execution_enabled=who.execution_enabled,
        stopping=look is not None and look.ended,
        kill_switch=None if look is None else look.kill_switch,
        kill_reason="nobody has looked yet" if look is None else look.kill_reason,
        market_hours=True,
        index=None,
        heartbeat_age_s=age_s,
        heartbeat_ttl_s=limit_s,
    )


def _summary(codes: tuple[str, ...], age_s: float | None, limit_s: float) -> str:
    """What the table's own sentence would tell of another process, or with another limit."""
    if not codes:
        return "the daemon makes progress"
    if codes[0] == "PROCESS_DOWN":
        return "the daemon has ended in order"
    if codes[0] != "HEARTBEAT_STALE":
        return ""
    if age_s is None:
        return "no progress of the daemon seen since the watcher's start"
    return f"the daemon has made no progress for {age_s:.1f} s, limit {limit_s:g} s"
