"""Values that are not believed at once: jumps, first values, a market that stands still."""

from __future__ import annotations

import pytest

from domain.clock import NS_PER_S, Now
from domain.events import Tick
from domain.money import IndexValue
from domain.reasons import Reason
from guards.values.canary import QUICK, CanarySettings, FirstValues, PrintCanary, Stillness

S = NS_PER_S
POINT = 1_000_000
BASE = 6_700 * POINT
SIGMA_PPM = 20.0  # 0.134 points a root second
LIMITS = CanarySettings()


def tick(at_s: float, points: float, symbol: str = "I:SPX", feed: str = "massive") -> Tick:
    at_ns = round(at_s * S)
    value = IndexValue(BASE + round(points * POINT))
    return Tick(feed, symbol, value, f"{value / POINT}", at_ns, at_ns, at_ns)


def now(at_s: float) -> Now:
    return Now(round(at_s * S), round(at_s * S))


def fed(*points: float, sigma_ppm: float | None = SIGMA_PPM) -> tuple[PrintCanary, list[list[int]], list[Tick | None]]:
    canary, good, bad = PrintCanary(LIMITS), [], []
    for second, value in enumerate(points, 1):
        judged = canary.observe(tick(second, value), sigma_ppm)
        good.append([round((each.value - BASE) / POINT) for each in judged.good])
        bad.append(judged.bad)
    return canary, good, bad


def test_a_value_that_jumps_and_comes_back_was_bad_and_is_used_for_nothing() -> None:
    canary, good, bad = fed(0, 87, 0, 0)
    assert good == [[0], [], [], [0, 0]]
    assert bad[-1] is not None
    assert bad[-1].value == BASE + 87 * POINT
    assert canary.vote().open


def test_a_value_that_jumps_and_stays_is_a_move() -> None:
    canary, good, bad = fed(0, 12, 12, 12)
    assert good == [[0], [], [], [12, 12, 12]]
    assert bad == [None] * 4
    assert canary.vote().open


def test_the_gate_is_closed_from_the_jump_until_two_values_agree() -> None:
    for points in ((0, 12), (0, 12, 12), (0, 12, 0), (0, 12, 0, 5), (0, 12, 0, 5, -5)):
        canary, _, _ = fed(*points)
        vote = canary.vote()
        assert (vote.open, vote.reason) == (False, Reason.BAD_PRINT), points


@pytest.mark.parametrize(
    ("points", "sigma_ppm", "closes"),
    [
        (0.79, SIGMA_PPM, False),
        (0.82, SIGMA_PPM, True),
        (9.9, 1_000.0, False),
        (10.2, 1_000.0, True),
        (9.9, None, False),
    ],
)
def test_six_deviations_or_fifteen_hundredths_of_a_percent(
    points: float, sigma_ppm: float | None, *, closes: bool
) -> None:
    canary, _, _ = fed(0, points, sigma_ppm=sigma_ppm)
    assert canary.suspects is closes


def test_the_time_that_passed_widens_the_deviations_and_a_close_stamp_does_not_narrow_them() -> None:
    canary = PrintCanary(LIMITS)
    canary.observe(tick(1, 0), SIGMA_PPM)
    assert canary.observe(tick(5, 1.5), SIGMA_PPM).good, "four seconds: twice as much"
    assert canary.observe(tick(5.01, 2.2), SIGMA_PPM).good


def test_more_than_three_moves_keep_the_window_flat_and_the_next_one_not() -> None:
    canary, second = PrintCanary(LIMITS), 0
    canary.window(100)
    for step in range(5):
        for _ in range(3):
            second += 1
            canary.observe(tick(second, 12 * step), SIGMA_PPM)
    assert "4 jumps" in canary.vote().detail
    kept = PrintCanary(LIMITS)
    kept.restore(canary.state())
    kept.window(100)
    assert not kept.vote().open, "over a restart too"
    canary.window(200)
    assert canary.vote().open


# --- first values -------------------------------------------------------------------------------------------------


