from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.clock import NS_PER_MS, NS_PER_S
from ops.iso import iso_et, iso_utc
from tests.ops.pictures import TARGET_NS


def test_an_instant_in_utc_and_in_new_york() -> None:
    assert iso_utc(TARGET_NS) == "2026-03-06T15:00:00.000Z"
    assert iso_et(TARGET_NS) == "2026-03-06T10:00:00-05:00"
    assert iso_et(TARGET_NS - 3500 * NS_PER_MS) == "2026-03-06T09:59:56.500-05:00"


def test_the_offset_follows_daylight_saving() -> None:
    assert iso_et(1_773_064_800 * NS_PER_S) == "2026-03-09T10:00:00-04:00"


@given(st.integers(min_value=0, max_value=4_000_000_000 * NS_PER_S))
def test_fractions_are_cut_never_rounded_up(utc_ns: int) -> None:
    assert int(iso_utc(utc_ns)[20:23]) == utc_ns % NS_PER_S // NS_PER_MS
