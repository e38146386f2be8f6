"""The score of the providers of data: from what the engine saw, per day, over a restart."""

from __future__ import annotations

import datetime as dt

import pytest

from daemon.engine.memory import remember, restore
from daemon.settings.build import build_engine
from domain.clock import NS_PER_S
from domain.stamps import NEW_YORK
from feeds.scores import GRACE_NS, Tally
from tests.daemon.exchange import BASE
from tests.daemon.stand import Stand

S = NS_PER_S


def score(stand: Stand) -> dict[str, tuple[int, int]]:
    return {name: (tally.looks, tally.good) for name, tally in stand.engine.state.scores.tallies.items()}


def missed(stand: Stand, name: str) -> int:
    looks, good = score(stand)[name]
    return looks - good


def fall_back(stand: Stand, for_ns: int = 5 * S) -> None:
    """The primary says nothing for a while, then comes back and is believed again."""
    stand.feeding["massive"] = set()
    stand.run(for_ns)
    stand.feeding["massive"] = set(BASE)
    stand.run(10 * S)
    assert stand.engine.state.failover.active == "massive"


@pytest.mark.step("K29")
def test_a_provider_that_serves_is_well_in_every_second_after_the_start() -> None:
    stand = Stand()
    stand.run(GRACE_NS + 20 * S)
    assert {good == looks for looks, good in score(stand).values()} == {True}
    assert {looks for looks, _ in score(stand).values()} <= {20, 21}
    assert set(score(stand)) == {"massive", "polygon", "exchange"}


@pytest.mark.step("K29")
def test_seconds_without_a_fresh_value_are_missed_by_the_silent_feed_alone() -> None:
    stand = Stand()
    stand.run(GRACE_NS + 20 * S)
    fall_back(stand)
    assert 3 <= missed(stand, "massive") <= 5
    assert missed(stand, "polygon") == missed(stand, "exchange") == 0


@pytest.mark.step("K29")
def test_seconds_without_its_stream_are_missed_by_the_exchange() -> None:
    stand = Stand()
    stand.run(GRACE_NS + 20 * S)
    stand.stream(up=False)
    stand.run(5 * S)
    stand.stream(up=True)
    stand.run(5 * S)
    assert 4 <= missed(stand, "exchange") <= 6
    assert missed(stand, "massive") == missed(stand, "polygon") == 0


@pytest.mark.step("K29")
def test_each_turn_to_the_secondary_is_a_fallback_and_the_return_is_none() -> None:
    stand = Stand()
    stand.run(GRACE_NS)
    for expected in (1, 2):
        fall_back(stand)
        assert stand.engine.state.scores.fallbacks == expected
    assert stand.engine.state.failover.switches == 4


@pytest.mark.step("K29")
def test_a_restart_within_the_session_goes_on_with_the_score() -> None:
    stand = Stand()
    stand.run(GRACE_NS + 10 * S)
    fall_back(stand)
    before = score(stand)
    stand.crash(2 * S)
    assert score(stand) == before
    assert stand.engine.state.scores.fallbacks == 1
    stand.run(GRACE_NS + 10 * S)
    assert score(stand)["polygon"][0] > before["polygon"][0]
    assert missed(stand, "polygon") == 0, "what connects after our own start is not the provider's miss"


@pytest.mark.step("K29")
def test_another_session_starts_at_zero_at_midnight_of_new_york() -> None:
    stand = Stand()
    stand.run(GRACE_NS + 10 * S)
    fall_back(stand)
    day = dt.datetime.fromtimestamp(stand.utc_ns // S, NEW_YORK).date() + dt.timedelta(days=1)
    midnight_ns = int(dt.datetime.combine(day, dt.time(), NEW_YORK).timestamp()) * S
    stand.wait(midnight_ns - stand.utc_ns - 2 * S)
    stand.run(2 * S - 1)
    assert stand.engine.state.scores.fallbacks >= 1
    assert missed(stand, "massive") >= 3
    stand.run(3 * S)
    assert stand.engine.state.session == day.isoformat()
    assert stand.engine.state.scores.fallbacks == 0
    assert score(stand)["massive"] in {(looks, looks) for looks in (2, 3, 4)}


@pytest.mark.step("K29")
def test_what_a_snapshot_of_yesterday_says_does_not_count_today() -> None:
    stand = Stand()
    stand.run(GRACE_NS + 10 * S)
    fall_back(stand)
    stand.crash(24 * 3600 * S)
    stand.run(S)
    assert score(stand) == {}
    assert stand.engine.state.scores.fallbacks == 0


@pytest.mark.step("K29")
def test_nobody_is_looked_at_while_the_market_is_closed() -> None:
    stand = Stand(windows={"template": "hourly"})
    stand.run(GRACE_NS + 10 * S)
    assert not stand.engine.state.plan.market_open(stand.utc_ns)
    assert score(stand) == {}


@pytest.mark.step("K29")
def test_in_standby_the_host_that_is_kept_closed_is_not_looked_at() -> None:
    stand = Stand(feeds={"mode": "standby"})
    stand.feeding["polygon"] = set()
    stand.run(GRACE_NS + 10 * S)
    assert set(score(stand)) == {"massive", "exchange"}


def test_the_snapshot_gives_the_same_score_back() -> None:
    stand = Stand()
    stand.run(GRACE_NS + 3 * S)
    other = build_engine(stand.settings, stand.reference)
    restore(other.state, remember(stand.engine.state).decode(), stand.now())
    assert other.state.scores.tallies == stand.engine.state.scores.tallies
    assert isinstance(other.state.scores.tallies["massive"], Tally)
