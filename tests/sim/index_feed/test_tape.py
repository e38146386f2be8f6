"""When values are shown: about once a cadence, each index by itself, unchanged ones left out; recordings as made."""

from __future__ import annotations

import itertools

import pytest

from sim.index_feed.tape import LiveTape, RecordedTape, Shown, read_rows
from sim.market import IndexPath

MS = 1_000_000
S = 1_000 * MS
START = 1_795_233_262 * S


def live(cadence_ms: int = 1_000, jitter: float = 0.2, vol_scale: float = 1.0) -> LiveTape:
    return LiveTape(3, ["I:SPX", "I:NDX"], cadence_ms, jitter, vol_scale)


def walk(tape: LiveTape, seconds: float, step_ms: int = 10) -> list[Shown]:
    shown: list[Shown] = []
    for at in range(START, START + round(seconds * S), step_ms * MS):
        shown.extend(tape.due(at))
    return shown


@pytest.mark.parametrize("cadence_ms", [250, 1_000])
def test_cadence_and_jitter(cadence_ms: int) -> None:
    times = [tick.utc_ns for tick in walk(live(cadence_ms), 120) if tick.ticker == "I:NDX"]
    gaps = [(b - a) / MS for a, b in itertools.pairwise(times)]
    assert sum(gaps) / len(gaps) == pytest.approx(cadence_ms, rel=0.02)
    assert min(gaps) >= 0.79 * cadence_ms
    assert max(gaps) <= 1.21 * cadence_ms
    assert len({round(gap) for gap in gaps}) > 20


def test_indices_are_not_locked_together() -> None:
    ticks = walk(live(), 30)
    spx = [t.utc_ns for t in ticks if t.ticker == "I:SPX"]
    assert not set(spx) & {t.utc_ns for t in ticks if t.ticker == "I:NDX"}


def test_values_are_those_of_the_path_at_the_stamp_to_the_millisecond() -> None:
    paths = {name: IndexPath(3, name) for name in ("I:SPX", "I:NDX")}
    for tick in walk(live(), 20):
        assert tick.value == paths[tick.ticker].value_at(tick.utc_ns)
        assert tick.utc_ns % MS == 0


def test_unchanged_values_are_left_out() -> None:
    assert [t.ticker for t in walk(live(vol_scale=0.0), 20)] == []


def test_history_agrees_with_what_was_shown() -> None:
    shown = [t for t in walk(live(), 60) if t.ticker == "I:SPX" and t.utc_ns >= START]
    again = list(live().between("I:SPX", START, START + 60 * S, 10_000))
    missed = [t for t in again if t not in shown]
    assert all(tick in again for tick in shown)
    assert all(tick.value == before.value for before, tick in itertools.pairwise(again) if tick in missed)
    last = live().last("I:SPX", START + 60 * S - 1)
    assert last == again[-1]


def test_thinned_history_keeps_its_ends() -> None:
    full = list(live().between("I:SPX", START, START + 600 * S, 10_000))
    thin = list(live().between("I:SPX", START, START + 600 * S, 12))
    assert (thin[0], thin[-1]) == (full[0], full[-1])
    assert len(thin) < 20
    assert list(live().between("I:NOPE", START, START + S, 9)) == []
    assert live().last("I:NOPE", START) is None


def test_after_a_pause_of_the_process_there_is_no_burst() -> None:
    tape = live()
    tape.due(START)
    assert len(tape.due(START + 3_600 * S)) <= 4
    following = tape.next_ns()
    assert following is not None
    assert following > START + 3_600 * S


def test_two_tapes_of_one_seed_show_the_same() -> None:
    assert walk(live(), 10, step_ms=10) == walk(live(), 10, step_ms=70)[: len(walk(live(), 10))]


CSV = "t,T,val\n1000000000000,I:SPX,6700.10\n1000000000250,I:NDX,25000.1234567\n1000000001000,I:SPX,6700.2\n"
JSONL = '{"t":1000000000000,"T":"I:SPX","val":6700.10}\n\n{"T":"I:SPX","val":6700.2,"t":1000000001000}\n'


def test_a_recording_keeps_its_distances_and_texts() -> None:
    tape = RecordedTape(read_rows(CSV, jsonl=False), START)
    assert tape.tickers == ("I:SPX", "I:NDX")
    assert [(t.ticker, t.text) for t in tape.due(START)] == [("I:SPX", "6700.10")]
    assert tape.next_ns() == START + 250 * MS
    assert tape.due(START + 200 * MS) == ()
    later = tape.due(START + 2 * S)
    assert [(t.value, (t.utc_ns - START) // MS) for t in later] == [(25_000_123_457, 250), (6_700_200_000, 1_000)]
    assert tape.next_ns() is None
    last = tape.last("I:NDX", START + 250 * MS)
    assert last is not None
    assert last.text == "25000.1234567"
    assert len(list(tape.between("I:SPX", START, START + S, 5))) == 1


def test_json_lines_keep_their_number_text() -> None:
    assert [(row.text, row.value) for row in read_rows(JSONL, jsonl=True)] == [
        ("6700.10", 6_700_100_000),
        ("6700.2", 6_700_200_000),
    ]


@pytest.mark.parametrize(
    ("text", "jsonl", "words"),
    [
        ("t,T\n1,I:SPX\n", False, "line 2.*must name t, T and val"),
        ("t,T,val\n1,I:SPX,high\n", False, "line 2.*not a plain decimal number"),
        ('{"t":1}\n', True, "line 1.*write"),
        ("nothing", True, "line 1"),
    ],
)
def test_a_bad_recording_is_refused_with_its_line(text: str, jsonl: bool, words: str) -> None:  # noqa: FBT001 - a case
    with pytest.raises(ValueError, match=words):
        read_rows(text, jsonl=jsonl)


def test_an_empty_recording_is_refused() -> None:
    with pytest.raises(ValueError, match="no rows"):
        RecordedTape([], START)
