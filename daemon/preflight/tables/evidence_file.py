"""One look at one file of evidence, and every way in which it is none. Pure: bytes in, a finding out.

A file proves something only while it is there, whole, young, made for this environment and, where that is asked, for
this very configuration and build. Each of these has its own words, so that who reads the finding knows what to do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final, NamedTuple

from domain.clock import NS_PER_S
from domain.door import Refused, one_line
from domain.findings.finding import DUE_LATER, FAIL, PASS, UNKNOWN, Finding, read_findings
from domain.stamps import parse_rfc3339, utc_text

AHEAD_LIMIT_S: Final = 5


class Ours(NamedTuple):
    """What runs here: evidence of anything else is not ours."""

    environment: str
    config_hash: str
    build_id: str
    lock_hash: str


class Evidence(NamedTuple):
    """A file as it lay there."""

    path: str
    data: bytes
    mtime_ns: int


class Told(NamedTuple):
    """What a file says of itself: its verdict (nothing when all is well), when, and for whom it was made."""

    against: str
    taken_ns: int
    environment: str
    config_hash: str
    build_id: str


class FileLook(NamedTuple):
    """One line of a table. `remedy`: the command that makes the file; `same_build`: it counts for this build alone."""

    name: str
    limit_s: int
    remedy: str
    same_build: bool
    read: Callable[[bytes], Told]


def judge(look: FileLook, found: Evidence | None, ours: Ours, now_ns: int) -> Finding:
    """The finding of one look. What is not there is UNKNOWN; what is there and proves nothing is FAIL."""
    if found is None:
        return Finding(look.name, UNKNOWN, f"no evidence: {look.remedy}", None, look.limit_s)
    sha256, mtime = hashlib.sha256(found.data).hexdigest(), utc_text(found.mtime_ns)
    rests_on = (found.path, sha256, mtime)
    if not found.data.strip():
        return Finding(look.name, FAIL, "its file is empty", None, look.limit_s, *rests_on)
    try:
        told = look.read(found.data)
    except (Refused, ValueError) as problem:
        return Finding(look.name, FAIL, one_line(f"cannot be read: {problem}"), None, look.limit_s, *rests_on)
    except Exception as problem:  # noqa: BLE001 # tidy: swallow - a look that raises FAILS, by contract
        said = one_line(f"the look itself raised {type(problem).__name__}: {problem}")
        return Finding(look.name, FAIL, said, None, look.limit_s, *rests_on)
    age_s = (now_ns - told.taken_ns) / NS_PER_S
    against = _against(look, told, ours, age_s)
    return Finding(look.name, FAIL if against else PASS, against or "holds", age_s, look.limit_s, *rests_on)


def _against(look: FileLook, told: Told, ours: Ours, age_s: float) -> str:
    if told.environment != ours.environment:
        return f"of {told.environment or 'no environment'}, not of {ours.environment}"
    if look.same_build and (told.config_hash, told.build_id) != (ours.config_hash, ours.build_id):
        theirs = f"{told.config_hash[:12]} in build {told.build_id}"
        return f"of configuration {theirs}, not of {ours.config_hash[:12]} in build {ours.build_id}"
    if age_s < -AHEAD_LIMIT_S:
        return f"taken {-age_s:.0f} s from now: a clock was wrong"
    if age_s > look.limit_s:
        return f"too old: {age_s:.0f} s, limit {look.limit_s} s; {look.remedy}"
    return told.against


def of_findings(table: str) -> Callable[[bytes], Told]:
    """How a kept table of findings is read: its worst lines, and whose it is. Raises Refused for another table."""

    def read(data: bytes) -> Told:
        kept = read_findings(data)
        if kept.table != table:
            raise Refused(f"a table of {kept.table}, not of {table}")
        if not kept.checks:
            raise Refused("a table without a line")
        lines = [one.line() for one in kept.checks if one.blocks or one.status is DUE_LATER]
        against = "; ".join(lines) or ("" if kept.ok else f"exit code {kept.exit_code}")
        return Told(against, parse_rfc3339(kept.checked_utc), kept.environment, kept.config_hash, kept.build_id)

    return read
