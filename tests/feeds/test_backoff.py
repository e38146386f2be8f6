"""Waits grow, stay within their bounds, and begin anew only when told that a connection proved itself."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from feeds.backoff import Backoff

MS = 1_000_000


@given(st.integers(0, 2**32), st.integers(1, 5_000), st.integers(1, 100))
def test_each_wait_is_between_half_and_whole_of_a_doubling_step(seed: int, first_ms: int, factor: int) -> None:
    most_ms = first_ms * factor
    backoff = Backoff(random.Random(seed), first_ms, most_ms)
    for attempt in range(40):
        whole_ms = min(first_ms * 2**attempt, most_ms)
        assert whole_ms * MS / 2 - 1 <= backoff.next_wait_ns() <= whole_ms * MS + 1
    assert backoff.failures == 40


def test_a_proven_connection_forgets_the_failures() -> None:
    backoff = Backoff(random.Random(1), 100, 10_000)
    for _ in range(5):
        backoff.next_wait_ns()
    backoff.proven()
    assert backoff.failures == 0
    assert backoff.next_wait_ns() <= 100 * MS


def test_equal_generators_wait_equally_long() -> None:
    one, two = Backoff(random.Random(9)), Backoff(random.Random(9))
    assert [one.next_wait_ns() for _ in range(9)] == [two.next_wait_ns() for _ in range(9)]
