from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.actions import Cleared
from domain.clock import NS_PER_MS
from domain.reasons import GateStatus, Reason
from guards.gate import CLEARED_FOR_NS, Closed, evaluate
from guards.vote import NOT_CONFIGURED, PASS, Vote, fail, unknown
from tests.guards.made import at

NOW = at(0)
FAR_NS = NOW.mono_ns + 10**12


def test_no_votes_are_no_evidence() -> None:
    assert evaluate("INXU", [], FAR_NS, NOW) == Closed((Reason.QUALITY_GATE,))


def test_guards_that_are_all_left_out_are_no_evidence_either() -> None:
    out = [("a", NOT_CONFIGURED), ("b", NOT_CONFIGURED)]
    assert evaluate("INXU", out, FAR_NS, NOW) == Closed((Reason.QUALITY_GATE,))


def test_all_passing_is_leave_for_a_quarter_of_a_second_in_this_series() -> None:
    given = evaluate("INXU", [("a", PASS), ("b", NOT_CONFIGURED)], FAR_NS, NOW)
    assert isinstance(given, Cleared)
    assert (given.series, given.not_after_mono_ns) == ("INXU", NOW.mono_ns + 250 * NS_PER_MS)


def test_leave_ends_with_what_it_rests_on() -> None:
    given = evaluate("INXU", [("a", PASS)], NOW.mono_ns + 7, NOW)
    assert isinstance(given, Cleared)
    assert given.not_after_mono_ns == NOW.mono_ns + 7
    for until_ns in (NOW.mono_ns, NOW.mono_ns - 1):
        assert evaluate("INXU", [("a", PASS)], until_ns, NOW) == Closed(()), "nothing against what rests"


@pytest.mark.parametrize("bad", [fail(Reason.FEED_STUCK, "x"), unknown(Reason.FEED_STUCK, "x")])
def test_one_vote_against_closes_wherever_it_stands(bad: Vote) -> None:
    votes = [("a", PASS), ("b", bad), ("c", NOT_CONFIGURED)]
    for order in itertools.permutations(votes):
        assert evaluate("INXU", order, FAR_NS, NOW) == Closed((Reason.FEED_STUCK,))


def test_every_reason_is_told_once_in_the_order_of_asking() -> None:
    votes = [("a", fail(Reason.PAUSED, "")), ("b", fail(Reason.FEED_STUCK, "")), ("c", fail(Reason.PAUSED, ""))]
    assert evaluate("INXU", votes, FAR_NS, NOW) == Closed((Reason.PAUSED, Reason.FEED_STUCK))


def test_a_refusal_without_a_reason_has_one() -> None:
    assert evaluate("INXU", [("a", Vote(GateStatus.FAIL))], FAR_NS, NOW) == Closed((Reason.QUALITY_GATE,))


@given(st.lists(st.sampled_from(list(GateStatus)), max_size=6), st.integers(-5, 2 * CLEARED_FOR_NS))
def test_leave_is_given_exactly_when_somebody_passes_and_nobody_objects(statuses: list[GateStatus], ahead: int) -> None:
    votes = [(str(n), Vote(status, Reason.PAUSED)) for n, status in enumerate(statuses)]
    got = evaluate("INXU", votes, NOW.mono_ns + ahead, NOW)
    objected = {GateStatus.FAIL, GateStatus.UNKNOWN} & set(statuses)
    assert isinstance(got, Cleared) is (GateStatus.PASS in statuses and not objected and ahead > 0)
    if isinstance(got, Closed) and (objected or not statuses):
        assert got.reasons
