from __future__ import annotations

import pytest

from domain.clock import NS_PER_S
from guards.refusals import ACCOUNT, Refusals, TooMany

S = NS_PER_S


def told(refusals: Refusals, *at_s: float, ticker: str = "A") -> list[TooMany]:
    return [many for at in at_s for many in refusals.refused(ticker, round(at * S))]


def test_five_of_one_market_in_ten_seconds_are_too_many() -> None:
    refusals = Refusals()
    assert told(refusals, 0, 2.5, 5, 7.5) == []
    assert told(refusals, 10) == [TooMany("A", 5, 10)]


@pytest.mark.parametrize("last_s", [10.1, 20.0])
def test_spread_over_more_they_are_not(last_s: float) -> None:
    assert told(Refusals(), 0, 2.5, 5, 7.5, last_s) == []


def test_each_market_is_counted_alone_and_all_of_them_for_the_account() -> None:
    refusals = Refusals()
    found = [many for i in range(20) for many in refusals.refused(f"M{i % 10}", i * S)]
    assert found == [TooMany(ACCOUNT, 20, 60)]


def test_what_was_told_is_quiet_for_a_minute_and_then_told_again() -> None:
    refusals = Refusals()
    assert len(told(refusals, *range(5))) == 1
    assert told(refusals, *(5 + i / 10 for i in range(14))) == []
    assert [many.ticker for many in told(refusals, *(64.1 + i for i in range(5)))] == ["A"]


def test_what_is_old_is_forgotten() -> None:
    refusals = Refusals()
    for number in range(1000):
        refusals.refused(f"M{number}", number * 61 * S)
    assert told(refusals, *(61_000 + i for i in range(4)), ticker="M999") == []
