"""Makes an engine from settings: the same way for a run, for recovery, for replay and for simulation. Pure."""

from __future__ import annotations

from typing import NamedTuple

from daemon.engine.step import Engine
from daemon.settings.engine_settings import engine_settings, window_settings
from daemon.settings.tree import Settings
from guards.calendar import NyseCalendar, parse_table
from guards.windows import WindowPlan


class Papers(NamedTuple):
    """The files that an engine is made with besides the settings: fees and calendar, None where unreadable."""

    fees: bytes | None = None
    calendar: bytes | None = None


def build_plan(settings: Settings, papers: Papers) -> WindowPlan:
    """The window plan; the hourly template needs the committed calendar table, the short one runs every day.

    Without the table the holidays package speaks alone, and only for the days that it was once compared for.
    """
    chosen = window_settings(settings)
    if chosen.template != "hourly":
        return WindowPlan(chosen)
    table = parse_table(papers.calendar.decode()) if papers.calendar is not None else None
    return WindowPlan(chosen, NyseCalendar(table))


def build_engine(settings: Settings, papers: Papers) -> Engine:
    """A fresh engine."""
    return Engine(engine_settings(settings, build_plan(settings, papers), papers.fees))
