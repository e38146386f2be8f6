"""Which window a series is in at an instant: a pure function of settings, calendar and UTC time.

Targets are wall-clock hours of New York, so their UTC instants move with daylight saving; the leads before a target
are durations and do not. A target later than the day's close does not exist, one at the close itself is a close print
and off unless enabled. `short` is the template of demos and tests: a target every `period_s` from an anchor on, at
every hour of every day; live hosts refuse it (settings check that).

`current_window` is asked in every step, so each series remembers the span of time over which its last answer holds.
"""

from __future__ import annotations

import datetime as dt
import functools
from typing import Annotated, Any, Literal

import msgspec
from msgspec.structs import asdict

from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.errors import ConfigurationError
from domain.market import SERIES
from domain.records import SchedulerWindow
from domain.setting import key
from domain.stamps import NEW_YORK, et_text, utc_text
from domain.window import Phase, Window
from guards.calendar import FULL_CLOSE_HOUR, OPEN_MINUTE, NyseCalendar

FIRST_TARGET_HOUR = 10
LAST_TARGET_HOUR = 15
CLOSE_OPEN_LEAD_S = 600
# The session's drill of the cancel-all, minutes after the market opens; and how far from any window's opening it keeps.
DRILL_FROM_MINUTE, DRILL_UNTIL_MINUTE = 5, 10
DRILL_ROOM_S = 120
LOOKAHEAD_DAYS = 15
CACHED_DAYS_MAX = 64
FOREVER_NS = 1 << 62

_ONE_DAY = dt.timedelta(days=1)

Template = Literal["hourly", "short"]


class WindowSettings(msgspec.Struct, frozen=True):
    """Which windows are quoted. The short template exists for demos and tests and is refused for live hosts."""

    template: Annotated[
        Template, key("Which plan of windows is kept: the exchange's hours, or short ones for demos and tests.", "H01")
    ] = "hourly"
    series: Annotated[tuple[str, ...], key("The series that are quoted.", "H01 H09")] = ("INXU", "NASDAQ100U")
    hourly_targets: Annotated[
        tuple[int, ...], key("The hours, in New York time, whose index value settles a quoted event.", "H01")
    ] = (10, 11, 12, 13, 14, 15)
    enable_1600: Annotated[bool, key("Whether the 16:00 hourly event, a print near the close, is quoted.", "H01")] = (
        False
    )
    enable_1300: Annotated[bool, key("Whether the 13:00 event of a half day is quoted.", "H01")] = False
    enable_close_1600: Annotated[bool, key("Whether the daily close event is quoted.", "H01")] = False
    close_series: tuple[str, ...] = ("INX", "NASDAQ100")
    preflight_lead_s: Annotated[
        int, key("How long before the target its ladder is listed and its groups are made.", "H01", ge=2, le=3600)
    ] = 1200
    open_lead_s: Annotated[int, key("How long before the target quoting begins.", "H01 H10", ge=2, le=3600)] = 900
    strict_lead_s: Annotated[
        int, key("How long before the target the strict freshness limit begins to hold.", "H13 H14", ge=3, le=600)
    ] = 60
    freeze_lead_s: Annotated[
        int, key("How long before the target the exchange's list must read zero.", "H10 H16", ge=2, le=60)
    ] = 2
    anchor_unix_s: Annotated[
        int, key("For the short template: the instant of one target; the others lie whole periods away.", "H01", ge=0)
    ] = 0
    period_s: Annotated[
        int, key("For the short template: the time from one target to the next.", "H01", ge=10, le=3600)
    ] = 120
    flatten_lead_min_ms: Annotated[
        int, key("The least time before the freeze at which flattening starts; what is measured lengthens it.", "H16",
                 ge=200, le=15_000),
    ] = 1500  # fmt: skip
    flatten_lead_max_ms: Annotated[
        int, key("The most time before the freeze at which flattening starts.", "H16", ge=1500, le=60_000)
    ] = 15_000

    def __post_init__(self) -> None:
        self._check_series()
        if not 0 < self.freeze_lead_s < self.strict_lead_s < self.open_lead_s <= self.preflight_lead_s:
            raise ConfigurationError(
                "leads before the target must obey 0 < freeze_lead_s < strict_lead_s < open_lead_s <="
                f" preflight_lead_s; found {self.freeze_lead_s}, {self.strict_lead_s}, {self.open_lead_s},"
                f" {self.preflight_lead_s}"
            )
        period_s = self.period_s if self.template == "short" else 3600
        lead_s = self.preflight_lead_s
        if lead_s > period_s:
            raise ConfigurationError(f"preflight_lead_s {lead_s} must not exceed the {period_s} s between targets")
        outside = [hour for hour in self.hourly_targets if not FIRST_TARGET_HOUR <= hour <= LAST_TARGET_HOUR]
        if outside or len(set(self.hourly_targets)) != len(self.hourly_targets):
            raise ConfigurationError(
                f"hourly_targets {list(self.hourly_targets)} must be different hours from"
                f" {FIRST_TARGET_HOUR} to {LAST_TARGET_HOUR} (16 has its own switch, enable_1600)"
            )

    def _check_series(self) -> None:
        if not self.series or len(set(self.series)) < len(self.series):
            raise ConfigurationError(f"series: name each of {', '.join(SERIES)} at most once, and at least one")
        for name in self.series:
            if name not in SERIES:
                raise ConfigurationError(f"unknown series {name!r}; known: {', '.join(SERIES)}")


