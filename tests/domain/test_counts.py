from __future__ import annotations

from domain.counts import COUNTS, Counted, Counts


def test_each_is_counted_alone_and_only_grows() -> None:
    counts = Counts()
    counts.add(Counted.CYCLES)
    counts.add(Counted.CYCLES, 3)
    counts.add(Counted.STALES, 0)
    assert counts[Counted.CYCLES] == 4
    assert sum(counts.values()) == 4


def test_the_list_has_no_gap() -> None:
    assert [int(count) for count in COUNTS] == list(range(len(COUNTS)))


def test_a_snapshot_is_taken_up_by_name_and_what_is_gone_is_dropped() -> None:
    counts, after = Counts(), Counts()
    counts.add(Counted.REQUOTES, 7)
    after.restore(counts.record() | {"NOT_COUNTED_ANY_MORE": 3})
    assert after.values() == counts.values()