def warmed(first: FirstValues, *ticks: Tick, at_s: float) -> bool:
    for each in ticks:
        first.observe(each, market_open=True)
    return first.vote("massive", now(at_s), market_open=True).open


def test_five_values_that_changed_over_five_seconds() -> None:
    assert not warmed(FirstValues(LIMITS), *(tick(s, s) for s in range(1, 5)), at_s=9)
    assert not warmed(FirstValues(LIMITS), *(tick(1 + s / 10, s) for s in range(9)), at_s=5.9)
    assert not warmed(FirstValues(LIMITS), *(tick(s, 1) for s in range(1, 20)), at_s=20), "the same value tells nothing"
    assert warmed(FirstValues(LIMITS), *(tick(s, s) for s in range(1, 7)), at_s=6)
    assert warmed(FirstValues(QUICK), tick(1, 0), tick(2, 1), at_s=2)


def test_nothing_seen_is_closed_and_a_new_connection_begins_anew() -> None:
    first = FirstValues(LIMITS)
    assert first.vote("massive", now(1), market_open=True).reason is Reason.FIRST_VALUES
    assert warmed(first, *(tick(s, s) for s in range(1, 7)), at_s=6)
    assert not first.vote("polygon", now(6), market_open=True).open
    first.begin("polygon")
    assert first.vote("massive", now(6), market_open=True).open
    first.begin("massive")
    assert not first.vote("massive", now(6), market_open=True).open


def test_the_previous_close_told_again_counts_as_not_seen() -> None:
    first = FirstValues(LIMITS)
    first.observe(tick(0, 87), market_open=False)
    assert not warmed(first, *(tick(s, 87) for s in range(1, 9)), at_s=9)
    assert "no value" in first.vote("massive", now(9), market_open=True).detail
    assert warmed(first, *(tick(s, s) for s in range(10, 16)), at_s=15)


def test_a_first_value_far_from_the_close_needs_thirty_seconds() -> None:
    first = FirstValues(LIMITS)
    first.observe(tick(0, 250), market_open=False)
    assert not warmed(first, *(tick(s, s / 10) for s in range(1, 31)), at_s=30.9)
    assert first.next_deadline("massive", now(30.9)) == 31 * S
    assert first.vote("massive", now(31), market_open=True).open


# --- standing still -----------------------------------------------------------------------------------------------


def still_at(guard: Stillness, at_s: float) -> bool:
    guard.advance(now(at_s), market_open=True)
    return not guard.vote(now(at_s)).open


def test_no_index_that_changes_closes_after_five_seconds_whatever_its_stamps() -> None:
    guard = Stillness(LIMITS)
    for s in range(1, 9):
        guard.observe(tick(s, 0), now(s))
        guard.observe(tick(s, 0, "I:NDX"), now(s))
        assert still_at(guard, s) is (s > 6)
    assert guard.vote(now(8)).reason is Reason.INDICES_STILL


def test_one_index_that_moves_is_enough_and_each_must_move_twice_to_open_again() -> None:
    guard = Stillness(LIMITS)
    for s in range(1, 20):
        guard.observe(tick(s, 0), now(s))
        guard.observe(tick(s, s, "I:NDX"), now(s))
        assert not still_at(guard, s)
    assert still_at(guard, 25)
    for s, symbol, moves in ((26, "I:NDX", 1), (27, "I:NDX", 2), (28, "I:SPX", 1), (29, "I:SPX", 2)):
        assert still_at(guard, s)
        guard.observe(tick(s, 100 + moves, symbol), now(s))
    assert not still_at(guard, 29)


def test_a_halt_is_told_once_after_thirty_seconds_and_nothing_out_of_hours() -> None:
    guard = Stillness(LIMITS)
    guard.observe(tick(1, 0), now(1))
    told = [s for s in range(1, 60) if guard.advance(now(s), market_open=True)]
    assert told == [31]
    assert not guard.advance(now(99), market_open=False)
    assert guard.vote(now(99)).open
