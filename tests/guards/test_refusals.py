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
    assert [many.news for many in told(refusals, *range(5))] == [True]
    again = told(refusals, *(5 + i / 10 for i in range(14)))
    assert again, "it is still so"
    assert not any(many.news for many in again)
    assert [many.ticker for many in told(refusals, *(64.1 + i for i in range(5))) if many.news] == ["A"]


@pytest.mark.parametrize(("under_way", "room"), [(0, True), (9, True), (10, False)])
def test_what_is_under_way_could_be_refused_too(under_way: int, room: bool) -> None:  # noqa: FBT001 - a case
    refusals = Refusals()
    told(refusals, *(i / 10 for i in range(10)))
    assert refusals.room(2 * S, under_way) is room
    assert refusals.room(62 * S, under_way), "a minute later they are old"


def test_without_a_refusal_there_is_room_for_any_number() -> None:
    assert Refusals().room(0, 100)


def test_what_is_old_is_forgotten() -> None:
    refusals = Refusals()
    for number in range(1000):
        refusals.refused(f"M{number}", number * 61 * S)
    assert told(refusals, *(61_000 + i for i in range(4)), ticker="M999") == []
