"""NYSE days: package and committed table must agree, and nothing is known after the table's end."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from domain.errors import ConfigurationError
from guards.calendar import KNOWN_UNTIL, TABLE_DAYS, TABLE_HEADER, NyseCalendar, parse_table, render_table

TABLE = (Path(__file__).parents[2] / "configs" / "nyse_days.csv").read_text("utf-8")
DAY = dt.date.fromisoformat


@pytest.mark.step("H01")
def test_the_committed_table_is_what_the_package_gives_and_ends_where_the_code_says() -> None:
    table = parse_table(TABLE)
    assert len(table) == TABLE_DAYS
    assert render_table(min(table)) == TABLE
    assert max(table) == KNOWN_UNTIL
    assert NyseCalendar(table).disagreements() == ()


def test_every_day_of_the_table_is_the_same_with_and_without_it() -> None:
    table = parse_table(TABLE)
    with_table, without = NyseCalendar(table), NyseCalendar()
    for day, hour in table.items():
        assert with_table.close_hour(day) == without.close_hour(day) == hour


@pytest.mark.parametrize(
    ("day", "hour"),
    [
        ("2025-11-27", None),  # Thanksgiving
        ("2025-11-28", 13),  # the day after
        ("2026-04-03", None),  # Good Friday
        ("2026-07-03", None),  # Independence Day observed
        ("2026-11-21", None),  # Saturday
        ("2026-11-23", 16),
        ("2026-12-24", 13),
        ("2027-12-24", None),  # Christmas observed
    ],
)
def test_known_days(day: str, hour: int | None) -> None:
    assert NyseCalendar(parse_table(TABLE)).close_hour(DAY(day)) == hour


def test_past_the_end_of_the_table_every_day_is_closed() -> None:
    assert NyseCalendar().close_hour(KNOWN_UNTIL + dt.timedelta(days=2)) is None  # a Monday
    short = NyseCalendar({DAY("2026-11-23"): 16})
    assert short.close_hour(DAY("2026-11-23")) == 16
    assert short.close_hour(DAY("2026-11-24")) is None


@pytest.mark.step("H01")
def test_a_day_on_which_the_two_sources_differ_is_closed_and_named() -> None:
    table = parse_table(TABLE) | {DAY("2026-11-24"): None, DAY("2026-11-25"): 13, DAY("2026-11-26"): 16}
    calendar = NyseCalendar(table)
    for day in ("2026-11-24", "2026-11-25", "2026-11-26"):
        assert calendar.close_hour(DAY(day)) is None
        assert any(day in line for line in calendar.disagreements())
    assert len(calendar.disagreements()) == 3


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "line 1"),
        ("date,open\n", "line 1"),
        (f"{TABLE_HEADER}\n", "no days"),
        (f"{TABLE_HEADER}\n2026-11-23,full,16:00,\n2026-11-25,full,16:00,\n", "expected 2026-11-24"),
        (f"{TABLE_HEADER}\n2026-11-23,half,16:00,\n", "closes at 13:00"),
        (f"{TABLE_HEADER}\n2026-11-23,open,16:00,\n", "line 2"),
        (f"{TABLE_HEADER}\n23.11.2026,full,16:00,\n", "line 2"),
        (f"{TABLE_HEADER}\n2026-11-23\n", "line 2"),
    ],
)
def test_a_damaged_table_is_refused_in_one_line(text: str, word: str) -> None:
    with pytest.raises(ConfigurationError, match=word) as caught:
        parse_table(text)
    assert "\n" not in str(caught.value)
