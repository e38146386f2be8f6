"""The release manifest: the build, the lock, the configuration and the risk limits that somebody released. Pure.

`ladderd manifest` writes it. Live, the preflight wants what runs to be what it names, so a configuration that it does
not name is not armed and opens no window; no process refuses to start for it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from daemon.preflight.tables.evidence_file import Ours
from domain.door import DOCUMENT_BYTES_MAX, Door, Refused
from domain.findings.finding import FAIL, NOT_CONFIGURED, PASS, UNKNOWN, Finding

NAME: Final = "manifest"
REMEDY: Final = "run ladderd manifest --by YOU --cause WHY"


class Manifest(msgspec.Struct, frozen=True):
    """What was released, when, by whom and why."""

    build_id: str
    lock_hash: str
    config_hash: str
    environment: str
    risk: dict[str, Any]
    made_utc: str
    by: str
    cause: str


_read: Final = Door(Manifest, DOCUMENT_BYTES_MAX).read


def manifest_finding(data: bytes | None, ours: Ours, risk: dict[str, Any], *, live: bool) -> Finding:
    """Whether what runs is what the manifest names. `data` is None where there is no manifest."""
    if data is None:
        if live:
            return Finding(NAME, UNKNOWN, f"there is none; {REMEDY}")
        return Finding(NAME, NOT_CONFIGURED, "no manifest in paper mode")
    try:
        named = _read(data)
    except Refused as problem:
        return Finding(NAME, FAIL, f"cannot be read: {problem}; {REMEDY}")
    found: dict[str, tuple[str | dict[str, Any], str | dict[str, Any]]] = {
        "build": (named.build_id, ours.build_id),
        "lock": (named.lock_hash, ours.lock_hash),
        "configuration": (named.config_hash, ours.config_hash),
        "environment": (named.environment, ours.environment),
        "risk limits": (named.risk, risk),
    }
    wrong = [
        f"{what} {_short(theirs)} is named, {_short(mine)} is here"
        for what, (theirs, mine) in found.items()
        if theirs != mine or not mine
    ]
    if wrong:
        return Finding(NAME, FAIL, f"{'; '.join(wrong)}; {REMEDY}")
    return Finding(
        NAME, PASS, f"names build {named.build_id} and configuration {named.config_hash[:12]}, by {named.by}"
    )


def _short(value: str | dict[str, Any]) -> str:
    return (value[:12] or "nothing") if isinstance(value, str) else f"a set of {len(value)}"
