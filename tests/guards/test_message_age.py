"""How old the exchange's messages are, and what that closes."""

from __future__ import annotations

from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.reasons import Reason
from guards.message_age import BOOKS, FILLS, ExchangeTime, MessageAges

MS, S = NS_PER_MS, NS_PER_S
AHEAD = ExchangeTime(300 * MS, 100 * MS)


def now(at_ms: int) -> Now:
    return Now(at_ms * MS, at_ms * MS)


def told(ages: MessageAges, at_ms: int, age_ms: int, channel: str = BOOKS, name: str = "T") -> bool:
    """A message that was sent `age_ms` ago by the exchange's clock."""
    return ages.observe(channel, name, at_ms + 300 - age_ms, now(at_ms), AHEAD)


def test_two_late_messages_running_are_stale_and_a_timely_one_ends_it() -> None:
    ages = MessageAges()
    assert not told(ages, 10_000, 2_100), "the limit, with the uncertainty"
    assert not told(ages, 10_000, 2_101), "the first"
    assert told(ages, 10_100, 2_101)
    assert not told(ages, 10_200, 100)
    assert not told(ages, 10_300, 5_000), "counted anew"


def test_one_late_message_that_nothing_timely_follows_for_a_second_is_stale() -> None:
    ages = MessageAges()
    told(ages, 10_000, 5_000)
    assert ages.next_deadline(now(10_000)) == 11 * S
    assert ages.turned(now(10_999)) == []
    assert ages.turned(now(11_000)) == ["T"]
    assert ages.turned(now(11_001)) == [], "told once"


def test_each_market_is_judged_by_its_own_messages() -> None:
    ages = MessageAges()
    told(ages, 10_000, 5_000, name="A")
    assert not told(ages, 10_001, 5_000, name="B")
    assert told(ages, 10_002, 5_000, name="A")


def test_late_news_of_fills_closes_the_gate_and_it_opens_when_cooled() -> None:
    ages = MessageAges()
    assert ages.vote(FILLS, now(1)).open
    for at in (10_000, 10_001):
        told(ages, at, 8_000, FILLS, "")
    vote = ages.vote(FILLS, now(10_002))
    assert (vote.open, vote.reason, vote.age_ns) == (False, Reason.MESSAGES_LATE, 8 * S)
    told(ages, 10_500, 10, FILLS, "")
    assert not ages.vote(FILLS, now(20_000)).open
    assert ages.vote(FILLS, now(20_001)).open


def test_without_a_stamp_or_the_exchanges_time_nothing_is_judged() -> None:
    ages = MessageAges()
    for at in range(10_000, 10_005):
        assert not ages.observe(BOOKS, "T", 0, now(at), AHEAD)
        assert not ages.observe(BOOKS, "T", 1, now(at), None)
    assert ages.vote(BOOKS, now(11_000)).age_ns is None


def test_news_that_was_late_does_not_stay_late_until_something_happens_that_cannot() -> None:
    ages = MessageAges()
    for at in (10_000, 10_001):
        told(ages, at, 8_000, FILLS, "")
    assert ages.next_deadline(now(10_001)) == 20_001 * MS
    ages.turned(now(20_001))
    assert ages.vote(FILLS, now(20_001)).open
    assert ages.next_deadline(now(20_001)) is None
    assert not told(ages, 30_000, 8_000, FILLS, ""), "counted anew"
