"""Windows: the cases of the contracts, both DST days, holidays, half days, and the short template."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import to_builtins

from domain.clock import NS_PER_S, Now
from domain.errors import ConfigurationError
from domain.stamps import NEW_YORK
from domain.window import Phase
from guards.calendar import NyseCalendar
from guards.windows import (
    WindowPlan,
    WindowSettings,
    current_window,
    default_plan,
    ops_window,
    scheduler_window,
    seconds_to_freeze,
    windows_answer,
)
from tests.guards.made import short_settings

CALENDAR = NyseCalendar()
LEAD_NS = 1_500_000_000
DAY = dt.date.fromisoformat


def ns(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp()) * NS_PER_S


def labels(plan: WindowPlan, day: str) -> list[str]:
    return [window.label for window in plan.windows_on(DAY(day))]


@pytest.mark.step("H01")
@pytest.mark.parametrize(
    ("now", "label", "target"),
    [
        ("2026-03-06T14:50:00Z", "hourly-1000", "2026-03-06T15:00:00Z"),
        ("2026-03-09T13:50:00Z", "hourly-1000", "2026-03-09T14:00:00Z"),  # the Monday after the spring change
        ("2026-03-09T14:50:00Z", "hourly-1100", "2026-03-09T15:00:00Z"),
        ("2026-10-30T13:50:00Z", "hourly-1000", "2026-10-30T14:00:00Z"),  # the Friday before the autumn change
        ("2026-11-02T14:50:00Z", "hourly-1000", "2026-11-02T15:00:00Z"),
        ("2026-04-03T13:50:00Z", None, None),  # Good Friday
        ("2025-11-28T16:50:00Z", "hourly-1200", "2025-11-28T17:00:00Z"),
        ("2025-11-28T17:50:00Z", None, None),  # closes at 13:00
        ("2026-11-21T15:50:00Z", None, None),  # Saturday
    ],
)
@pytest.mark.parametrize("series", ["INXU", "NASDAQ100U"])
def test_cases_of_the_contracts(now: str, label: str | None, target: str | None, series: str) -> None:
    window = current_window(series, ns(now))
    assert (window.label if window else None) == label
    assert (window.target_ns if window else None) == (ns(target) if target else None)


def test_now_may_be_a_stamp_a_number_or_a_datetime_with_a_zone() -> None:
    moment = dt.datetime(2026, 3, 6, 14, 50, tzinfo=dt.UTC)
    stamp = ns("2026-03-06T14:50:00Z")
    assert current_window("INXU", moment) == current_window("INXU", stamp) == current_window("INXU", Now(5, stamp))
    with pytest.raises(ValueError, match="zone"):
        current_window("INXU", moment.replace(tzinfo=None))


@pytest.mark.step("H01")
def test_edges_of_a_window_to_the_nanosecond() -> None:
    plan = default_plan()
    target = ns("2026-03-06T15:00:00Z")
    expected = [
        (target - 1200 * NS_PER_S - 1, Phase.CLOSED),
        (target - 1200 * NS_PER_S, Phase.PREFLIGHT),
        (target - 900 * NS_PER_S - 1, Phase.PREFLIGHT),
        (target - 900 * NS_PER_S, Phase.QUOTING),
        (target - 60 * NS_PER_S - 1, Phase.QUOTING),
        (target - 60 * NS_PER_S, Phase.STRICT),
        (target - 2 * NS_PER_S - LEAD_NS - 1, Phase.STRICT),
        (target - 2 * NS_PER_S - LEAD_NS, Phase.FLATTENING),
        (target - 2 * NS_PER_S - 1, Phase.FLATTENING),
        (target - 2 * NS_PER_S, Phase.FROZEN),
        (target, Phase.FROZEN),
        (target + 1, Phase.CLOSED),
    ]
    for instant, phase in expected:
        assert plan.phase("INXU", instant, LEAD_NS) is phase
        # Asked first of all, with nothing remembered.
        assert WindowPlan(WindowSettings(), CALENDAR).phase("INXU", instant, LEAD_NS) is phase


@pytest.mark.parametrize(
    ("settings", "day", "expected"),
    [
        (WindowSettings(), "2026-11-23", [10, 11, 12, 13, 14, 15]),
        (WindowSettings(hourly_targets=(15, 10)), "2026-11-23", [10, 15]),
        (WindowSettings(enable_1600=True), "2026-11-23", [10, 11, 12, 13, 14, 15, 16]),
        (WindowSettings(enable_1600=True), "2026-11-27", [10, 11, 12]),
        (WindowSettings(enable_1300=True), "2026-11-27", [10, 11, 12, 13]),
        (WindowSettings(enable_1300=True), "2026-11-23", [10, 11, 12, 13, 14, 15]),
        (WindowSettings(enable_1600=True, enable_1300=True), "2026-11-26", []),
    ],
)
def test_targets_of_a_day(settings: WindowSettings, day: str, expected: list[int]) -> None:
    assert labels(WindowPlan(settings, CALENDAR), day) == [f"hourly-{hour}00" for hour in expected]


def test_close_prints_say_that_they_are() -> None:
    plan = WindowPlan(WindowSettings(enable_1600=True, enable_1300=True, enable_close_1600=True), CALENDAR)
    assert [w.target_type for w in plan.windows_on(DAY("2026-11-23"))] == ["hourly"] * 6 + ["close_print", "close"]
    assert [w.target_type for w in plan.windows_on(DAY("2026-11-27"))] == ["hourly"] * 3 + ["close_print"]


def test_the_close_window_belongs_to_its_own_series_and_opens_at_ten_to_four() -> None:
    plan = WindowPlan(WindowSettings(enable_1600=True, enable_close_1600=True), CALENDAR)
    at = ns("2026-11-23T20:52:00Z")
    close, hourly = plan.current_window("INX", at), plan.current_window("INXU", at)
    assert close is not None
    assert hourly is not None
    assert (close.label, hourly.label) == ("close-1600", "hourly-1600")
    assert close.opens_ns == ns("2026-11-23T20:50:00Z")
    assert plan.current_window("NASDAQ100", at) == close


@pytest.mark.parametrize(("day", "hours"), [("2026-03-08", 23), ("2026-11-01", 25)])
def test_both_dst_days_have_their_length_and_no_windows(day: str, hours: int) -> None:
    plan = default_plan()
    start = dt.datetime.combine(DAY(day), dt.time(), tzinfo=NEW_YORK)
    first, last = int(start.timestamp()), int((start + dt.timedelta(days=1)).timestamp())
    assert last - first == hours * 3600
    assert plan.windows_on(DAY(day)) == ()
    for second in range(first, last, 900):
        assert plan.session_date(second * NS_PER_S) == DAY(day)
        assert plan.current_window("INXU", second * NS_PER_S) is None


@pytest.mark.parametrize(
    ("now", "is_open"),
    [
        ("2026-11-23T14:29:59Z", False),
        ("2026-11-23T14:30:00Z", True),
        ("2026-11-23T20:59:59Z", True),
        ("2026-11-23T21:00:00Z", False),
        ("2026-11-27T17:59:59Z", True),
        ("2026-11-27T18:00:00Z", False),
        ("2026-11-26T16:00:00Z", False),
        ("2026-11-22T16:00:00Z", False),
        ("2026-07-06T13:30:00Z", True),
    ],
)
def test_market_hours(now: str, *, is_open: bool) -> None:
    assert default_plan().market_open(ns(now)) is is_open


def test_a_session_is_new_yorks_date() -> None:
    assert default_plan().session_date(ns("2026-11-24T04:59:59Z")) == DAY("2026-11-23")
    assert default_plan().session_date(ns("2026-11-24T05:00:00Z")) == DAY("2026-11-24")


def test_the_next_window_skips_the_weekend_and_the_holiday() -> None:
    following = default_plan().next_window("INXU", ns("2026-11-25T19:45:00Z"))  # Wednesday, inside hourly-1500
    assert following is not None
    assert (following.label, following.target_ns) == ("hourly-1000", ns("2026-11-27T15:00:00Z"))


def test_after_the_calendars_end_there_is_no_window_and_no_edge() -> None:
    at = ns("2028-01-10T12:00:00Z")
    assert default_plan().current_window("INXU", at) is None
    assert default_plan().next_window("INXU", at) is None
    assert default_plan().next_edge("INXU", at, LEAD_NS) is None


def test_an_unknown_series_has_no_window() -> None:
    assert current_window("KXBTC", ns("2026-03-06T14:50:00Z")) is None


INSTANTS = st.integers(ns("2026-01-01T00:00:00Z"), ns("2027-12-31T00:00:00Z"))
PLANS = st.sampled_from(
    [
        default_plan(),
        WindowPlan(WindowSettings(enable_1600=True, enable_1300=True), CALENDAR),
        WindowPlan(short_settings(1_770_000_000)),
        WindowPlan(short_settings(1_770_000_003, period_s=12, strict_lead_s=5)),
    ]
)


@given(plan=PLANS, instant=INSTANTS)
def test_edges_lie_ahead_and_nothing_changes_before_them(plan: WindowPlan, instant: int) -> None:
    edge = plan.next_edge("INXU", instant, LEAD_NS)
    if edge is None:
        return
    assert edge > instant
    phase = plan.phase("INXU", instant, LEAD_NS)
    for within in (edge - 1, (instant + edge) // 2):
        assert plan.phase("INXU", within, LEAD_NS) is phase
    assert plan.phase("INXU", edge, LEAD_NS) is not phase


@given(plan=PLANS, instants=st.lists(INSTANTS, min_size=2, max_size=6))
def test_what_is_remembered_changes_no_answer(plan: WindowPlan, instants: list[int]) -> None:
    fresh = [WindowPlan(plan.settings, CALENDAR).current_window("INXU", instant) for instant in instants]
    assert [plan.current_window("INXU", instant) for instant in instants] == fresh


@given(plan=PLANS, instant=INSTANTS)
def test_a_current_window_holds_its_instant_and_is_listed_on_its_day(plan: WindowPlan, instant: int) -> None:
    window = plan.current_window("INXU", instant)
    if window is not None:
        assert window.preflight_ns <= instant <= window.target_ns
        assert window in plan.windows_on(plan.session_date(window.target_ns))
    following = plan.next_window("INXU", instant)
    if following is not None:
        assert following.preflight_ns > instant


def test_short_windows_follow_each_other_from_the_anchor() -> None:
    plan = WindowPlan(short_settings(1_000_000, period_s=12, strict_lead_s=5))
    anchor = 1_000_000 * NS_PER_S
    assert plan.phase("INXU", anchor - 12 * NS_PER_S, LEAD_NS) is Phase.CLOSED
    first = plan.current_window("INXU", anchor - 10 * NS_PER_S)
    assert first is not None
    assert (first.target_ns, first.strict_ns, first.freeze_ns) == (
        anchor,
        anchor - 5 * NS_PER_S,
        anchor - 2 * NS_PER_S,
    )
    second = plan.next_window("INXU", anchor)
    assert second is not None
    assert second.target_ns == anchor + 12 * NS_PER_S
    assert plan.market_open(anchor)


def test_short_windows_are_right_when_time_goes_back() -> None:
    settings = short_settings(1_000_000, period_s=12, strict_lead_s=5)
    plan = WindowPlan(settings)
    for second in (1_000_100, 1_000_024.5, 1_000_013, 1_000_000.5, 999_999, 1_000_099, 1_000_040):
        instant = round(second * 10) * NS_PER_S // 10
        cold = WindowPlan(settings).current_window("INXU", instant)
        assert plan.current_window("INXU", instant) == cold
        assert plan.current_window("unknown", instant) is None


def test_the_short_window_opens_at_once_when_the_anchor_is_near() -> None:
    settings = short_settings(1_000_000)
    assert settings.period_s - settings.open_lead_s <= 6


@pytest.mark.parametrize(
    "change",
    [
        {"strict_lead_s": 2},
        {"open_lead_s": 60},
        {"preflight_lead_s": 600},
        {"preflight_lead_s": 3601},
        {"freeze_lead_s": 0},
        {"hourly_targets": (9, 10)},
        {"hourly_targets": (10, 16)},
        {"hourly_targets": (10, 10)},
        {"template": "short", "period_s": 120},
    ],
)
def test_settings_that_contradict_themselves_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        WindowSettings(**change)  # type: ignore[arg-type]


def test_an_hourly_plan_without_a_calendar_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="calendar"):
        WindowPlan(WindowSettings())


@pytest.mark.step("H10")
def test_shapes_of_the_contracts() -> None:
    now = ns("2026-03-06T14:59:00Z")
    window = current_window("INXU", now)
    assert window is not None
    assert to_builtins(scheduler_window(window, window.freeze_ns - LEAD_NS)) == {
        "label": "hourly-1000",
        "target_type": "hourly",
        "series": ("INXU", "NASDAQ100U"),
        "start_et": "2026-03-06T09:45:00-05:00",
        "target_et": "2026-03-06T10:00:00-05:00",
        "freeze_et": "2026-03-06T09:59:58-05:00",
        "freshness_strict_et": "2026-03-06T09:59:00-05:00",
        "flatten_at_et": "2026-03-06T09:59:56.500-05:00",
    }
    assert ops_window(window, now + 123_456_789) == {
        "ops_window_name": "hourly-1000",
        "ops_window_start_et": "2026-03-06T09:45:00-05:00",
        "ops_window_end_et": "2026-03-06T10:00:00-05:00",
        "ops_window_cancel_buffer_seconds": 2,
        "ops_seconds_to_cancel": 57.877,
        "ops_window_cancel_at": "2026-03-06T09:59:58-05:00",
        "ops_window_timezone": "America/New_York",
        "ops_window_target_et": "2026-03-06T10:00:00-05:00",
        "ops_window_target_unix": 1772809200,
    }
    assert ops_window(window, window.target_ns)["ops_seconds_to_cancel"] == 0
    assert seconds_to_freeze(window, window.target_ns) == -2.0


def test_the_answer_shows_the_window_only_while_it_is_active() -> None:
    plan = default_plan()
    inside = windows_answer(plan, "INXU", ns("2026-03-06T14:50:00Z"), LEAD_NS)
    assert inside["now_utc"] == "2026-03-06T14:50:00Z"
    assert inside["phase"] == "quoting"
    assert inside["scheduler_window"]["label"] == "hourly-1000"
    assert inside["seconds_to_freeze"] == 598.0
    before = windows_answer(plan, "INXU", ns("2026-03-06T14:42:00Z"), LEAD_NS)
    assert (before["phase"], before["scheduler_window"], before["seconds_to_freeze"]) == ("preflight", None, None)
    at_target = windows_answer(plan, "INXU", ns("2026-03-06T15:00:00Z"), LEAD_NS)
    assert (at_target["phase"], at_target["seconds_to_freeze"]) == ("frozen", -2.0)
    after = windows_answer(plan, "INXU", ns("2026-03-06T15:00:00Z") + 1, LEAD_NS)
    assert (after["phase"], after["scheduler_window"]) == ("closed", None)
