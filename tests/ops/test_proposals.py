"""A proposal's one line: which reasons stand against it, in which order, and that no bytes are too odd to be judged."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clock import NS_PER_S
from domain.stamps import parse_rfc3339
from ops.proposals import (
    LINE_BYTES_MAX,
    RejectReason,
    SafetySnapshot,
    decided_id,
    identify,
    judge_proposal,
    safety,
)

NOW_NS = parse_rfc3339("2026-11-30T15:00:00Z")
FINE = safety("paper", killed=False, index_came_ns=NOW_NS - NS_PER_S, now_ns=NOW_NS)
WORST = safety("live", killed=True, index_came_ns=None, now_ns=NOW_NS)
ORDER = {"ticker": "KXINXU-1", "side": "bid", "count": "1.00", "price": "0.4500"}


def proposal(**changed: object) -> bytes:
    whole: dict[str, Any] = {
        "proposal_id": "p-1", "valid_until_utc": "2026-11-30T15:00:00Z", "requires_human_approval": False,
        "order": ORDER,
    }  # fmt: skip
    return json.dumps(whole | changed).encode()


def test_what_nothing_is_against_is_approved_with_the_order_as_it_was_proposed() -> None:
    told = judge_proposal(proposal(correlation_id="c-9", strategy="any"), FINE, NOW_NS)
    assert (told.decision, told.reject_reason_codes, told.recommended_order) == ("APPROVE", (), ORDER)
    assert (told.proposal_id, told.correlation_id, told.decided_at_utc) == ("p-1", "c-9", "2026-11-30T15:00:00.000Z")


@pytest.mark.step("A08")
def test_every_reason_is_told_in_its_order() -> None:
    told = judge_proposal(proposal(requires_human_approval=True), WORST, NOW_NS + 1)
    assert told.reject_reason_codes == (
        "kill_switch_enabled", "marketdata_stale_or_missing", "requires_human_approval", "proposal_expired",
    )  # fmt: skip
    assert (told.decision, told.recommended_order, told.safety_snapshot) == ("REJECT", None, WORST)


@pytest.mark.parametrize(
    ("age_ns", "fresh"), [(0, True), (120 * NS_PER_S, True), (120 * NS_PER_S + 1, False), (-1, False)]
)
def test_an_index_of_two_minutes_exactly_is_fresh_and_one_from_the_future_is_not(age_ns: int, *, fresh: bool) -> None:
    facts = safety("paper", killed=False, index_came_ns=NOW_NS - age_ns, now_ns=NOW_NS)
    assert facts.marketdata_fresh is fresh
    assert (judge_proposal(proposal(), facts, NOW_NS).decision == "APPROVE") is fresh


@pytest.mark.parametrize(("late_ns", "reasons"), [(0, ()), (1, (RejectReason.EXPIRED,))])
def test_a_proposal_is_valid_to_the_instant_it_names(late_ns: int, reasons: tuple[RejectReason, ...]) -> None:
    assert judge_proposal(proposal(), FINE, NOW_NS + late_ns).reject_reason_codes == reasons


BAD = [
    b"", b"{", b"[]", b"null", b'"p-1"', b"\xff\xfe{}", b"[" * 40_000, b'{"proposal_id":' * 9_000, b"\x00",
    proposal(proposal_id=""), proposal(proposal_id="x" * 129), proposal(proposal_id=7), proposal(order=[]),
    proposal(order={}), proposal(order=None), proposal(requires_human_approval="no"), proposal(valid_until_utc="soon"),
    proposal(valid_until_utc="2026-13-01T00:00:00Z"), proposal(valid_until_utc="2026-11-30 15:00"),
    proposal(valid_until_utc="9999-12-31T23:59:59+99:99"), proposal(order={"x": "y" * LINE_BYTES_MAX}),
    b'{"proposal_id":"\\ud800","valid_until_utc":"x","requires_human_approval":false,"order":{"a":1}}',
]  # fmt: skip


@pytest.mark.step("A08")
@pytest.mark.parametrize("line", BAD, ids=range(len(BAD)))
@pytest.mark.parametrize("facts", [FINE, WORST], ids=["fine", "worst"])
def test_what_is_no_proposal_is_rejected_as_that_and_nothing_else(line: bytes, facts: SafetySnapshot) -> None:
    told = judge_proposal(line, facts, NOW_NS)
    assert (told.decision, told.reject_reason_codes) == ("REJECT", ("proposal_schema_invalid",))
    assert told.notes
    assert told.proposal_id


@given(st.binary(max_size=400) | st.integers(0, 200).flatmap(lambda at: st.binary(max_size=3).map(
    lambda odd: proposal()[:at] + odd + proposal()[at + 1:])))  # fmt: skip
def test_any_bytes_are_judged_once_and_the_same_each_time(line: bytes) -> None:
    told = judge_proposal(line, FINE, NOW_NS)
    assert told.decision in {"APPROVE", "REJECT"}
    assert (told.decision == "APPROVE") == (told.reject_reason_codes == ())
    assert told == judge_proposal(line, FINE, NOW_NS)
    assert told.proposal_id == identify(line)


@pytest.mark.parametrize(
    ("line", "name"), [(b'{"proposal_id":"p-1"}', "p-1"), (b'{"proposal_id":"p-', None), (b"", None), (b"\xff", None)]
)
def test_a_torn_line_decides_nothing(line: bytes, name: str | None) -> None:
    assert decided_id(line) == name
