from __future__ import annotations

import pytest

from execution.kalshi.rfc3339 import parse_ns

NS = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-23T16:59:50Z", 1_795_453_190 * NS),
        ("2026-11-23T11:59:50-05:00", 1_795_453_190 * NS),
        ("2026-11-23T16:59:50.5Z", 1_795_453_190 * NS + 500_000_000),
        ("2026-11-23T16:59:50.28563Z", 1_795_453_190 * NS + 285_630_000),
        ("2026-11-23T16:59:50.123456789z", 1_795_453_190 * NS + 123_456_789),
        ("2026-11-23t17:29:50+00:30", 1_795_453_190 * NS),
    ],
)
def test_exact_to_the_nanosecond(text: str, ns: int) -> None:
    assert parse_ns(text) == ns


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
        "2026-11-23T16:59:50.1234567891Z",
        "2026-11-23T16:59:50Z\n",
        "٢٠٢٦-11-23T16:59:50Z",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - it is the type that callers catch
        parse_ns(text)
