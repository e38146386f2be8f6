from __future__ import annotations

import msgspec
import pytest

from domain.money import Cash
from execution.balance import BalanceRecord, BalanceWalk

OPENING, CENT = 10_000_000_000, 10_000


def opened() -> BalanceWalk:
    walk = BalanceWalk()
    assert walk.look(Cash(OPENING), Cash(0), 10, 5)
    return walk


def twice(walk: BalanceWalk, balance: int, paid_in: int, asked_ns: int, changed_ns: int) -> None:
    assert not walk.look(Cash(balance), Cash(paid_in), asked_ns, changed_ns)
    assert walk.look(Cash(balance), Cash(paid_in), asked_ns + 1, changed_ns)


def test_what_was_booked_is_what_the_balance_changed_by() -> None:
    walk = opened()
    for paid_in in (-400_000, 600_000 - 17_500, 0):
        assert walk.look(Cash(OPENING + paid_in), Cash(paid_in), 20, 15)
    assert (walk.gap, walk.suspected) == (0, 0)


@pytest.mark.parametrize("gap", [1, -1, CENT, -250 * 100 * CENT])
def test_one_look_proves_nothing_and_two_name_the_gap(gap: int) -> None:
    walk = opened()
    twice(walk, OPENING + gap, 0, 20, 5)
    assert (walk.gap, walk.moved) == (gap, True)
    assert walk.look(Cash(OPENING), Cash(0), 30, 5), "it came back by itself"
    assert (walk.gap, walk.moved) == (0, False)


def test_two_looks_that_differ_from_each_other_name_nothing() -> None:
    walk = opened()
    assert not walk.look(Cash(OPENING + 5), Cash(0), 20, 5)
    assert not walk.look(Cash(OPENING + 6), Cash(0), 21, 5)
    assert walk.gap == 0


@pytest.mark.parametrize(("paid_in", "changed_ns"), [(600_000, 5), (0, 11)])
def test_a_gap_after_something_of_ours_happened_is_no_moved_cash(paid_in: int, changed_ns: int) -> None:
    walk = opened()
    twice(walk, OPENING + paid_in - CENT, paid_in, 20, changed_ns)
    assert (walk.gap, walk.moved) == (-CENT, False)


def test_a_second_unexplained_movement_is_no_single_one() -> None:
    walk = opened()
    twice(walk, OPENING + CENT, 0, 20, 5)
    assert walk.moved
    twice(walk, OPENING + 3 * CENT, 0, 30, 5)
    assert (walk.gap, walk.moved) == (3 * CENT, False)


def test_adopted_the_exchanges_balance_is_the_truth_from_then_on() -> None:
    walk = opened()
    twice(walk, OPENING + CENT, 0, 20, 5)
    walk.adopt()
    assert (walk.gap, walk.moved) == (0, False)
    assert walk.look(Cash(OPENING + CENT), Cash(0), 30, 5)
    twice(walk, OPENING, 0, 40, 5)
    assert (walk.gap, walk.moved) == (-CENT, True)


@pytest.mark.parametrize(("live", "changed_ns", "moved"), [(False, 5, True), (True, 5, False), (False, 15, False)])
def test_the_walk_goes_on_over_a_restart(live: bool, changed_ns: int, moved: bool) -> None:  # noqa: FBT001 - a case
    text = msgspec.json.encode(opened().record(changed_ns, live=live))
    walk = BalanceWalk()
    walk.restore(msgspec.json.decode(text, type=BalanceRecord))
    twice(walk, OPENING - CENT, 0, 3, 0)
    assert (walk.gap, walk.moved) == (-CENT, moved)
    again = BalanceWalk()
    again.restore(walk.record(0, live=False))
    assert again.look(Cash(OPENING - CENT), Cash(0), 3, 0)
    assert (again.gap, again.moved) == (-CENT, moved)
