from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import ClockSample
from execution.kalshi.exchange_clock import GOAL_NS, ExchangeClock

START_NS = 1_795_453_000 * NS_PER_S
MS = NS_PER_MS


def at(ns: int) -> Now:
    """Our clocks, `ns` after the start."""
    return Now(ns, START_NS + ns)


def stamp_of(ns: int, offset_ns: int) -> int:
    """What the exchange's clock reads then."""
    return START_NS + ns + offset_ns


def test_a_matching_engine_stamp() -> None:
    # stamped 6 ms (up to 7) after we asked, answered after 10 ms; 5 ms of slack on both sides
    sample = ExchangeClock().stamp((START_NS + 6 * MS) // MS, at(0), at(10 * MS))
    assert sample == ClockSample(1_500_000, 10_500_000)


def test_a_date_is_known_to_half_a_second_and_the_slack() -> None:
    sample = ExchangeClock().date(START_NS // NS_PER_S, at(0), at(0))
    assert sample == ClockSample(500 * MS, 550 * MS)
    assert ExchangeClock().date(0, at(0), at(0)) is None


@given(
    st.integers(-3 * NS_PER_S, 3 * NS_PER_S),
    st.lists(st.tuples(st.integers(1, 3_000), st.integers(0, 80), st.integers(0, 100), st.booleans()), max_size=40),
)
def test_the_truth_is_always_inside(offset_ns: int, answers: list[tuple[int, int, int, bool]]) -> None:
    """Whatever the waits, the ways there and back, and the stamps' units."""
    clock, ns, sample = ExchangeClock(), 0, None
    for wait_ms, there_ms, percent, fine in answers:
        sent, made_ns = at(ns), ns + there_ms * percent // 100 * MS
        ns += there_ms * MS
        theirs_ns = stamp_of(made_ns, offset_ns)
        told = clock.stamp(theirs_ns // MS, sent, at(ns)) if fine else clock.date(theirs_ns // NS_PER_S, sent, at(ns))
        sample = told or sample
        assert sample is not None
        assert abs(sample.offset_ns - offset_ns) <= sample.uncertainty_ns + 2 * MS
        ns += wait_ms * MS


@given(st.integers(-3 * NS_PER_S, 3 * NS_PER_S), st.integers(0, 60))
@example(0, 58)
def test_a_few_well_timed_dates_are_enough(offset_ns: int, way_ms: int) -> None:
    clock, ns, told = ExchangeClock(), 17 * MS, []
    for _ in range(6):
        due_ns = clock.probe_at(at(ns))
        if due_ns is None:
            break
        assert ns <= due_ns <= ns + 1_100 * MS
        ns = due_ns + way_ms * MS
        sample = clock.date(stamp_of(due_ns + way_ms * MS // 2, offset_ns) // NS_PER_S, at(due_ns), at(ns))
        told += [sample] if sample else []
    assert clock.probe_at(at(ns)) is None
    assert told[-1].uncertainty_ns <= GOAL_NS * 10 // 9, "what is less than a tenth better is not told at once"
    assert abs(told[-1].offset_ns - offset_ns) <= told[-1].uncertainty_ns


def test_the_same_again_is_not_told_for_a_while() -> None:
    clock = ExchangeClock()
    ms = START_NS // MS
    assert clock.stamp(ms, at(0), at(0)) is not None
    assert clock.stamp(ms + 1_000, at(1_000 * MS), at(1_000 * MS)) is None
    assert clock.stamp(ms + 10_000, at(10_000 * MS), at(10_000 * MS)) is not None


def test_a_coarse_answer_does_not_spoil_a_fine_one() -> None:
    clock = ExchangeClock()
    clock.stamp(START_NS // MS, at(0), at(0))
    clock.date(START_NS // NS_PER_S + 10, at(10_500 * MS), at(10_500 * MS))
    assert clock.probe_at(at(10_500 * MS)) is None


def test_what_is_known_fades_with_the_drift_of_two_clocks() -> None:
    clock = ExchangeClock()
    clock.stamp(START_NS // MS, at(0), at(0))
    assert clock.probe_at(at(60 * NS_PER_S)) is None
    assert clock.probe_at(at(3_600 * NS_PER_S)) is not None


def test_after_a_step_the_newer_answer_stands() -> None:
    clock = ExchangeClock()
    clock.stamp(START_NS // MS, at(0), at(0))
    stepped = Now(100 * MS, START_NS + 100 * MS - 2 * NS_PER_S)
    sample = clock.stamp((START_NS + 100 * MS) // MS, stepped, stepped)
    assert sample is not None
    assert abs(sample.offset_ns - 2 * NS_PER_S) <= sample.uncertainty_ns


@pytest.mark.parametrize("off_s", [-8, 8, 3600])
def test_one_odd_date_is_outvoted(off_s: int) -> None:
    clock = ExchangeClock()
    for second in range(5):
        clock.date(stamp_of(second * NS_PER_S, 0) // NS_PER_S, at(second * NS_PER_S), at(second * NS_PER_S))
    for second in (5, 7, 9, 11):
        here = at(second * NS_PER_S)
        assert clock.date(stamp_of(second * NS_PER_S, 0) // NS_PER_S + off_s, here, here) is None
        assert clock.probe_at(here) == here.mono_ns, "it is asked again at once"
        here = at((second + 1) * NS_PER_S)
        clock.date(stamp_of((second + 1) * NS_PER_S, 0) // NS_PER_S, here, here)
    sample = clock.date(stamp_of(60 * NS_PER_S, 0) // NS_PER_S, at(60 * NS_PER_S), at(60 * NS_PER_S))
    assert sample is not None
    assert abs(sample.offset_ns) <= sample.uncertainty_ns


def test_three_that_agree_say_that_the_exchanges_clock_was_set() -> None:
    clock = ExchangeClock()
    clock.stamp(START_NS // MS, at(0), at(0))
    samples = [
        clock.stamp((START_NS + second * NS_PER_S) // MS + 4_000, at(second * NS_PER_S), at(second * NS_PER_S))
        for second in (1, 2, 3)
    ]
    assert samples[:2] == [None, None]
    assert samples[2] is not None
    assert abs(samples[2].offset_ns - 4 * NS_PER_S) <= samples[2].uncertainty_ns


def test_an_answer_out_of_a_cache_is_odd_however_often_it_is_told() -> None:
    clock = ExchangeClock()
    clock.date(stamp_of(0, 0) // NS_PER_S, at(0), at(0))
    old = stamp_of(0, 0) // NS_PER_S - 8
    for second in range(2, 40, 2):
        assert clock.date(old, at(second * NS_PER_S), at(second * NS_PER_S)) is None


def test_a_long_way_is_not_asked_along_for_ever() -> None:
    clock, ns = ExchangeClock(), 0
    for _ in range(12):
        due_ns = clock.probe_at(at(ns))
        if due_ns is None:
            return
        ns = due_ns + 400 * MS
        clock.date(stamp_of(due_ns + 200 * MS, 0) // NS_PER_S, at(due_ns), at(ns))
    raise AssertionError("still asking")
