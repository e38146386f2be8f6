"""LadderListing, cache and history: only what is there, of today, whole and answered passes, each with its age."""

from __future__ import annotations

import pytest

from daemon.preflight.data_checks import history_cache, listing, rest_history
from daemon.preflight.discover import VERSION, LadderListing, ListedLadder
from domain.clock import NS_PER_S
from domain.events import Bar, History
from domain.findings.finding import FindingStatus
from domain.money import IndexValue

DAY, NOW_NS = "2026-03-06", 1_772_809_200 * NS_PER_S
SERIES = ("INXU", "NASDAQ100U")
HOUR_NS = 3_600 * NS_PER_S
BARS = (Bar(NOW_NS // 10**6 - 1_500, IndexValue(1), IndexValue(1)),)


def ladder(series: str) -> ListedLadder:
    return ListedLadder(series, NOW_NS, ("E",), 5, 5, 0, (100,))


def saved(day: str = DAY, series: tuple[str, ...] = SERIES) -> LadderListing:
    return LadderListing(VERSION, day, "host", NOW_NS - 90 * NS_PER_S, tuple(ladder(name) for name in series))


@pytest.mark.step("K06")
@pytest.mark.parametrize(
    ("found", "status"),
    [
        (saved(), FindingStatus.PASS),
        (None, FindingStatus.FAIL),
        (saved("2026-03-05"), FindingStatus.FAIL),
        (saved(series=("INXU",)), FindingStatus.FAIL),
    ],
)
def test_the_universe_was_saved_today_for_every_series(found: LadderListing | None, status: FindingStatus) -> None:
    finding = listing(found, DAY, SERIES, NOW_NS)
    assert finding.status is status, finding.reason
    if status is FindingStatus.PASS:
        assert finding.age_s == 90.0


@pytest.mark.step("K06")
@pytest.mark.parametrize(
    ("hours", "symbols", "status"),
    [
        (23.9, ("I:SPX", "I:NDX"), FindingStatus.PASS),
        (24.0, ("I:SPX", "I:NDX"), FindingStatus.FAIL),
        (1.0, ("I:SPX",), FindingStatus.FAIL),
        (None, (), FindingStatus.FAIL),
    ],
)
def test_history_was_kept_within_a_day(hours: float | None, symbols: tuple[str, ...], status: FindingStatus) -> None:
    histories = tuple(History(symbol, 1_000, BARS) for symbol in symbols)
    asked_ns = None if hours is None else NOW_NS - round(hours * HOUR_NS)
    finding = history_cache(asked_ns, histories, {"I:SPX", "I:NDX"}, NOW_NS)
    assert finding.status is status, finding.reason
    assert finding.age_s == (None if hours is None else hours * 3_600)


@pytest.mark.step("K06")
def test_every_host_must_answer_with_history() -> None:
    found = History("I:SPX", 1_000, BARS)
    good = rest_history({"massive I:SPX": found, "polygon I:SPX": found}, NOW_NS)
    assert (good.status, good.age_s) == (FindingStatus.PASS, 1.5)
    silent = rest_history({"massive I:SPX": found, "polygon I:SPX": None}, NOW_NS)
    assert (silent.status, "polygon I:SPX" in silent.reason) == (FindingStatus.FAIL, True)
    assert rest_history({}, NOW_NS).status is FindingStatus.UNKNOWN
