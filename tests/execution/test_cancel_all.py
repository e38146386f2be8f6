from __future__ import annotations

import itertools

import pytest

from execution.cancel_all import TABLE, CancelAllProgress, Happened, Stage

UNDER_WAY = (Stage.LOOKING, Stage.ASKED, Stage.SENT, Stage.ACKNOWLEDGED)


def at(stage: Stage) -> CancelAllProgress:
    one = CancelAllProgress()
    one.stage = stage
    return one


def test_every_stage_knows_what_follows_whatever_happens() -> None:
    assert set(TABLE) == set(itertools.product(Stage, Happened))


@pytest.mark.parametrize("case", [case for case, follower in TABLE.items() if follower is None])
def test_what_is_impossible_is_asserted_and_changes_nothing(case: tuple[Stage, Happened]) -> None:
    one = at(case[0])
    with pytest.raises(AssertionError, match="cancel-all"):
        one.apply(case[1])
    assert one.stage is case[0]


def test_the_whole_way_from_a_request_to_its_proof() -> None:
    one = CancelAllProgress()
    one.reason, one.failures = "operator_cli", 3
    seen = [one.under_way]
    for happened in (Happened.ASK, Happened.SEND, Happened.SEND, Happened.ACKNOWLEDGE, Happened.PROVE):
        one.apply(happened)
        seen.append(one.under_way)
    assert seen == [False, True, True, True, True, False]
    assert (one.stage, one.reason, one.failures) == (Stage.PROVEN, "", 0)


def test_only_what_is_asked_and_not_acknowledged_is_sent() -> None:
    assert {stage for stage in Stage if at(stage).to_send} == {Stage.ASKED, Stage.SENT}


def test_what_outlives_it_is_asked_for_again_also_after_a_mere_look() -> None:
    for stage in UNDER_WAY:
        one = at(stage)
        one.apply(Happened.OUTLIVED)
        assert one.to_send


def test_a_look_never_takes_back_a_request_and_a_request_overrules_a_look() -> None:
    for stage in UNDER_WAY[1:]:
        one = at(stage)
        one.apply(Happened.LOOK)
        assert one.stage is stage
    look = at(Stage.LOOKING)
    look.apply(Happened.ASK)
    assert look.to_send


def test_a_late_answer_proves_nothing_and_starts_nothing() -> None:
    for stage in (Stage.NEVER, Stage.LOOKING, Stage.PROVEN):
        one = at(stage)
        one.apply(Happened.ACKNOWLEDGE)
        assert one.stage is stage


def test_a_tail_never_grows_shorter_and_ends_at_its_instant() -> None:
    one = CancelAllProgress()
    one.extend_tail(100)
    one.extend_tail(50)
    assert one.tail_until_utc_ns == 100
    assert (one.in_tail(99), one.in_tail(100)) == (True, False)