class WindowPlan:
    """Every window there is. Give the calendar for the hourly template; the short one has no holidays."""

    __slots__ = ("_calendar", "_current", "_days", "_next", "_session", "settings")

    def __init__(self, settings: WindowSettings, calendar: NyseCalendar | None = None) -> None:
        """Make a plan. Raises ConfigurationError for an hourly plan without a calendar."""
        if settings.template == "hourly" and calendar is None:
            raise ConfigurationError("windows: the hourly template needs the exchange's calendar")
        self.settings = settings
        self._calendar = calendar
        self._days: dict[dt.date, tuple[Window, ...]] = {}
        self._current: dict[str, tuple[int, int, Window | None]] = {}
        self._next: dict[str, tuple[int, int, Window | None]] = {}
        self._session: tuple[int, int, dt.date, int, int] | None = None

    # --- questions of every step ---------------------------------------------------------------------------------

    def current_window(self, series: str, utc_ns: int) -> Window | None:
        """The window with preflight <= now <= target, or None. Asked of any instant; cheapest when time moves on."""
        known = self._current.get(series)
        if known is None or not known[0] <= utc_ns <= known[1]:
            known = self._current[series] = self._find_current(series, utc_ns)
        return known[2]

    def next_window(self, series: str, utc_ns: int) -> Window | None:
        """The first window whose preflight is still to come, or None within LOOKAHEAD_DAYS."""
        known = self._next.get(series)
        if known is None or not known[0] <= utc_ns < known[1]:
            found = self._find_next(series, utc_ns)
            # Without a find, ask again within the hour: the horizon moves.
            until_ns = found.preflight_ns if found else utc_ns + 3600 * NS_PER_S
            known = self._next[series] = (utc_ns, until_ns, found)
        return known[2]

    def next_edge(self, series: str, utc_ns: int, lead_ns: int) -> int | None:
        """The next UTC instant, later than now, at which the phase of this series changes; None when none is known."""
        window = self.current_window(series, utc_ns)
        if window is not None:
            for edge_ns in window.edges(lead_ns):
                if edge_ns > utc_ns:
                    return edge_ns
            raise AssertionError("a current window has passed its target")
        following = self.next_window(series, utc_ns)
        return following.preflight_ns if following else None

    def phase(self, series: str, utc_ns: int, lead_ns: int) -> Phase:
        """The phase of a series when flattening starts `lead_ns` before the freeze."""
        window = self.current_window(series, utc_ns)
        return window.phase(utc_ns, lead_ns) if window else Phase.CLOSED

    def session_date(self, utc_ns: int) -> dt.date:
        """The trading day an instant belongs to: New York's date."""
        return self._day_of(utc_ns)[2]

    def market_open(self, utc_ns: int) -> bool:
        """Whether the index is being calculated: 09:30 to the close, New York; always with the short template."""
        if self._calendar is None:
            return True
        _, _, _, open_ns, close_ns = self._day_of(utc_ns)
        return open_ns <= utc_ns < close_ns

    def drill_span(self, utc_ns: int) -> tuple[int, int] | None:
        """From when until before when (UTC) the cancel-all is drilled with an order today: 09:35 to 09:40 New York.

        None on a day without a session, and with the short template, which has no minute to spare.
        """
        if self._calendar is None or self.settings.template == "short":
            return None
        _, _, _, open_ns, close_ns = self._day_of(utc_ns)
        if open_ns == close_ns:
            return None
        return open_ns + DRILL_FROM_MINUTE * 60 * NS_PER_S, open_ns + DRILL_UNTIL_MINUTE * 60 * NS_PER_S

    def window_to_drill(self, utc_ns: int) -> Window | None:
        """Today's next window, if at this instant none is open and none opens, or opened, within DRILL_ROOM_S."""
        room_ns = DRILL_ROOM_S * NS_PER_S
        windows = self.windows_on(self.session_date(utc_ns))
        if any(w.opens_ns - room_ns < utc_ns < max(w.opens_ns + room_ns, w.target_ns + 1) for w in windows):
            return None
        return min((w for w in windows if w.opens_ns > utc_ns), key=lambda w: w.target_ns, default=None)

    # --- lists ---------------------------------------------------------------------------------------------------

    def windows_on(self, day: dt.date) -> tuple[Window, ...]:
        """All windows whose target lies on this New York day, in order of target."""
        found = self._days.get(day)
        if found is None:
            if len(self._days) >= CACHED_DAYS_MAX:
                self._days.clear()
            short = self.settings.template == "short"
            found = self._days[day] = self._short_day(day) if short else self._hourly_day(day)
        return found

    # --- how they are found --------------------------------------------------------------------------------------

    def _find_current(self, series: str, utc_ns: int) -> tuple[int, int, Window | None]:
        """The answer for an instant and the closed span of time over which it stays the same."""
        day_start_ns, day_end_ns, day, _, _ = self._day_of(utc_ns)
        if self.settings.template == "short":
            begin_ns, candidates = utc_ns, self._short_near(utc_ns)
        else:
            begin_ns, candidates = day_start_ns, self.windows_on(day)
        for window in candidates:
            if series not in window.series:
                continue
            if window.target_ns < utc_ns:
                begin_ns = max(begin_ns, window.target_ns + 1)
            elif window.preflight_ns <= utc_ns:
                return max(begin_ns, window.preflight_ns), window.target_ns, window
            else:
                return begin_ns, min(window.preflight_ns, day_end_ns) - 1, None
        return begin_ns, day_end_ns - 1, None

    def _find_next(self, series: str, utc_ns: int) -> Window | None:
        if self.settings.template == "short":
            days = [self._short_near(utc_ns)]
        else:
            today = self.session_date(utc_ns)
            days = [self.windows_on(today + n * _ONE_DAY) for n in range(LOOKAHEAD_DAYS)]
        for windows in days:
            for window in windows:
                if window.preflight_ns > utc_ns and series in window.series:
                    return window
        return None

    def _day_of(self, utc_ns: int) -> tuple[int, int, dt.date, int, int]:
        """Start, end (exclusive), date, and hours of the New York day that holds an instant."""
        known = self._session
        if known is None or not known[0] <= utc_ns < known[1]:
            day = dt.datetime.fromtimestamp(utc_ns // NS_PER_S, NEW_YORK).date()
            close_hour = self._calendar.close_hour(day) if self._calendar else None
            midnight_ns = _instant_ns(day, 0)
            open_ns = _instant_ns(day, OPEN_MINUTE) if close_hour else midnight_ns
            close_ns = _instant_ns(day, close_hour * 60) if close_hour else midnight_ns
            known = self._session = (midnight_ns, _instant_ns(day + _ONE_DAY, 0), day, open_ns, close_ns)
        return known

    def _hourly_day(self, day: dt.date) -> tuple[Window, ...]:
        assert self._calendar is not None, "an hourly plan is made with a calendar"
        close_hour = self._calendar.close_hour(day)
        if close_hour is None:
            return ()
        plan = self.settings
        windows = [
            self._window(f"hourly-{hour}00", "hourly", _instant_ns(day, hour * 60))
            for hour in sorted(plan.hourly_targets)
            if hour < close_hour
        ]
        if plan.enable_1600 if close_hour == FULL_CLOSE_HOUR else plan.enable_1300:
            windows.append(self._window(f"hourly-{close_hour}00", "close_print", _instant_ns(day, close_hour * 60)))
        if plan.enable_close_1600 and close_hour == FULL_CLOSE_HOUR:
            windows.append(self._close_window(_instant_ns(day, close_hour * 60)))
        return tuple(windows)

    def _short_day(self, day: dt.date) -> tuple[Window, ...]:
        first_ns, last_ns = _instant_ns(day, 0), _instant_ns(day + _ONE_DAY, 0)
        return tuple(self._short_window(n) for n in range(self._short_index(first_ns), self._short_index(last_ns)))

    def _short_near(self, utc_ns: int) -> tuple[Window, ...]:
        """The window whose target is next (or now), and the one after it."""
        index = self._short_index(utc_ns)
        return self._short_window(index), self._short_window(index + 1)

    def _short_index(self, utc_ns: int) -> int:
        """The number of the first target at or after an instant; targets before the anchor do not exist."""
        behind_ns = utc_ns - self.settings.anchor_unix_s * NS_PER_S
        return max(-(-behind_ns // (self.settings.period_s * NS_PER_S)), 0)

    def _short_window(self, index: int) -> Window:
        target_s = self.settings.anchor_unix_s + index * self.settings.period_s
        local = dt.datetime.fromtimestamp(target_s, NEW_YORK)
        return self._window(f"short-{local:%H%M%S}", "short", target_s * NS_PER_S)

    def _window(self, label: str, target_type: str, target_ns: int) -> Window:
        plan = self.settings
        return Window(
            label=label,
            target_type=target_type,
            series=plan.series,
            preflight_ns=target_ns - plan.preflight_lead_s * NS_PER_S,
            opens_ns=target_ns - plan.open_lead_s * NS_PER_S,
            strict_ns=target_ns - plan.strict_lead_s * NS_PER_S,
            freeze_ns=target_ns - plan.freeze_lead_s * NS_PER_S,
            target_ns=target_ns,
        )

    def _close_window(self, target_ns: int) -> Window:
        plan = self.settings
        preflight_lead_s = CLOSE_OPEN_LEAD_S + plan.preflight_lead_s - plan.open_lead_s
        return Window(
            label="close-1600",
            target_type="close",
            series=plan.close_series,
            preflight_ns=target_ns - preflight_lead_s * NS_PER_S,
            opens_ns=target_ns - CLOSE_OPEN_LEAD_S * NS_PER_S,
            strict_ns=target_ns - plan.strict_lead_s * NS_PER_S,
            freeze_ns=target_ns - plan.freeze_lead_s * NS_PER_S,
            target_ns=target_ns,
        )


def _instant_ns(day: dt.date, minute: int) -> int:
    """The UTC instant of a New York wall-clock minute of a day."""
    local = dt.datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=NEW_YORK)
    return int(local.timestamp()) * NS_PER_S


# --- the default plan ------------------------------------------------------------------------------------------------


@functools.cache
def default_plan() -> WindowPlan:
    """The plan of the default settings over the package's calendar (which agrees with the committed table: a test)."""
    return WindowPlan(WindowSettings(), NyseCalendar())


def current_window(series: str, now: Now | int | dt.datetime) -> Window | None:
    """The window of a series at an instant, by the default settings.

    `now` is a Now, Unix nanoseconds, or a datetime with a zone. Raises ValueError for a datetime without one.
    """
    if isinstance(now, Now):
        return default_plan().current_window(series, now.utc_ns)
    if isinstance(now, dt.datetime):
        if now.tzinfo is None:
            raise ValueError("current_window: the datetime has no zone; say which with tzinfo")
        return default_plan().current_window(series, round(now.timestamp() * 1000) * NS_PER_MS)
    return default_plan().current_window(series, now)


# --- shapes ----------------------------------------------------------------------------------------------------------


def seconds_to_freeze(window: Window, utc_ns: int) -> float:
    """Seconds until the book must read zero; negative after the freeze."""
    return (window.freeze_ns - utc_ns) / NS_PER_S


def scheduler_window(window: Window, flatten_ns: int) -> SchedulerWindow:
    """The window as reports and `ladderd windows` show it; `flatten_ns` is when flattening starts."""
    return SchedulerWindow(
        *(window.label, window.target_type, window.series),
        start_et=et_text(window.opens_ns),
        target_et=et_text(window.target_ns),
        freeze_et=et_text(window.freeze_ns),
        freshness_strict_et=et_text(window.strict_ns),
        flatten_at_et=et_text(flatten_ns),
    )


def ops_window(window: Window, utc_ns: int) -> dict[str, Any]:
    """The same window as monitors and metrics show it: `ops_window_*` and the countdown, floored at zero."""
    return {
        "ops_window_name": window.label,
        "ops_window_start_et": et_text(window.opens_ns),
        "ops_window_end_et": et_text(window.target_ns),
        "ops_window_cancel_buffer_seconds": (window.target_ns - window.freeze_ns) // NS_PER_S,
        "ops_seconds_to_cancel": round(max(window.freeze_ns - utc_ns, 0) / NS_PER_S, 3),
        "ops_window_cancel_at": et_text(window.freeze_ns),
        "ops_window_timezone": NEW_YORK.key,
        "ops_window_target_et": et_text(window.target_ns),
        "ops_window_target_unix": window.target_ns // NS_PER_S,
    }


# What stands in place of a window when none is in sight: no second is left to send anything in.
OPS_WINDOW_NONE: dict[str, Any] = {
    "ops_window_name": None,
    "ops_window_start_et": None,
    "ops_window_end_et": None,
    "ops_window_cancel_buffer_seconds": None,
    "ops_seconds_to_cancel": 0,
    "ops_window_cancel_at": None,
    "ops_window_timezone": NEW_YORK.key,
    "ops_window_target_et": None,
    "ops_window_target_unix": None,
}


def windows_answer(plan: WindowPlan, series: str, utc_ns: int, lead_ns: int) -> dict[str, Any]:
    """What `ladderd windows --json` prints for an instant; the window only while opens <= now <= target."""
    window = plan.current_window(series, utc_ns)
    active = window if window is not None and utc_ns >= window.opens_ns else None
    return {
        "now_utc": utc_text(utc_ns),
        "phase": str(plan.phase(series, utc_ns, lead_ns)),
        "scheduler_window": asdict(scheduler_window(active, active.freeze_ns - lead_ns)) if active else None,
        "seconds_to_freeze": seconds_to_freeze(active, utc_ns) if active else None,
    }
