from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.clock import NS_PER_MS, NS_PER_S
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


@given(st.lists(st.tuples(st.integers(0, NS_PER_S), st.integers(0, 2_000)), max_size=50))
def test_tokens_stay_between_nothing_and_the_bucket(acts: list[tuple[int, int]]) -> None:
    budget, now_ns = a_budget(), 0
    for waited_ns, cost in acts:
        now_ns += waited_ns
        budget.spend(cost, now_ns)
        assert 0 <= budget.tokens_milli <= 900_000
