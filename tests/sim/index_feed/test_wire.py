"""The vendor's grammar, byte for byte where recordings exist, and numbers that read back exactly."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import IndexValue
from feeds.massive_wire import read_value
from sim.index_feed import wire
from sim.index_feed.wire import Command, Topic


def test_frames_equal_the_recorded_bytes() -> None:
    connected = wire.frame([wire.status("connected", "Connected Successfully")])
    assert connected == '[{"ev":"status","status":"connected","message":"Connected Successfully"}]'
    assert len(connected) == 73
    assert len(wire.frame([wire.status("auth_success", "authenticated")])) == 67
    assert len(wire.frame([wire.status("success", "subscribed to: V.I:SPX")])) == 71
    one = wire.frame([wire.value("I:SPX", "6650.13", 1_795_233_262_106)])
    assert one == '[{"ev":"V","val":6650.13,"T":"I:SPX","t":1795233262106}]'
    assert len(one) == 56


def test_bars_carry_the_documented_keys_in_order() -> None:
    bar = orjson.loads(wire.bar("AM", "I:SPX", ("1", "2", "3", "4", "5"), 60_000, 120_000))
    assert bar == {"ev": "AM", "sym": "I:SPX", "op": 1, "o": 2, "c": 3, "h": 4, "l": 5, "s": 60_000, "e": 120_000}
    assert list(bar) == ["ev", "sym", "op", "o", "c", "h", "l", "s", "e"]


@pytest.mark.parametrize(
    ("params", "topics"),
    [
        ("V.I:SPX,V.I:NDX", [("V", "I:SPX"), ("V", "I:NDX")]),
        ("AM.I:SPX, V.I:NDX", [("AM", "I:SPX"), ("V", "I:NDX")]),
        ("V.*,A.*", [("V", "*"), ("A", "*")]),
        ("ZZ.I:SPX,QQ.x,V.I:SPX", [("V", "I:SPX")]),
        ("V.I:SPX,V.I:SPX", [("V", "I:SPX")]),
        ("V.SPX,V.I:,AS.I:SPX,v.I:SPX,,V.I:S-P", []),
        ("", []),
    ],
)
def test_topics(params: str, topics: list[tuple[str, str]]) -> None:
    assert wire.read_topics(params) == tuple(Topic(*topic) for topic in topics)


@pytest.mark.parametrize(
    "data",
    [
        '{"action": "auth", "params": "TESTKEY"}',
        b'{"action":"auth","params":"TESTKEY"}',
        '{"params":"TESTKEY","x":1,"action":"auth"}',
    ],
)
def test_commands_in_the_spelling_of_each_official_client(data: str | bytes) -> None:
    assert wire.read_command(data) == Command("auth", "TESTKEY")


@pytest.mark.parametrize("data", ["", "[]", "{}", '{"action":1}', b"\xff", "null"])
def test_what_is_no_command(data: str | bytes) -> None:
    assert wire.read_command(data) is None


@given(st.integers(1, 10**14), st.booleans())
def test_a_printed_number_reads_back_exactly(amount: int, unrounded: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
    text = wire.number(IndexValue(amount), unrounded=unrounded)
    assert read_value(text) == amount
    assert orjson.loads(text) == pytest.approx(amount / 1e6, abs=1e-6)


def test_numbers_are_as_short_as_the_vendors() -> None:
    texts = [wire.number(IndexValue(n)) for n in (3_988_500_000, 6_800_000_000, 6_650_130_000, 1)]
    assert texts == ["3988.5", "6800", "6650.13", "0.000001"]
    assert len(wire.number(IndexValue(24_812_345_678), unrounded=True)) > len("24812.345678")
