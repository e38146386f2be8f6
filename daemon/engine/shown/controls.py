"""The list of controls as the screens show it: when each was last proven, how old that may be, how to have it done."""

from __future__ import annotations

from daemon.engine.state_view import StateView
from domain.clock import NS_PER_S, Now
from guards.evidence.controls import CONTROLS
from ops.status import ControlView


def controls_of(state: StateView, now: Now) -> tuple[ControlView, ...]:
    """Every control, in the order of the list."""
    rows = []
    for control in CONTROLS:
        proven_ns = state.controls.proven.get(control.name)
        row = ControlView(
            name=control.name,
            by=control.by.value,
            does=control.does,
            status=state.controls.vote(control.name, now).status.value,
            proven_s=None if proven_ns is None else proven_ns / NS_PER_S,
            age_s=None if proven_ns is None else (now.utc_ns - proven_ns) / NS_PER_S,
            limit_s=state.controls.limit_ns(control.name) / NS_PER_S,
            drill=control.drill,
        )
        rows.append(row)
    return tuple(rows)
