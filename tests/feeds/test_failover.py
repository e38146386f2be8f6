"""Which feed is believed (hot) and which may have a socket (standby), by value, by status and by timer."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.actions import FeedControl
from domain.clock import Now
from domain.events import FeedState, FeedStatus, Tick, Wake
from domain.money import IndexValue
from feeds.failover import DualFeedFailover, FailoverState, Mode
from feeds.session import CLOSED_AS_TOLD
from feeds.standby import NO_FEED

MS = 1_000_000
EPOCH = 1_795_233_262_000 * MS


def at(ms: float) -> Now:
    return Now(10**12 + round(ms * MS), EPOCH + round(ms * MS))


def tick(feed: str, ms: float, value: int = 1, symbol: str = "I:SPX", stamp_ms: float | None = None) -> Tick:
    now = at(ms)
    stamp = now.utc_ns if stamp_ms is None else at(stamp_ms).utc_ns
    return Tick(feed, symbol, IndexValue(value), str(value), stamp, now.mono_ns, now.utc_ns)


def hot() -> DualFeedFailover:
    return DualFeedFailover("P", "S", Mode.HOT)


def see(pair: DualFeedFailover, feed: str, ms: float, value: int = 1) -> tuple[FeedControl, ...]:
    return pair.observe(tick(feed, ms, value), at(ms))


def told(pair: DualFeedFailover, feed: str, state: FeedState, ms: float, reason: str = "x") -> tuple[FeedControl, ...]:
    return pair.observe(FeedStatus(feed, state, reason), at(ms))


def opens(feed: str) -> tuple[FeedControl, ...]:
    return (FeedControl(feed=feed, open=True),)


def closes(feed: str) -> tuple[FeedControl, ...]:
    return (FeedControl(feed=feed, open=False),)


# --- hot ---


def test_the_case_of_the_contract() -> None:
    pair = hot()
    see(pair, "P", 0, 10)
    see(pair, "S", 100, 20)
    assert pair.active == "P"
    see(pair, "S", 1_201, 21)
    assert pair.active == "S"
    value = pair.value("I:SPX", at(1_201))
    assert value is not None
    assert value.value == 21
    pair.tick(at(2_401))
    assert pair.state(at(2_401)) is FailoverState.SECONDARY
    see(pair, "P", 2_401, 11)
    assert pair.active == "S"
    see(pair, "P", 2_402, 12)
    assert pair.active == "P"


def test_at_the_threshold_it_is_still_fresh() -> None:
    pair = hot()
    see(pair, "P", 0)
    see(pair, "S", 1_200)
    assert pair.active == "P"


def test_the_switch_comes_by_timer_too() -> None:
    pair = hot()
    see(pair, "P", 0)
    see(pair, "S", 600)
    due = pair.next_deadline(at(600))
    assert due == at(1_200).mono_ns + 1
    pair.tick(Now(due, at(1_200).utc_ns + 1))
    assert pair.active == "S"
    assert pair.last_switch is not None
    assert pair.last_switch.reason == "P is stale"


def test_voluntary_return_only_five_seconds_after_the_last_switch_by_timer() -> None:
    pair = hot()
    see(pair, "P", 0)
    see(pair, "S", 1_300)
    for ms in range(1_400, 6_300, 100):
        see(pair, "P", ms)
        see(pair, "S", ms)
        assert pair.active == "S"
    assert pair.next_deadline(at(6_200)) == at(6_300).mono_ns
    pair.tick(at(6_300))
    assert pair.active == "P"
    assert pair.switches == 2


def test_an_involuntary_return_is_not_rate_limited() -> None:
    pair = hot()
    see(pair, "P", 0)
    see(pair, "S", 1_300)
    see(pair, "P", 2_501)
    assert pair.active == "P"


def test_both_stale_is_reached_by_timer_and_left_by_a_value() -> None:
    pair = hot()
    assert pair.state(at(0)) is FailoverState.BOTH_STALE
    see(pair, "P", 0)
    see(pair, "S", 10)
    assert pair.state(at(1_210)) is FailoverState.PRIMARY
    assert pair.state(at(1_211)) is FailoverState.BOTH_STALE
    pair.tick(at(1_211))
    assert pair.next_deadline(at(1_211)) is None or pair.active == "S"
    see(pair, "P", 3_000)
    assert pair.state(at(3_000)) is FailoverState.PRIMARY


def test_an_equal_or_older_stamp_refreshes_nothing() -> None:
    pair = hot()
    pair.observe(tick("P", 0, 10), at(0))
    see(pair, "S", 900, 20)
    for ms in (500, 1_000):
        pair.observe(tick("P", ms, 11, stamp_ms=0), at(ms))
    assert pair.age_ns("P", at(1_000)) == 1_000 * MS
    value = pair.value("I:SPX", at(1_000))
    assert value is not None
    assert value.value == 10
    pair.tick(at(1_201))
    assert pair.active == "S"


def test_a_value_of_either_index_keeps_a_feed_fresh() -> None:
    pair = hot()
    see(pair, "P", 0)
    see(pair, "S", 1_190)
    pair.observe(tick("P", 1_199, symbol="I:NDX"), at(1_199))
    pair.tick(at(1_250))
    assert pair.active == "P"


def test_other_events_and_other_feeds_change_nothing() -> None:
    pair = hot()
    assert pair.observe(Wake(), at(0)) == ()
    assert see(pair, "X", 0) == ()
    assert pair.value("I:SPX", at(0)) is None
    assert pair.age_ns("X", at(0)) is None


def test_hot_opens_both() -> None:
    assert hot().start(at(0)) == opens("P") + opens("S")


steps = st.lists(st.tuples(st.sampled_from(["P", "S", ""]), st.integers(1, 3_000)), max_size=60)


@given(steps)
def test_hot_laws(steps: list[tuple[str, int]]) -> None:
    """The active feed is fresh whenever either is; deadlines are in the future; only fail-back waits."""
    pair = hot()
    ms = 0
    for feed, wait_ms in steps:
        ms += wait_ms
        now = at(ms)
        if feed:
            see(pair, feed, ms)
        else:
            pair.tick(now)
        ages = {name: pair.age_ns(name, now) for name in "PS"}
        fresh = {name for name, age in ages.items() if age is not None and age <= 1_200 * MS}
        assert not fresh or pair.active in fresh
        if fresh == {"P", "S"} and pair.active == "S":
            assert pair.last_switch is not None
            assert now.mono_ns - pair.last_switch.at.mono_ns < 5_000 * MS
        due = pair.next_deadline(now)
        assert due is None or due > now.mono_ns


# --- standby ---


def standby(*, expects: bool = True) -> DualFeedFailover:
    pair = DualFeedFailover("P", "S", Mode.STANDBY, expects=lambda _now: expects)
    assert pair.start(at(0)) == opens("P")
    return pair


def test_five_seconds_of_silence_close_confirm_then_open_the_other() -> None:
    pair = standby()
    see(pair, "P", 100)
    assert pair.tick(at(5_100)) == ()
    assert pair.next_deadline(at(5_100)) == at(5_100).mono_ns + 1
    assert pair.tick(at(5_101)) == closes("P")
    assert pair.state(at(5_101)) is FailoverState.SWITCHING
    assert pair.active == "P"
    assert told(pair, "P", FeedState.DOWN, 5_150, "closed 1000") == ()
    assert told(pair, "P", FeedState.DOWN, 5_200, CLOSED_AS_TOLD) == opens("S")
    assert pair.active == "S"
    assert pair.last_switch is not None
    assert pair.last_switch.reason == "P silent for 5 s"


def test_a_lost_socket_is_given_up_at_once() -> None:
    pair = standby()
    see(pair, "P", 100)
    assert told(pair, "P", FeedState.DOWN, 200, "dropped without a Close frame") == closes("P")
    assert told(pair, "P", FeedState.DOWN, 201, CLOSED_AS_TOLD) == opens("S")


def test_unconfirmed_close_is_asked_again_and_nothing_opens_meanwhile() -> None:
    pair = standby()
    see(pair, "P", 0)
    assert pair.tick(at(5_001)) == closes("P")
    assert pair.tick(at(9_000)) == ()
    assert pair.next_deadline(at(9_000)) == at(10_001).mono_ns
    assert pair.tick(at(10_001)) == closes("P")
    assert told(pair, "S", FeedState.DOWN, 10_002, CLOSED_AS_TOLD) == ()
    assert told(pair, "P", FeedState.DOWN, 10_003, CLOSED_AS_TOLD) == opens("S")


def test_after_an_eviction_nothing_opens_for_a_minute_and_then_the_same_host() -> None:
    pair = standby()
    see(pair, "P", 100)
    assert told(pair, "P", FeedState.COOLING, 1_000, "max_connections") == closes("P")
    assert told(pair, "P", FeedState.COOLING, 1_010, CLOSED_AS_TOLD) == ()
    assert pair.tick(at(60_999)) == ()
    due = pair.next_deadline(at(2_000))
    assert due is not None
    assert at(61_000).mono_ns <= due <= at(61_010).mono_ns
    assert pair.tick(at(61_010)) == opens("P")


def test_a_refused_key_goes_to_the_other_host_and_two_refusals_wait_to_be_tried_again_slowly() -> None:
    pair = standby()
    assert told(pair, "P", FeedState.FATAL, 100, "auth_failed") == closes("P")
    assert told(pair, "P", FeedState.FATAL, 110, CLOSED_AS_TOLD) == opens("S")
    assert told(pair, "S", FeedState.FATAL, 200, "auth_failed") == closes("S")
    told(pair, "S", FeedState.FATAL, 210, f"{CLOSED_AS_TOLD}; auth_failed")
    pair.tick(at(8_000))
    assert pair.state(at(8_000)) is FailoverState.FATAL
    assert pair.next_deadline(at(8_000)) == at(30_100).mono_ns
    assert pair.tick(at(30_100)) == opens("P")
    assert told(pair, "P", FeedState.FATAL, 30_200, "auth_failed") == closes("P")
    told(pair, "P", FeedState.FATAL, 30_300, CLOSED_AS_TOLD)
    assert pair.tick(at(40_000)) == opens("S"), "its half minute is over too"
    told(pair, "S", FeedState.FATAL, 40_400, "auth_failed")
    told(pair, "S", FeedState.FATAL, 40_500, CLOSED_AS_TOLD)
    pair.tick(at(60_000))
    assert pair.next_deadline(at(60_000)) == at(90_200).mono_ns, "the second time a minute"
    assert pair.tick(at(90_200)) == opens("P")
    see(pair, "P", 90_300)
    assert pair.state(at(90_301)) is FailoverState.PRIMARY


def test_a_host_gets_its_budget_to_the_first_value() -> None:
    pair = standby()
    assert pair.tick(at(15_000)) == ()
    assert pair.tick(at(15_001)) == closes("P")


def test_attempts_without_a_value_are_spaced_out() -> None:
    pair = standby()
    ms, waits = 100.0, []
    for _ in range(8):
        feed = pair.active
        assert told(pair, feed, FeedState.DOWN, ms, "cannot connect") == closes(feed)
        got = told(pair, feed, FeedState.DOWN, ms, CLOSED_AS_TOLD)
        began = ms
        while not got:
            due = pair.next_deadline(at(ms))
            assert due is not None
            ms = (due - at(0).mono_ns) / MS
            got = pair.tick(at(ms))
        waits.append(round(ms - began))
        ms += 1
    # The second waits for the recovery period of the host that failed first.
    assert waits == [0, 4_999, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]
    see(pair, pair.active, ms)
    # A value forgives: the loss costs no wait again, and the next only what is left of the other's recovery period.
    feed = pair.active
    other = "S" if feed == "P" else "P"
    assert told(pair, feed, FeedState.DOWN, ms + 1) == closes(feed)
    assert told(pair, feed, FeedState.DOWN, ms + 1, CLOSED_AS_TOLD) == opens(other)
    assert told(pair, other, FeedState.DOWN, ms + 2) == closes(other)
    assert told(pair, other, FeedState.DOWN, ms + 2, CLOSED_AS_TOLD) == ()
    assert pair.tick(at(ms + 5_000)) == ()
    assert pair.tick(at(ms + 5_001)) == opens(feed)


def test_silence_outside_market_hours_moves_nothing() -> None:
    pair = standby(expects=False)
    see(pair, "P", 100)
    for ms in range(1_000, 3_600_000, 5_000):
        assert pair.tick(at(ms)) == ()


def test_one_host_alone_is_closed_and_opened_again() -> None:
    assert DualFeedFailover("P", NO_FEED, Mode.HOT).start(at(0)) == opens("P")
    pair = DualFeedFailover("P", NO_FEED, Mode.STANDBY)
    pair.start(at(0))
    see(pair, "P", 10)
    assert pair.tick(at(5_011)) == closes("P")
    assert told(pair, "P", FeedState.DOWN, 5_020, CLOSED_AS_TOLD) == opens("P")
    assert pair.switches == 0
    assert told(pair, "P", FeedState.FATAL, 6_000) == closes("P")
    told(pair, "P", FeedState.FATAL, 6_001, CLOSED_AS_TOLD)
    pair.tick(at(20_000))
    assert pair.state(at(20_000)) is FailoverState.FATAL
    assert pair.tick(at(36_000)) == opens("P"), "tried again"


@pytest.mark.parametrize("mode", list(Mode))
def test_starting_twice_opens_once(mode: Mode) -> None:
    pair = DualFeedFailover("P", "S", mode)
    pair.start(at(0))
    assert mode is Mode.HOT or pair.start(at(1)) == ()


# --- one index ---

INDICES = ("I:SPX", "I:NDX")


def both(mode: Mode, calm: list[bool] | None = None) -> DualFeedFailover:
    """A pair that should bring both indices."""
    calm = [True] if calm is None else calm
    return DualFeedFailover("P", "S", mode, symbols=INDICES, calm=lambda _now: calm[0])


class Hosts:
    """Two hosts of one account that tick every 250 ms, but for what is dead; every move of a socket is noted."""

    def __init__(self, pair: DualFeedFailover) -> None:
        self.pair = pair
        self.dead: set[tuple[str, str]] = set()
        self.down: set[str] = set()
        self.ms = 0.0
        self.opened: list[tuple[float, str]] = []
        self.open = ""
        self.carry(pair.start(at(0)))

    def carry(self, controls: tuple[FeedControl, ...]) -> None:
        for control in controls:
            if control.open:
                assert not self.open, "two sockets on one account"
                self.open = control.feed
                self.opened.append((self.ms / 1000, control.feed))
            elif control.feed == self.open:
                self.open = ""
                self.carry(told(self.pair, control.feed, FeedState.DOWN, self.ms, CLOSED_AS_TOLD))

    def run(self, seconds: float) -> None:
        end_ms = self.ms + seconds * 1000
        while self.ms < end_ms:
            self.ms += 250
            feed = self.open
            if feed in self.down:
                self.carry(told(self.pair, feed, FeedState.DOWN, self.ms, "refused"))
            for symbol in INDICES:
                if self.open and self.open == feed and feed not in self.down and (feed, symbol) not in self.dead:
                    self.carry(self.pair.observe(tick(feed, self.ms, symbol=symbol), at(self.ms)))
            self.carry(self.pair.tick(at(self.ms)))
            due = self.pair.next_deadline(at(self.ms))
            assert due is None or due > at(self.ms).mono_ns

    def moves(self) -> list[str]:
        return [feed for _, feed in self.opened]


@pytest.mark.step("G04", "H17")
def test_one_index_dead_on_both_hosts_moves_the_socket_once_in_ten_minutes() -> None:
    hosts = Hosts(both(Mode.STANDBY))
    hosts.run(60)
    hosts.dead = {("P", "I:SPX"), ("S", "I:SPX")}
    hosts.run(590)
    assert hosts.moves() == ["P", "S"], "the other host is tried once, and there we stay"
    assert [(m.feed, m.symbol) for m in hosts.pair.take_news()] == [("P", "I:SPX"), ("S", "I:SPX")]
    assert hosts.pair.state(at(hosts.ms)) is FailoverState.SECONDARY, "the other index ticks on"
    hosts.run(1_900)
    assert hosts.moves() == ["P", "S", "P", "S", "P", "S"]
    times = [seconds for seconds, _ in hosts.opened[1:]]
    assert all(later - sooner >= 600 for sooner, later in pairwise(times))


@pytest.mark.step("G04")
def test_one_index_dead_on_one_host_is_read_from_the_other_and_the_first_is_not_chosen_again() -> None:
    hosts = Hosts(both(Mode.STANDBY))
    hosts.run(60)
    hosts.dead = {("P", "I:SPX")}
    hosts.run(3_600)
    assert hosts.moves() == ["P", "S"]
    newest = hosts.pair.value("I:SPX", at(hosts.ms))
    assert newest is not None
    assert newest.feed == "S"


def test_the_healthy_index_keeps_its_socket_while_a_final_minute_runs() -> None:
    calm = [False]
    hosts = Hosts(both(Mode.STANDBY, calm))
    hosts.run(60)
    hosts.dead = {("P", "I:SPX")}
    hosts.run(60)
    assert hosts.moves() == ["P"]
    calm[0] = True
    hosts.run(1)
    assert hosts.moves() == ["P", "S"]


@pytest.mark.step("G04")
def test_a_host_that_failed_is_not_opened_again_within_its_recovery_period() -> None:
    hosts = Hosts(both(Mode.STANDBY))
    hosts.run(60)
    hosts.down = {"P"}
    hosts.run(1)
    hosts.down = {"S"}
    hosts.run(20)
    assert hosts.moves() == ["P", "S", "P"]
    (_, (_, _), (back_s, _)) = hosts.opened
    assert 5.0 <= back_s - 60.25 <= 5.5, "P failed at 60.25 s"


def test_a_stuck_index_told_by_a_guard_moves_to_the_other_host_once() -> None:
    hosts = Hosts(both(Mode.STANDBY))
    hosts.run(60)
    for _ in range(400):
        hosts.pair.set_aside(hosts.pair.active, "I:SPX", "stuck", at(hosts.ms))
        hosts.run(1)
    assert hosts.moves() == ["P", "S"]


def test_outside_market_hours_one_silent_index_sets_nothing_aside() -> None:
    pair = DualFeedFailover("P", "S", Mode.STANDBY, symbols=INDICES, expects=lambda _now: False)
    hosts = Hosts(pair)
    hosts.dead = {("P", "I:SPX")}
    hosts.run(600)
    assert hosts.moves() == ["P"]
    assert pair.take_news() == []


def hot_run(pair: DualFeedFailover, dead: set[tuple[str, str]], from_s: float, seconds: float) -> list[str]:
    """Both feeds tick every 250 ms but for what is dead; the active feed at each instant, changes only."""
    seen = [pair.active]
    for number in range(round(seconds * 4)):
        ms = from_s * 1000 + number * 250
        for feed in "PS":
            for symbol in INDICES:
                if (feed, symbol) not in dead:
                    pair.observe(tick(feed, ms, symbol=symbol), at(ms))
        pair.tick(at(ms))
        seen += [pair.active] if pair.active != seen[-1] else []
    return seen


@pytest.mark.step("G04", "H17")
def test_hot_an_index_dead_on_the_active_feed_alone_is_read_from_the_other_for_the_quarantine() -> None:
    pair = both(Mode.HOT)
    assert hot_run(pair, set(), 0, 20) == ["P"]
    assert hot_run(pair, {("P", "I:SPX")}, 20, 30) == ["P", "S"]
    (mark,) = pair.take_news()
    assert (mark.feed, mark.symbol, mark.why) == ("P", "I:SPX", "silent for 10 s")
    assert [m.feed for m in pair.aside("P", at(50_000))] == ["P"]
    assert hot_run(pair, set(), 50, 570) == ["S"], "it ticks again, and is not trusted for ten minutes"
    assert hot_run(pair, set(), 620, 60) == ["S", "P"]


def test_hot_an_index_dead_on_both_feeds_moves_nothing() -> None:
    pair = both(Mode.HOT)
    hot_run(pair, set(), 0, 20)
    assert hot_run(pair, {("P", "I:SPX"), ("S", "I:SPX")}, 20, 1_300) == ["P"]
    assert pair.take_news() == []


def test_hot_with_each_feed_bad_in_another_index_nothing_hops() -> None:
    pair = both(Mode.HOT)
    hot_run(pair, set(), 0, 20)
    assert hot_run(pair, {("P", "I:SPX"), ("S", "I:NDX")}, 20, 590) == ["P", "S"]


def test_hot_a_feed_set_aside_is_still_taken_when_the_other_has_nothing() -> None:
    pair = both(Mode.HOT)
    hot_run(pair, set(), 0, 20)
    hot_run(pair, {("P", "I:SPX")}, 20, 30)
    assert hot_run(pair, {("S", "I:SPX"), ("S", "I:NDX")}, 50, 10) == ["S", "P"]


moves = st.sampled_from(["value", "down", "cooling", "closed", "wait", "fatal"])


@given(st.lists(st.tuples(moves, st.sampled_from("PS"), st.integers(1, 20_000)), max_size=80))
def test_standby_never_opens_a_socket_before_the_other_is_known_to_be_closed(
    script: list[tuple[str, str, int]],
) -> None:
    pair = DualFeedFailover("P", "S", Mode.STANDBY)
    open_now: set[str] = set()
    cooling_until = 0.0

    def carry(controls: tuple[FeedControl, ...], ms: float) -> None:
        for control in controls:
            if control.open:
                assert not open_now
                assert ms >= cooling_until
                open_now.add(control.feed)

    ms = 0.0
    carry(pair.start(at(0)), 0)
    for move, feed, wait_ms in script:
        ms += wait_ms
        due = pair.next_deadline(at(ms))
        assert due is None or due > at(ms).mono_ns
        if move == "value":
            carry(see(pair, feed, ms), ms)
        elif move == "closed":
            if feed in open_now:
                # The shell confirms only what was asked: until then the socket counts as open.
                asked = pair.state(at(ms)) is FailoverState.SWITCHING
                if asked:
                    open_now.discard(feed)
                    carry(told(pair, feed, FeedState.DOWN, ms, CLOSED_AS_TOLD), ms)
        elif move == "wait":
            carry(pair.tick(at(ms)), ms)
        elif feed in open_now:
            if move == "cooling":
                cooling_until = ms + 60_000
            carry(told(pair, feed, FeedState(move), ms), ms)
