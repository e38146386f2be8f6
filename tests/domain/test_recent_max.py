from __future__ import annotations

from domain.recent_max import RecentMax

SPAN = 10


def test_the_largest_is_told_for_a_span_at_least_and_for_two_at_most() -> None:
    recent = RecentMax(SPAN)
    assert recent.value(100) == 0
    recent.take(7, 100)
    recent.take(3, 104)
    assert recent.value(109) == 7
    recent.take(4, 110)
    assert recent.value(119) == 7
    assert recent.value(120) == 4
    assert recent.value(130) == 0


def test_what_lies_far_back_is_forgotten_at_once() -> None:
    recent = RecentMax(SPAN)
    recent.take(7, 100)
    assert recent.value(1_000) == 0
