"""The faults of values, stamps and frames, each seen in the objects that a host makes."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from domain.clock import Now
from sim.index_feed.faults import Fault, FaultBoard, check
from sim.index_feed.spoil import Bars, Host, Piece
from sim.index_feed.tape import LiveTape, Shown

MS = 1_000_000
S = 1_000 * MS
START = 1_795_233_262 * S


class World:
    """One host under faults, fed with the first ticks of a tape."""

    def __init__(self, *faults: Fault) -> None:
        self.tape = LiveTape(3, ["I:SPX", "I:NDX"], 1_000, 0.2, 1.0)
        self.board = FaultBoard()
        for fault in faults:
            self.board.add(check(fault), 0)
        self.host = Host(1, self.tape, self.board)
        self.ticks = list(self.tape.between("I:SPX", START, START + 10 * S, 99))

    def pieces(self, number: int) -> list[Piece]:
        return self.host.pieces(self.ticks[number], Now(0, self.ticks[number].utc_ns))

    def objects(self, number: int) -> list[dict[str, Any]]:
        return [orjson.loads(piece.text) for piece in self.pieces(number)]


def clean(tick: Shown) -> dict[str, Any]:
    return {"ev": "V", "val": tick.value / 1e6, "T": tick.ticker, "t": tick.utc_ns // MS}


def test_without_faults_one_value_as_shown() -> None:
    world = World()
    assert [world.objects(n) for n in range(5)] == [[clean(world.ticks[n])] for n in range(5)]


def test_silence_by_symbol() -> None:
    assert World(Fault("silence")).objects(0) == []
    assert World(Fault("silence", symbol="I:SPX")).objects(0) == []
    assert World(Fault("silence", symbol="I:NDX")).objects(0) != []
    assert World(Fault("silence", host=2)).objects(0) != []


def test_duplicate_and_out_of_order() -> None:
    world = World(Fault("duplicate"))
    assert world.objects(0) == [clean(world.ticks[0])] * 2
    world = World(Fault("out_of_order"))
    assert world.objects(0) == [clean(world.ticks[0])]
    assert world.objects(1) == [clean(world.ticks[1]), clean(world.ticks[0])]


def test_frozen_value_with_advancing_stamp_and_the_reverse() -> None:
    world = World(Fault("frozen"))
    first, second = world.objects(0)[0], world.objects(1)[0]
    assert first["val"] == second["val"]
    assert first["t"] < second["t"]
    world = World(Fault("stuck_stamp"))
    first, second = world.objects(0)[0], world.objects(1)[0]
    assert first["t"] == second["t"]
    assert first["val"] != second["val"]


def test_stamps_in_nanoseconds_and_from_the_past() -> None:
    world = World(Fault("ns_stamp"))
    assert world.objects(0)[0]["t"] == world.ticks[0].utc_ns
    world = World(Fault("old_stamp"))
    assert world.objects(0)[0]["t"] == world.ticks[0].utc_ns // MS - 900_000


def test_divergence_lasts_and_a_jump_is_one_value() -> None:
    world = World(Fault("divergence", bps=10))
    for n in range(3):
        assert world.objects(n)[0]["val"] / clean(world.ticks[n])["val"] == pytest.approx(1.001, abs=1e-5)
    world = World(Fault("jump", bps=-100))
    assert world.objects(0)[0]["val"] / clean(world.ticks[0])["val"] == pytest.approx(0.99, abs=1e-5)
    assert world.objects(1) == [clean(world.ticks[1])]


def test_unrounded_doubles() -> None:
    world = World(Fault("unrounded"))
    assert len(world.pieces(0)[0].text) > len(World().pieces(0)[0].text)


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_frames_of_any_size_with_rising_stamps_ending_in_the_value(size: int) -> None:
    world = World(Fault("frame_size", n=size))
    objects = world.objects(3)
    assert len(objects) == size
    assert objects[-1] == clean(world.ticks[3])
    stamps = [o["t"] for o in objects]
    assert stamps == sorted(set(stamps))


def test_mixed_and_unknown_objects() -> None:
    world = World(Fault("mixed"))
    assert [o["ev"] for o in world.objects(0)] == ["A", "V", "status", "AM"]
    world = World(Fault("unknown_event"))
    assert [o.get("T", o["ev"]) for o in world.objects(0)] == ["XYZ", "I:SPX", "I:NOBODY"]


def test_bad_json_is_no_json() -> None:
    with pytest.raises(orjson.JSONDecodeError):
        World(Fault("bad_json")).objects(0)


def test_bars_are_the_extremes_of_their_window() -> None:
    world, bars = World(), Bars()
    done = [piece for tick in world.ticks for piece in bars.add(tick, world.tape)]
    assert {piece.channel for piece in done} == {"A"}
    for piece in done:
        bar = orjson.loads(piece.text)
        inside = [t.value / 1e6 for t in world.ticks if bar["s"] <= t.utc_ns // MS < bar["e"]]
        assert bar["e"] - bar["s"] == 1_000
        assert (bar["o"], bar["c"], bar["h"], bar["l"]) == (inside[0], inside[-1], max(inside), min(inside))
        assert bar["op"] == world.ticks[0].value / 1e6
