"""An event is matched by its close time, and what is missing is missing."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from daemon.preflight.discover import LadderListing, ListedLadder, match, merged, parse_listing, windows_today
from domain.clock import NS_PER_S
from domain.errors import ConfigurationError
from guards.calendar import NyseCalendar, parse_table
from guards.windows import WindowPlan, WindowSettings
from tests.guards.made import short_settings

ROOT = Path(__file__).resolve().parents[3]
ET = ZoneInfo("America/New_York")
PLAN = WindowPlan(WindowSettings(), NyseCalendar(parse_table((ROOT / "configs" / "nyse_days.csv").read_text("utf-8"))))


def at(hour: int, minute: int = 0, day: int = 23) -> int:
    return int(dt.datetime(2026, 11, day, hour, minute, tzinfo=ET).timestamp()) * NS_PER_S


def ladder(hour: int, series: str = "INXU") -> ListedLadder:
    return ListedLadder(series, at(hour), (f"{series}-{hour}",), 40, 40, 0, (100,))


def listing(*ladders: ListedLadder, **changes: object) -> LadderListing:
    made = LadderListing(1, "2026-11-23", "demo", at(8), ladders)
    return msgspec.structs.replace(made, **changes)


def test_every_hour_of_the_day_is_wanted_from_morning_to_evening() -> None:
    for now in (at(0, 5), at(12), at(23)):
        labels = [window.label for window in windows_today(PLAN, "INXU", now)]
        assert labels == [f"hourly-{hour}00" for hour in range(10, 16)]
    assert windows_today(PLAN, "INXU", at(12, day=26)) == (), "Thanksgiving"


def test_the_short_template_wants_the_present_and_the_next() -> None:
    plan = WindowPlan(short_settings(1_795_000_000, 120, 20))
    targets = [w.target_ns // NS_PER_S for w in windows_today(plan, "INXU", 1_795_000_050 * NS_PER_S)]
    assert targets
    assert all(target >= 1_795_000_050 for target in targets)


@pytest.mark.step("H03")
def test_missing_hours_are_named_by_close_time() -> None:
    windows = {"INXU": windows_today(PLAN, "INXU", at(9))}
    rows = match(windows, listing(*(ladder(hour) for hour in (10, 11, 13, 14, 15))))
    assert [row.label for row in rows if row.listed is None] == ["hourly-1200"]
    shifted = msgspec.structs.replace(ladder(12), close_ns=at(12) + NS_PER_S)
    assert match(windows, listing(shifted))[2].listed is None, "a second off is another event"
    assert match(windows, listing(ladder(12, "NASDAQ100U")))[2].listed is None


def test_a_listing_keeps_the_other_series_of_the_same_day_and_host_with_the_older_age() -> None:
    old = listing(ladder(10, "NASDAQ100U"), ladder(10))
    new = listing(ladder(11), asked_utc_ns=at(9))
    both = merged(old, new)
    assert [(one.series, one.close_ns) for one in both.ladders] == [("INXU", at(11)), ("NASDAQ100U", at(10))]
    assert both.asked_utc_ns == at(8)
    assert merged(msgspec.structs.replace(old, host="live"), new) == new
    assert merged(msgspec.structs.replace(old, day="2026-11-20"), new) == new
    assert merged(None, new) == new


@pytest.mark.parametrize("text", [b"", b"[]", b'{"version": 1}', msgspec.json.encode(listing(version=2))])
def test_an_unsound_listing_is_refused(text: bytes) -> None:
    with pytest.raises(ConfigurationError, match=r"listing\.json"):
        parse_listing(text, "listing.json")
