from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clock import NS_PER_MS, NS_PER_S, Now
from execution.budget import Budget


def a_budget(refill: int = 300, capacity: int = 900) -> Budget:
    budget = Budget()
    budget.learn(0, refill_per_s=refill, capacity=capacity, place_cost=10, cancel_cost=2, group_cost=10)
    return budget


def test_closed_when_it_knows_nothing() -> None:
    assert not Budget().may_place(0, 0, 0)


def test_places_stop_before_the_reserve_and_cancels_do_not() -> None:
    budget = a_budget()
    placed = 0
    while budget.may_place(0, placed, 1):
        budget.quoted(10, 0)
        placed += 1
    assert placed
    assert budget.tokens_milli >= budget.reserve(placed, 1) * 1000
    before = budget.tokens_milli
    budget.spend(2, 0)
    assert budget.tokens_milli == before - 2_000


@pytest.mark.step("X12")
def test_a_place_never_takes_what_is_kept_for_the_cancels() -> None:
    budget, live_orders, groups = a_budget(), 20, 2
    kept = budget.reserve(live_orders, groups)
    budget.spend(budget.tokens_milli // 1_000 - kept - 10, 0)
    assert budget.may_place(0, live_orders, groups)
    budget.spend(1, 0)
    assert not budget.may_place(0, live_orders, groups), "one token of the reserve"
    assert budget.affords(kept, 0), "every group, every order and two cancel-alls can still leave"


def test_quoting_never_takes_more_than_half_of_the_rate_for_long() -> None:
    budget = a_budget()
    spent = 0
    for step in range(1_000):
        now_ns = step * 10 * NS_PER_MS
        while budget.may_place(now_ns, 0, 1):
            budget.quoted(10, now_ns)
            spent += 10
    assert spent <= 900 // 2 + 10 * 300 // 2 + 10


def test_a_refusal_for_tokens_empties_the_bucket_whatever_we_reckoned() -> None:
    budget = a_budget()
    budget.refused(0)
    assert not budget.may_place(0, 0, 0)
    assert budget.may_place(2 * NS_PER_S, 0, 0)


def test_waiting_as_long_as_told_is_enough() -> None:
    budget = a_budget()
    budget.refused(0)
    assert budget.may_place(budget.wait_ns(0, 0), 0, 0)


def taken_over(after_s: int, *, mono_s: int = 0) -> Budget:
    """A budget of 300 a second, emptied at 100 s, and what the next run makes of it so much later."""
    budget = a_budget()
    budget.refused(NS_PER_S)
    kept = budget.record(Now(NS_PER_S, 100 * NS_PER_S))
    assert kept is not None
    found = Budget()
    found.restore(kept, Now(mono_s * NS_PER_S, (100 + after_s) * NS_PER_S))
    assert not found.known
    mono_ns = mono_s * NS_PER_S
    found.learn(mono_ns, refill_per_s=300, capacity=900, place_cost=10, cancel_cost=2, group_cost=10)
    return found


def test_a_restart_goes_on_with_the_bucket_and_what_flowed_in_by_the_wall_clock() -> None:
    assert taken_over(1).tokens_milli == 300_000
    assert taken_over(1, mono_s=7_000).tokens_milli == 300_000, "monotonic clocks begin anew with the machine"
    assert taken_over(60).tokens_milli == 900_000
    assert taken_over(60).quoting_milli == 450_000


def test_a_wall_clock_set_back_fills_nothing() -> None:
    assert taken_over(-50).tokens_milli == 0


def test_what_was_never_known_is_not_remembered() -> None:
    assert Budget().record(Now(1, 1)) is None


@given(st.lists(st.tuples(st.integers(0, NS_PER_S), st.integers(0, 2_000)), max_size=50))
def test_tokens_stay_between_nothing_and_the_bucket(acts: list[tuple[int, int]]) -> None:
    budget, now_ns = a_budget(), 0
    for waited_ns, cost in acts:
        now_ns += waited_ns
        budget.spend(cost, now_ns)
        assert 0 <= budget.tokens_milli <= 900_000
