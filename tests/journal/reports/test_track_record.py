"""The figures of a track record against plain textbook ones, and what may not make them look surer than they are."""

from __future__ import annotations

import math
import random
import statistics

import msgspec
import pytest

from domain.clock import NS_PER_S
from domain.market import Side
from domain.records import Entry
from journal.reports.fold import Fold
from journal.reports.track_record import Earned, TrackRecord, bootstrap, clustered, track_record
from tests.journal.story import HIGH, LOW, TARGET_NS, filled, order_created, settled

DOLLAR = 1_000_000
CONTRACT = 100


def earned(*profits: float, contracts: int = 3, days: int = 1) -> TrackRecord:
    """Windows with these dollars of profit, `days` of them a session."""
    rows = [
        Earned(n, f"day-{n // days}", contracts, contracts * CONTRACT, 10 * CONTRACT, round(each * DOLLAR), 0)
        for n, each in enumerate(profits)
    ]
    return TrackRecord(tuple(rows), 0)


@pytest.mark.step("H08")
@pytest.mark.parametrize("seed", range(20))
def test_with_equal_windows_it_is_the_plain_t_of_their_means(seed: int) -> None:
    chance = random.Random(seed)
    profits = [round(chance.gauss(0.1, 0.5), 6) for _ in range(chance.randrange(2, 60))]
    found = earned(*profits).profit()
    means = [each / 3 for each in profits]
    assert found is not None
    assert found.t is not None
    assert found.mean == pytest.approx(statistics.mean(means))
    assert found.t == pytest.approx(statistics.mean(means) / (statistics.stdev(means) / math.sqrt(len(means))))


@pytest.mark.step("H08")
@pytest.mark.parametrize("seed", range(20))
def test_with_unequal_windows_it_is_near_the_jackknife_over_windows(seed: int) -> None:
    """A method of its own: leave each window out in turn."""
    chance = random.Random(seed)
    rows = [
        (round(chance.gauss(0.1, 0.5) * count * DOLLAR), count * CONTRACT) for count in chance.choices((1, 2, 5), k=80)
    ]
    found = clustered(rows)
    assert found is not None
    assert found.t is not None
    cash, count = sum(row[0] for row in rows), sum(row[1] for row in rows)
    left_out = [(cash - row[0]) / (count - row[1]) for row in rows]
    middle = statistics.mean(left_out)
    error = math.sqrt((len(rows) - 1) / len(rows) * sum((each - middle) ** 2 for each in left_out))
    assert found.t == pytest.approx(cash / count / error, rel=0.05)


@pytest.mark.step("H08")
def test_more_fills_of_the_same_hour_prove_no_more() -> None:
    once, ten = earned(1.0, -0.5, 0.75), earned(10.0, -5.0, 7.5, contracts=30)
    assert (once.fills, ten.fills) == (9, 90)
    first, second = once.profit(), ten.profit()
    assert first is not None
    assert second is not None
    assert first.t == pytest.approx(second.t)
    assert first.mean == pytest.approx(second.mean)


def test_what_has_no_spread_or_no_second_window_has_no_t() -> None:
    assert clustered([]) is None
    assert clustered([(5, 0)]) is None
    for rows in ([(DOLLAR, CONTRACT)], [(DOLLAR, CONTRACT)] * 5):
        found = clustered(rows)
        assert found is not None
        assert (found.mean, found.t) == (1.0, None)
    assert bootstrap([(DOLLAR, CONTRACT)]) is None


def test_the_interval_is_of_sessions_and_the_same_for_the_same_evidence() -> None:
    chance = random.Random(3)
    profits = [chance.gauss(0.1, 0.5) for _ in range(200)]
    by_window, by_day = earned(*profits).interval(), earned(*profits, days=10).interval()
    assert by_window is not None
    assert by_day is not None
    assert earned(*profits).interval() == by_window
    mean = statistics.mean(profits) / 3
    error = statistics.stdev(profits) / 3 / math.sqrt(len(profits))
    assert by_window == pytest.approx((mean - 1.96 * error, mean + 1.96 * error), abs=0.2 * error)
    assert by_day[0] < mean < by_day[1]


def folded(*entries: Entry) -> Fold:
    fold = Fold()
    for number, entry in enumerate(entries):
        fold.take(TARGET_NS - 600 * NS_PER_S + number, entry)
    return fold


@pytest.mark.step("H08")
def test_a_window_is_counted_when_it_is_settled_whole_with_both_series_and_after_fees() -> None:
    told: list[Entry] = [
        order_created(1, LOW, Side.BID, 4200, 4500),
        order_created(2, HIGH, Side.ASK, 3800, 3500),
        filled(1, LOW, Side.BID, 4200, fee=1_000),
        filled(1, LOW, Side.BID, 4200, fee=1_000),
        filled(2, HIGH, Side.ASK, 3800, trade="b"),
    ]
    assert track_record(folded(*told, settled(LOW, "yes", 100, 0))) == TrackRecord((), 1)
    whole = track_record(folded(*told, settled(LOW, "yes", 100, 0), settled(HIGH, "yes", -100, 0)))
    (window,) = whole.windows
    assert (window.fills, window.contracts, window.placed, window.session) == (2, 200, 200, "2026-03-06")
    assert window.profit == 580_000 - 1_000 - 620_000
    assert window.expected == 30_000 - 1_000 + 30_000
    other = [
        msgspec.structs.replace(each, series="NASDAQ100U") for each in (told[0], told[2], settled(LOW, "no", 1, 0))
    ]
    both = track_record(folded(*told[1:2], *told[4:], settled(HIGH, "no", -100, 0), *other))
    assert len(both.windows) == 1, "one hour, one window, whatever the series"
    assert (both.windows[0].fills, both.fill_share) == (2, 1.0)


def test_a_fill_whose_order_is_not_in_the_journal_has_no_expectation() -> None:
    record = track_record(folded(filled(1, LOW, Side.BID, 4200), settled(LOW, "yes", 100, 0)))
    assert record.windows[0].expected is None
    assert record.beyond_expected() is None
