"""Proposals from outside, each judged once: APPROVE or REJECT, with every reason that is against it.

A proposal is one line of JSON. Its judge sends nothing and asks nobody: the facts are handed in. Reasons stand in one
order, so that two runs over the same facts write the same line. What cannot be read is rejected, never skipped.
Source: docs/contracts.md, Decisions.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Collection
from typing import Annotated, Any, Final

import msgspec

from domain.clock import NS_PER_S
from domain.door import Door, Refused
from domain.stamps import parse_rfc3339, utc_ms_text

INDEX_AGE_MAX_NS: Final = 120 * NS_PER_S
LINE_BYTES_MAX: Final = 64 * 1024
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class RejectReason(enum.StrEnum):
    """Why a proposal is rejected; in the order in which they are listed."""

    SCHEMA_INVALID = "proposal_schema_invalid"
    KILL_SWITCH = "kill_switch_enabled"
    INDEX_STALE = "marketdata_stale_or_missing"
    NEEDS_APPROVAL = "requires_human_approval"
    EXPIRED = "proposal_expired"
    GATE_CLOSED = "gate_closed"


class Proposal(msgspec.Struct, frozen=True):
    """What somebody proposes; further fields are let through unread. `valid_until_utc` is RFC 3339."""

    proposal_id: _Name
    valid_until_utc: str
    requires_human_approval: bool
    order: dict[str, Any]
    correlation_id: _Name | None = None


_proposals: Final = Door(Proposal, LINE_BYTES_MAX)


class SafetySnapshot(msgspec.Struct, frozen=True):
    """What was known when a proposal was judged. `marketdata_last_ts`: of the index that is oldest; None when none."""

    kill_switch: bool
    marketdata_fresh: bool
    marketdata_last_ts: str | None
    mode: str


class ProposalDecision(msgspec.Struct, frozen=True):
    """The one line that a proposal gets. `recommended_order` is the proposed one, None when rejected."""

    proposal_id: str
    correlation_id: str
    decision: str
    reject_reason_codes: tuple[RejectReason, ...]
    notes: str
    recommended_order: dict[str, Any] | None
    safety_snapshot: SafetySnapshot
    decision_id: str
    decided_at_utc: str


class _Decided(msgspec.Struct, frozen=True):
    """What tells that a proposal has its line."""

    proposal_id: str


_decisions: Final = Door(_Decided, 4 * LINE_BYTES_MAX)


def decided_id(line: bytes) -> str | None:
    """Whose decision a written line is; None for a line that is none, such as a torn one."""
    try:
        return _decisions.read(line).proposal_id
    except Refused:
        return None


def safety(mode: str, *, killed: bool, index_came_ns: int | None, now_ns: int) -> SafetySnapshot:
    """The facts at an instant. An index of 120 s exactly is fresh; one that comes from the future is not."""
    fresh = index_came_ns is not None and 0 <= now_ns - index_came_ns <= INDEX_AGE_MAX_NS
    return SafetySnapshot(killed, fresh, None if index_came_ns is None else utc_ms_text(index_came_ns), mode)


def identify(line: bytes) -> str:
    """The proposal's own name; for a line that has none, a name made of its bytes."""
    try:
        return _proposals.read(line).proposal_id
    except Refused:
        return f"line-{_digest(line)}"


def judge_proposal(line: bytes, facts: SafetySnapshot, now_ns: int) -> ProposalDecision:
    """Judge one line of at most `LINE_BYTES_MAX` bytes, without its end. Never raises."""
    try:
        proposal = _proposals.read(line)
        valid_until_ns = parse_rfc3339(proposal.valid_until_utc)
        if not proposal.order:
            return _rejected(line, facts, now_ns, "order is empty")
    except ValueError as problem:  # Refused is one
        return _rejected(line, facts, now_ns, str(problem))
    against = {
        RejectReason.KILL_SWITCH: facts.kill_switch,
        RejectReason.INDEX_STALE: not facts.marketdata_fresh,
        RejectReason.NEEDS_APPROVAL: proposal.requires_human_approval,
        RejectReason.EXPIRED: now_ns > valid_until_ns,
    }
    reasons = tuple(reason for reason in RejectReason if against.get(reason))
    return ProposalDecision(
        proposal.proposal_id,
        proposal.correlation_id or proposal.proposal_id,
        "REJECT" if reasons else "APPROVE",
        reasons,
        "",
        None if reasons else proposal.order,
        facts,
        f"d-{_digest(line)}",
        utc_ms_text(now_ns),
    )


def judge_own(
    name: str,
    correlation_id: str,
    order: dict[str, Any],
    against: Collection[RejectReason],
    notes: str,
    facts: SafetySnapshot,
    now_ns: int,
) -> ProposalDecision:
    """The line of a proposal of the daemon's own, whose reasons are known; they stand in the one order."""
    reasons = tuple(reason for reason in RejectReason if reason in against)
    verdict = "REJECT" if reasons else "APPROVE"
    ident, recommended = f"d-{_digest(name.encode())}", None if reasons else order
    at = utc_ms_text(now_ns)
    return ProposalDecision(name, correlation_id, verdict, reasons, notes, recommended, facts, ident, at)


def _rejected(line: bytes, facts: SafetySnapshot, now_ns: int, why: str) -> ProposalDecision:
    name = identify(line)
    reasons = (RejectReason.SCHEMA_INVALID,)
    ident, at = f"d-{_digest(line)}", utc_ms_text(now_ns)
    return ProposalDecision(name, name, "REJECT", reasons, why, None, facts, ident, at)


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:16]
