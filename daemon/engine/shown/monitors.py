"""What the files under `monitors/` say of feeds and windows. Pure: the shell writes them four times a second."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import asdict

from daemon.engine.views.desk import DeskView
from daemon.engine.views.feeds import FailoverView
from domain.clock import Now
from domain.stamps import utc_text
from domain.window import Phase, Window
from guards.windows import OPS_WINDOW_NONE, ops_window, scheduler_window, seconds_to_freeze


def window_monitor(desks: Iterable[DeskView], lead_ns: int, now: Now) -> dict[str, Any]:
    """`ops_window.json`: the window that is on or comes next, of whichever series meets it first.

    `scheduler_window` and `seconds_to_freeze` are null outside opens <= now <= target, as in `ladderd windows`. With no
    window in sight the names are null and no second is left to send anything in.
    """
    window = min((found for desk in desks if (found := _ahead(desk, now))), key=lambda w: w.target_ns, default=None)
    told: dict[str, Any] = {"written_utc": utc_text(now.utc_ns), "written_utc_ns": now.utc_ns}
    if window is None:
        return (
            told | {"phase": Phase.CLOSED.value, "scheduler_window": None, "seconds_to_freeze": None} | OPS_WINDOW_NONE
        )
    active = window.opens_ns <= now.utc_ns <= window.target_ns
    told["phase"] = window.phase(now.utc_ns, lead_ns).value
    told["scheduler_window"] = asdict(scheduler_window(window, window.freeze_ns - lead_ns)) if active else None
    told["seconds_to_freeze"] = seconds_to_freeze(window, now.utc_ns) if active else None
    return told | ops_window(window, now.utc_ns)


def _ahead(desk: DeskView, now: Now) -> Window | None:
    """The present window of a desk, else its next one: by the plan and this instant, not by the last step."""
    present = desk.plan.current_window(desk.series.name, now.utc_ns)
    return present or desk.plan.next_window(desk.series.name, now.utc_ns)


def gap_monitor(failover: FailoverView, now: Now) -> dict[str, Any]:
    """`ev_gap.json`: which feed is believed, and what the pair amounts to."""
    return {
        "written_utc": utc_text(now.utc_ns),
        "active_feed": failover.active,
        "failover_state": str(failover.state(now)),
        "switches": failover.switches,
    }
