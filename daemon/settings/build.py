"""Makes an engine from settings: the same way for a run, for recovery, for replay and for simulation. Pure."""

from __future__ import annotations

from typing import NamedTuple

from daemon.engine.step import Engine
from daemon.settings.engine_settings import engine_settings
from daemon.settings.tree import Settings
from domain.errors import ConfigurationError
from guards.calendar import NyseCalendar, parse_table
from guards.windows import WindowPlan


class ReferenceData(NamedTuple):
    """The files that an engine is made with besides the settings: fees and calendar, None where unreadable."""

    fees: bytes | None = None
    calendar: bytes | None = None


def build_plan(settings: Settings, reference: ReferenceData) -> WindowPlan:
    """The window plan; the hourly template needs the committed calendar table, the short one runs every day.

    Without the table the holidays package speaks alone, and only for the days that it was once compared for.
    """
    chosen = settings.windows
    if chosen.template != "hourly":
        return WindowPlan(chosen)
    if reference.calendar is None:
        return WindowPlan(chosen, NyseCalendar(None))
    try:
        text = reference.calendar.decode()
    except UnicodeDecodeError as problem:
        line = reference.calendar.count(b"\n", 0, problem.start) + 1
        message = f"{settings.calendar_file}:{line}: not UTF-8; take the committed table again"
        raise ConfigurationError(message) from None
    return WindowPlan(chosen, NyseCalendar(parse_table(text)))


def build_engine(settings: Settings, reference: ReferenceData) -> Engine:
    """A fresh engine."""
    return Engine(engine_settings(settings, build_plan(settings, reference), reference.fees))
