"""Waits grow by doubling, stay within their bounds, and depend on the count of failures alone."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.rescue.cancel_all_io import CancelAllLimits
from domain.backoff import Backoff
from execution.converge import CANCEL_ALL_REFUSED, CANCEL_ALL_UNPROVEN, CANCEL_REFUSED
from execution.groups import TRIGGER_REFUSED, TRIGGER_UNPROVEN
from execution.http.http_client_io import RECONNECT
from feeds.socket_io import SocketLimits
from feeds.standby import FailoverSettings
from ops.alerts.policy import RESEND

MS = 1_000_000


@st.composite
def backoffs(draw: st.DrawFn) -> Backoff:
    first_ms = draw(st.integers(1, 5_000))
    most_ms = first_ms * draw(st.integers(1, 100)) + draw(st.integers(0, 999))
    return Backoff(first_ms, most_ms, draw(st.integers(0, 6)), draw(st.integers(0, first_ms)))


@given(backoffs())
def test_after_the_quick_tries_each_wait_doubles_up_to_the_longest(backoff: Backoff) -> None:
    waits = [backoff.wait_ns(n) for n in range(1, backoff.quick_tries + 40)]
    quick, slow = waits[: backoff.quick_tries], waits[backoff.quick_tries :]
    assert set(quick) <= {backoff.quick_ms * MS}
    assert slow[0] == backoff.first_ms * MS
    assert all(after == min(2 * before, backoff.most_ms * MS) for before, after in pairwise(slow))


@given(backoffs())
def test_a_longer_row_of_failures_never_waits_less(backoff: Backoff) -> None:
    waits = [backoff.wait_ns(n) for n in range(60)]
    assert waits == sorted(waits)
    assert waits[0] == waits[1]


@given(backoffs())
def test_the_longest_wait_comes_after_so_many_steps_and_not_before(backoff: Backoff) -> None:
    assert backoff.wait_ns(backoff.steps) == backoff.most_ms * MS
    if backoff.steps > backoff.quick_tries + 1:
        assert backoff.wait_ns(backoff.steps - 1) < backoff.most_ms * MS


@given(backoffs(), st.integers(0, 10**9), st.integers(0, 2**32))
def test_a_drawn_wait_is_between_half_and_whole_of_its_step(backoff: Backoff, failures: int, seed: int) -> None:
    whole_ns = backoff.wait_ns(failures)
    assert whole_ns / 2 - 1 <= backoff.wait_ns(failures, random.Random(seed)) <= whole_ns + 1


def test_equal_generators_wait_equally_long() -> None:
    backoff, one, two = Backoff(250, 30_000), random.Random(9), random.Random(9)
    assert [backoff.wait_ns(n, one) for n in range(9)] == [backoff.wait_ns(n, two) for n in range(9)]


@pytest.mark.parametrize(
    ("backoff", "waits_ms"),
    [
        (SocketLimits().backoff, [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]),
        (RECONNECT, [50, 100, 200, 400, 800, 1_600, 2_000, 2_000]),
        (CANCEL_REFUSED, [150, 300, 600, 1_200, 2_000, 2_000]),
        (CANCEL_ALL_REFUSED, [50] * 5 + [150, 300, 600, 1_200, 2_000, 2_000]),
        (CANCEL_ALL_UNPROVEN, [50] * 5 + [150, 300, 600, 600]),
        (TRIGGER_REFUSED, [50] * 3 + [150, 300, 600, 1_200, 1_200]),
        (TRIGGER_UNPROVEN, [0] * 3 + [150, 300, 600, 1_200, 1_200]),
        (FailoverSettings().retry, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]),
        (RESEND, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]),
        (CancelAllLimits().backoff, [100, 200, 400, 800, 1_600, 1_600]),
    ],
)
def test_everybody_keeps_his_pace(backoff: Backoff, waits_ms: list[int]) -> None:
    assert [backoff.wait_ns(n) // MS for n in range(1, len(waits_ms) + 1)] == waits_ms


@pytest.mark.parametrize("bounds", [(0, 1), (2, 1), (1, 2, 1, 2)])
def test_bounds_that_are_none_are_a_bug(bounds: tuple[int, ...]) -> None:
    with pytest.raises(AssertionError):
        Backoff(*bounds)
