"""The list of controls on the screens: dates, ages, limits."""

from __future__ import annotations

from daemon.engine.shown.controls import controls_of
from domain.clock import NS_PER_S, Now
from guards.evidence.controls import CONTROLS
from tests.daemon.stand import Stand


def test_each_control_is_shown_with_its_date_its_age_and_its_limit() -> None:
    stand = Stand(begin=False)
    now = stand.now()
    stand.engine.state.controls.prove("freeze", now.utc_ns)
    rows = {row.name: row for row in controls_of(stand.engine.state, Now(now.mono_ns, now.utc_ns + 5 * NS_PER_S))}
    assert list(rows) == [control.name for control in CONTROLS]
    freeze, clock, watcher = rows["freeze"], rows["clock"], rows["watcher"]
    assert (freeze.status, freeze.proven_s, freeze.age_s) == ("PASS", now.utc_ns / NS_PER_S, 5.0)
    assert (clock.status, clock.proven_s, clock.age_s) == ("UNKNOWN", None, None)
    assert watcher.status == "NOT_CONFIGURED"
    assert watcher.limit_s == 31 * 24 * 3_600
