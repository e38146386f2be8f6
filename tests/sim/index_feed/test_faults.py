"""The menu: what it takes, how long a fault lives, whom it strikes."""

from __future__ import annotations

import orjson
import pytest

from sim.index_feed.faults import DEFAULTS, INSTANT, MENU, Fault, FaultBoard, FaultError, check, read_fault

S = 1_000_000_000


@pytest.mark.parametrize("name", sorted(MENU))
def test_every_fault_can_be_asked_for_by_name_alone(name: str) -> None:
    fault = read_fault(orjson.dumps({"fault": name}))
    for field, value in DEFAULTS.get(name, {}).items():
        assert getattr(fault, field) == value


def test_names_agree() -> None:
    assert set(MENU) >= INSTANT
    assert set(DEFAULTS) <= set(MENU)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{}", "missing required field"),
        (b"[]", "Expected `object`"),
        (b"nonsense", "malformed"),
        (b'{"fault":"earthquake"}', "not on the menu"),
        (b'{"fault":"close","cod":1}', "unknown field"),
        (b'{"fault":"close","bps":1}', "takes no bps; it takes code"),
        (b'{"fault":"close","code":999}', "code is 999, must be 1000 to 4999"),
        (b'{"fault":"silence","host":3}', "host is 3, must be 1 to 2"),
        (b'{"fault":"frame_size","n":1001}', "n is 1001, must be 1 to 1000"),
        (b'{"fault":"rst","count":0}', "count is 0"),
        (b'{"fault":"rst","for_s":-1}', "for_s is -1"),
    ],
)
def test_a_fault_asked_for_wrongly_is_refused_in_words(body: bytes, words: str) -> None:
    with pytest.raises(FaultError, match=words):
        read_fault(body)


def test_a_jump_is_one_value_unless_told() -> None:
    assert check(Fault("jump")).count == 1
    assert check(Fault("jump", for_s=2)).count is None


def test_a_fault_ends_by_count() -> None:
    board = FaultBoard()
    board.add(check(Fault("duplicate", count=2)), 0)
    assert [board.strike("duplicate", 0, 1) is not None for _ in range(3)] == [True, True, False]
    assert board.counts() == {"duplicate": 2}
    assert board.listing(0) == []


def test_a_fault_ends_by_time() -> None:
    board = FaultBoard()
    board.add(check(Fault("silence", for_s=2)), 10 * S)
    assert board.find("silence", 12 * S - 1, 1) is not None
    assert board.listing(11 * S)[0]["ends_in_s"] == 1
    assert board.find("silence", 12 * S, 1) is None
    assert board.listing(12 * S) == []


def test_a_fault_strikes_its_host_and_symbol_only() -> None:
    board = FaultBoard()
    board.add(check(Fault("silence", host=2, symbol="I:NDX")), 0)
    assert board.find("silence", 0, 1, "I:NDX") is None
    assert board.find("silence", 0, 2, "I:SPX") is None
    assert board.find("silence", 0, 2, "I:NDX") is not None
    assert board.find("frozen", 0, 2, "I:NDX") is None


def test_clearing_by_name_by_host_and_all() -> None:
    board = FaultBoard()
    for fault in (Fault("silence", host=1), Fault("silence", host=2), Fault("frozen", host=1)):
        board.add(check(fault), 0)
    assert board.clear("silence", 2) == 1
    assert board.clear(host=1) == 2
    board.add(check(Fault("frozen")), 0)
    assert board.clear() == 1
