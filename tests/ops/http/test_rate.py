from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.clock import NS_PER_S
from ops.http.rate import CLIENTS_MAX, RateLimit


def test_sixty_pass_and_the_next_waits_out_the_minute() -> None:
    limit = RateLimit()
    assert [limit.ask("a", second * NS_PER_S // 2) for second in range(60)] == [0] * 60
    assert limit.ask("a", 30 * NS_PER_S) == 30
    assert limit.ask("b", 30 * NS_PER_S) == 0
    assert limit.ask("a", 60 * NS_PER_S - 1) == 1
    assert limit.ask("a", 60 * NS_PER_S) == 0


@given(st.lists(st.integers(min_value=0, max_value=400), max_size=400))
def test_no_stretch_of_a_minute_ever_holds_more_than_the_limit(steps: list[int]) -> None:
    limit, now_s, granted = RateLimit(limit=5), 0, []
    for step in steps:
        now_s += step % 20
        if not limit.ask("a", now_s * NS_PER_S):
            granted.append(now_s)
    assert all(late - early >= 60 for early, late in zip(granted, granted[5:], strict=False))


@given(st.integers(min_value=1, max_value=60 * NS_PER_S - 1))
def test_waiting_as_told_is_enough(at_ns: int) -> None:
    limit = RateLimit(limit=1)
    limit.ask("a", 0)
    wait_s = limit.ask("a", at_ns)
    assert limit.ask("a", at_ns + wait_s * NS_PER_S) == 0


def test_clients_are_bounded() -> None:
    limit = RateLimit(limit=1)
    for number in range(CLIENTS_MAX + 10):
        limit.ask(str(number), 0)
    assert limit.ask("0", 1) == 0  # forgotten: the price of a bound
    assert limit.ask(str(CLIENTS_MAX + 9), 1) > 0
