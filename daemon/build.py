"""Makes an engine from settings: the same way for a run, for recovery, for replay and for simulation. Pure."""

from __future__ import annotations

from daemon.engine import Engine
from daemon.settings import Settings
from daemon.settings_of import engine_settings, window_settings
from guards.calendar import NyseCalendar
from guards.windows import WindowPlan


def build_plan(settings: Settings) -> WindowPlan:
    """The window plan; the hourly template needs the exchange's calendar, the short one runs every day."""
    chosen = window_settings(settings)
    return WindowPlan(chosen, NyseCalendar() if chosen.template == "hourly" else None)


def build_engine(settings: Settings, fees_text: bytes | None) -> Engine:
    """A fresh engine. `fees_text` is the fee file's content, None when it could not be read."""
    return Engine(engine_settings(settings, build_plan(settings), fees_text))
