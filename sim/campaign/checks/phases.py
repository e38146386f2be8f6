"""The windows' phases to the nanosecond, and the page's word on readiness against the votes themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.clock import NS_PER_MS, Now
from domain.reasons import GateStatus
from domain.records import WindowPhaseEntry
from domain.window import Phase
from guards.vote import Vote

if TYPE_CHECKING:
    from daemon.engine.step import Engine
    from sim.campaign.checks.record import CheckRecord
    from sim.campaign.ports.process import Process

EDGE_LATE_NS = NS_PER_MS


class PhaseChecks:
    """Windows and the page."""

    def __init__(self, checks: CheckRecord) -> None:
        self._checks = checks

    def entered(self, process: Process, entered: WindowPhaseEntry, now: Now) -> None:
        """The phase changes in the very nanosecond of the edge, unless a clock or the loop was disturbed."""
        checks, phase = self._checks, entered.phase
        checks.counts[f"phase {phase.value}"] += 1
        window = checks.window_at(entered.series, entered.target_ns)
        assert window is not None, "a phase of a window that does not exist"
        lead_ns = process.engine.state.ladders.lead_ns
        if window.phase(now.utc_ns, lead_ns) is not phase:
            checks.breach("phase late or early", f"{phase} at {now.utc_ns}, lead {lead_ns}")
        edges = {
            Phase.PREFLIGHT: window.preflight_ns,
            Phase.QUOTING: window.opens_ns,
            Phase.STRICT: window.strict_ns,
            Phase.FLATTENING: window.freeze_ns - lead_ns,
            Phase.FROZEN: window.freeze_ns,
            Phase.CLOSED: window.target_ns + 1,
        }
        late_ns = now.utc_ns - edges[phase]
        undisturbed = now.mono_ns > checks.wall_disturbed_ns
        if undisturbed and late_ns > EDGE_LATE_NS:
            checks.breach("phase late or early", f"{phase} {late_ns / 1e6:.3f} ms late")

    def readiness(self, process: Process, ready: bool) -> None:  # noqa: FBT001 - a fact
        """The page's answer against the votes themselves."""
        checks = self._checks
        checks.counts["readiness looks"] += 1
        if not ready:
            return
        checks.counts["ready"] += 1
        engine = process.engine
        red = [name for name, vote in engine.state.account_votes if _red(vote)]
        for desk in engine.state.desks.values():
            if desk.phase in {Phase.QUOTING, Phase.STRICT}:
                red += [name for name, vote in engine.state.gates.get(desk.series.name, ()) if _red(vote)]
        red = [n for n in red if n != "freshness" or not _planned(engine)]
        if red or checks.halts:
            checks.breach("ready while a gate is red", f"{', '.join(sorted(set(red) | set(checks.halts)))}")


def _red(vote: Vote) -> bool:
    return vote.status not in {GateStatus.PASS, GateStatus.NOT_CONFIGURED}


def _planned(engine: Engine) -> bool:
    return any(d.sentry.verdict(engine.state.last_now, d.phase).planned_stand_down for d in engine.state.desks.values())
