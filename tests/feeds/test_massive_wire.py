"""Frames of any shape are read as far as they can be; number texts become 1e-6 points exactly."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.massive_wire import read_frame, read_stamp, read_value

S = 1_000_000_000


@given(st.decimals(min_value="0.000001", max_value="99999999", allow_nan=False, places=15))
def test_a_plain_number_is_rounded_half_to_even_at_the_sixth_decimal(number: Decimal) -> None:
    expected = int(number.scaleb(6).quantize(Decimal(1), ROUND_HALF_EVEN))
    assert read_value(f"{number:f}") == (expected or None)


@given(st.floats(min_value=0.001, max_value=1e8))
def test_any_positive_double_as_json_prints_it(number: float) -> None:
    expected = int(Decimal(repr(number)).scaleb(6).quantize(Decimal(1), ROUND_HALF_EVEN))
    assert read_value(repr(number)) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3988.5", 3_988_500_000),
        ("6800", 6_800_000_000),
        ("24812.345678901234", 24_812_345_679),
        ("1.0000005", 1_000_000),
        ("1.0000015", 1_000_002),
        ("1.00000050", 1_000_000),
        ("1.00000051", 1_000_001),
        ("6.65e3", 6_650_000_000),
        ("1E2", 100_000_000),
    ],
)
def test_known_numbers(text: str, value: int) -> None:
    assert read_value(text) == value


NO_VALUES = ("", "0", "0.0", "-1", "-0.5", "null", "true", '"6650.1"', "1e400", "1e30", "0.0000001", "NaN", "[]", "{}")


@pytest.mark.parametrize("text", [*NO_VALUES, "1.5e999999999", "1e-999999999"])
def test_what_is_no_positive_number_is_no_value(text: str) -> None:
    assert read_value(text) is None


def test_stamps_in_milliseconds_and_nanoseconds_only() -> None:
    assert read_stamp(1_795_233_262_708) == 1_795_233_262_708_000_000
    assert read_stamp(1_795_233_262_708_000_001) == 1_795_233_262_708_000_001
    assert [read_stamp(t) for t in (0, -5, 1_795_233_262, 1_795_233_262_708_000)] == [None] * 4


def test_keys_in_any_order_and_unknown_ones() -> None:
    items, lost = read_frame(
        b'[{"t":1,"x":{"y":[1]},"T":"I:SPX","val":1.5,"ev":"V"},{"ev":"status","status":"success"}]'
    )
    assert lost == 0
    assert [(i.ev, bytes(i.val), i.status) for i in items] == [("V", b"1.5", ""), ("status", b"", "success")]


def test_one_strange_object_costs_only_itself() -> None:
    items, lost = read_frame('[{"ev":"V","T":5},{"ev":"V","T":"I:SPX","val":1,"t":2},"text",7,{"ev":"V","t":1.5}]')
    assert ([item.T for item in items], lost) == (["I:SPX"], 4)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"nothing", b'{"ev":"V"}', b'[{"ev":"V","val":]', b"\xff\xfe", b"[[", b"null"]
)
def test_an_unreadable_frame_is_counted_once(data: bytes) -> None:
    assert read_frame(data) == ([], 1)


def test_a_value_that_is_no_plain_text_is_no_value() -> None:
    items, lost = read_frame('[{"ev":"V","val":"é","T":"I:SPX","t":1}]'.encode())
    assert ([item.text() for item in items], lost) == ([""], 0)
    items, lost = read_frame(b'[{"ev":"V","val":' + b"1" * 65 + b"}]")
    assert ([item.text() for item in items], lost) == ([""], 0)


def test_a_frame_that_would_fill_the_inbox_is_cut() -> None:
    items, lost = read_frame(b"[" + b",".join([b'{"ev":"V"}'] * 1_500) + b"]")
    assert (len(items), lost) == (1_000, 1)
    items, lost = read_frame(b"[" + b",".join([b'{"ev":1}'] * 1_500) + b"]")
    assert len(items) + lost <= 1_001
    assert read_frame(b"[" + b" " * (1 << 20) + b"]") == ([], 1)


def test_an_empty_frame_is_nothing() -> None:
    assert read_frame(b"[]") == ([], 0)
