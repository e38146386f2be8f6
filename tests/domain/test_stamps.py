from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clock import NS_PER_MS, NS_PER_S
from domain.stamps import et_text, parse_rfc3339, utc_ms_text

TARGET_NS = 1_772_809_200 * NS_PER_S


def test_an_instant_in_utc_and_in_new_york() -> None:
    assert utc_ms_text(TARGET_NS) == "2026-03-06T15:00:00.000Z"
    assert et_text(TARGET_NS) == "2026-03-06T10:00:00-05:00"
    assert et_text(TARGET_NS - 3500 * NS_PER_MS) == "2026-03-06T09:59:56.500-05:00"


def test_the_offset_follows_daylight_saving() -> None:
    assert et_text(1_773_064_800 * NS_PER_S) == "2026-03-09T10:00:00-04:00"


@given(st.integers(min_value=0, max_value=4_000_000_000 * NS_PER_S))
def test_fractions_are_cut_never_rounded_up(utc_ns: int) -> None:
    assert int(utc_ms_text(utc_ns)[20:23]) == utc_ns % NS_PER_S // NS_PER_MS


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-23T16:59:50Z", 1_795_453_190 * NS_PER_S),
        ("2026-11-23T11:59:50-05:00", 1_795_453_190 * NS_PER_S),
        ("2026-11-23T16:59:50.5Z", 1_795_453_190 * NS_PER_S + 500_000_000),
        ("2026-11-23T16:59:50.28563Z", 1_795_453_190 * NS_PER_S + 285_630_000),
        ("2026-11-23T16:59:50.123456789z", 1_795_453_190 * NS_PER_S + 123_456_789),
        ("2026-11-23t17:29:50+00:30", 1_795_453_190 * NS_PER_S),
    ],
)
def test_exact_to_the_nanosecond(text: str, ns: int) -> None:
    assert parse_rfc3339(text) == ns


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-23",
        "2026-11-23T16:59:50",
        "2026-11-23 16:59:50Z",
        "2026-13-23T16:59:50Z",
        "2026-02-30T16:59:50Z",
        "2026-11-23T24:59:50Z",
        "2026-11-23T16:59:60Z",
        "2026-11-23T16:59:50.Z",
        "2026-11-23T16:59:50+24:00",
        "2026-11-23T16:59:50-05:60",
        "2026-11-23T16:59:50.1234567891Z",
        "2026-11-23T16:59:50Z\n",
        "٢٠٢٦-11-23T16:59:50Z",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - it is the type that callers catch
        parse_rfc3339(text)
