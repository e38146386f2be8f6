from __future__ import annotations

import pytest

from domain.clock import NS_PER_S
from execution.list_lag import BEHIND_NS, SAMPLES_MAX, SETTLE_MAX_NS, SETTLE_NS, ListLag

S = NS_PER_S


def learned(*lags_s: float) -> ListLag:
    lag = ListLag()
    for each in lags_s:
        lag.learn(round(each * S), 100 * S)
    return lag


@pytest.mark.parametrize(
    ("lags_s", "settle_s"), [((), 1), ((0.4,), 1), ((0.4, 4.0), 4), ((0.1, 7.5), 7.5), ((9.0,), 8), ((3600.0,), 8)]
)
def test_settle_is_learned_with_a_floor_and_a_cap(lags_s: tuple[float, ...], settle_s: float) -> None:
    assert learned(*lags_s).settle_ns == settle_s * S


def test_one_late_list_in_a_hundred_is_forgotten_and_two_are_not() -> None:
    assert learned(5.0, *[0.2] * (SAMPLES_MAX - 1)).settle_ns == SETTLE_NS
    assert learned(5.0, 5.0, *[0.2] * (SAMPLES_MAX - 2)).settle_ns == 5 * S
    assert learned(5.0, 5.0, *[0.2] * SAMPLES_MAX).settle_ns == SETTLE_NS


def test_further_behind_than_can_be_waited_for_is_unknown_for_a_while() -> None:
    lag = learned(8.0)
    assert not lag.behind(100 * S)
    lag.learn(SETTLE_MAX_NS + 1, 100 * S)
    assert lag.behind(100 * S + BEHIND_NS - 1)
    assert not lag.behind(100 * S + BEHIND_NS)
