from __future__ import annotations

from domain.actions import Ask, Read
from domain.clock import NS_PER_S
from execution.numbers import Numbers
from execution.reads import PATIENCE_NS, RETRY_NS, Key, Reads

FILLS, FEES = Key(Read.FILLS), Key(Read.FEES, "INXU")
S = NS_PER_S


def made() -> Reads:
    return Reads(Numbers())


def test_a_read_is_asked_at_once_then_at_its_pace_and_never_twice_at_a_time() -> None:
    reads = made()
    reads.pace(FILLS, 30 * S, 5)
    (ask,) = reads.due(5, 77)
    assert ask == Ask(ask.request_id, Read.FILLS, "", 0, 77)
    assert reads.due(6, 77) == []
    assert reads.answered(ask.request_id, 10) == FILLS
    assert reads.due(5 + 30 * S - 1, 77) == []
    assert len(reads.due(5 + 30 * S, 77)) == 1


def test_what_was_asked_for_while_one_is_under_way_is_asked_again_after_it() -> None:
    reads = made()
    reads.pace(FILLS, 30 * S, 0)
    (ask,) = reads.due(0, 0)
    reads.soon(FILLS, 5)
    reads.answered(ask.request_id, 10)
    assert len(reads.due(10, 0)) == 1


def test_sooner_than_its_pace_but_not_later() -> None:
    reads = made()
    reads.pace(FILLS, 30 * S, 0)
    reads.answered(reads.due(0, 0)[0].request_id, 1)
    reads.soon(FILLS, 5 * S)
    reads.soon(FILLS, 9 * S)
    assert reads.due(5 * S - 1, 0) == []
    assert len(reads.due(5 * S, 0)) == 1
    reads.soon(FEES, 0)
    assert FEES not in reads.slots


def test_a_failed_read_is_asked_again_soon_and_tells_nothing() -> None:
    reads = made()
    reads.pace(FILLS, 30 * S, 0)
    reads.failed(reads.due(0, 0)[0].request_id, 10)
    assert reads.age_ns(FILLS, 10) is None
    assert reads.due(10 + RETRY_NS - 1, 0) == []
    assert len(reads.due(10 + RETRY_NS, 0)) == 1


def test_an_answer_that_never_comes_is_given_up_and_its_late_arrival_counts_for_nothing() -> None:
    reads = made()
    reads.pace(FILLS, 30 * S, 0)
    (lost,) = reads.due(0, 0)
    assert reads.due(PATIENCE_NS - 1, 0) == []
    (again,) = reads.due(PATIENCE_NS, 0)
    assert reads.answered(lost.request_id, PATIENCE_NS + 1) is None
    assert reads.age_ns(FILLS, PATIENCE_NS + 1) is None
    assert reads.answered(again.request_id, PATIENCE_NS + 2) == FILLS


def test_a_shorter_pace_takes_effect_at_once_a_longer_one_after_the_next() -> None:
    reads = made()
    reads.pace(FILLS, 300 * S, 0)
    reads.answered(reads.due(0, 0)[0].request_id, 1)
    reads.pace(FILLS, 30 * S, 100 * S)
    assert len(reads.due(100 * S, 0)) == 1


def test_a_dropped_read_is_forgotten_with_its_request() -> None:
    reads = made()
    reads.pace(FEES, S, 0)
    (ask,) = reads.due(0, 0)
    reads.drop(FEES)
    reads.drop(FEES)
    assert reads.answered(ask.request_id, 1) is None
    assert reads.slots == {}
    assert reads.by_request == {}


def test_the_age_counts_from_the_answer() -> None:
    reads = made()
    reads.pace(FILLS, S, 0)
    reads.answered(reads.due(0, 0)[0].request_id, 40)
    assert reads.age_ns(FILLS, 100) == 60


def test_the_next_deadline_lies_ahead_and_something_is_due_then() -> None:
    reads = made()
    assert reads.next_deadline(0) is None
    reads.pace(FILLS, S, 0)
    reads.pace(FEES, S, 0)
    now_ns = 0
    for _ in range(20):
        for ask in reads.due(now_ns, 0):
            if ask.what is Read.FILLS:
                reads.answered(ask.request_id, now_ns)
        due_ns = reads.next_deadline(now_ns)
        assert due_ns is not None
        assert due_ns > now_ns
        now_ns = due_ns
        assert reads.due(now_ns, 0)
