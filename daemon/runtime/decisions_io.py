"""The daemon's own proposals: the plan of a window, and each turn of a series' gate, each judged and kept as one line.

The lines have the form of `ladderd decide`. A plan is proposed when its window is first met, whichever run meets it,
and gets one line across restarts; a turn of the gate is its own proposal. Disk work goes to a thread, in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import structlog
from msgspec import UNSET

from daemon.client.decision_files_io import DecisionFiles
from daemon.engine.state_view import StateView
from domain.clock import NS_PER_S
from domain.records import Entry, RiskDecisionEntry, WindowPhaseEntry
from domain.stamps import utc_text
from domain.window import Phase
from ops.proposals import ProposalDecision, RejectReason, SafetySnapshot, judge_own, safety

INTENT: Final = "execution_decision"
MET: Final = frozenset({Phase.PREFLIGHT, Phase.QUOTING, Phase.STRICT})
log = structlog.get_logger("ladderd")


class OwnDecisions:
    """Hears the records of each step, and keeps a line for each proposal among them."""

    def __init__(
        self, state: StateView, state_dir: Path, run_id: str, spawn: Callable[[Coroutine[Any, Any, None]], None]
    ) -> None:
        self._state = state
        self._state_dir = state_dir
        self._run_id = run_id
        self._spawn = spawn
        self._files: DecisionFiles | None = None
        self._writing = asyncio.Lock()

    def heard(self, entry: Entry, seq: int, correlation_id: str) -> None:
        """A record was made; `seq` tells the step."""
        decision = self._judged(entry, seq, correlation_id)
        if decision is not None:
            self._spawn(self._keep(decision))

    def _judged(self, entry: Entry, seq: int, correlation_id: str) -> ProposalDecision | None:
        now_ns = self._state.last_now.utc_ns
        if isinstance(entry, WindowPhaseEntry) and entry.phase in MET:
            name = f"plan-{entry.series}-{entry.target_ns // NS_PER_S}"
            order = {"series": entry.series, "window": entry.label, "target_utc": utc_text(entry.target_ns)}
            against = self._against() | ({RejectReason.EXPIRED} if now_ns > entry.target_ns else set())
            return judge_own(name, correlation_id or name, order, against, "", self._facts(), now_ns)
        if isinstance(entry, RiskDecisionEntry) and entry.series is not UNSET and entry.limit is UNSET:
            name = f"gate-{self._run_id}-{seq}-{entry.series}"
            against = set() if entry.approved else self._against() | {RejectReason.GATE_CLOSED}
            order = {"series": entry.series, "gate": entry.decision.value}
            return judge_own(name, correlation_id or name, order, against, entry.reason, self._facts(), now_ns)
        return None

    def _against(self) -> set[RejectReason]:
        facts, state = self._facts(), self._state
        unarmed = state.settings.live and state.armed_session != state.session
        return {
            reason
            for reason, holds in (
                (RejectReason.KILL_SWITCH, facts.kill_switch),
                (RejectReason.INDEX_STALE, not facts.marketdata_fresh),
                (RejectReason.NEEDS_APPROVAL, unarmed),
            )
            if holds
        }

    def _facts(self) -> SafetySnapshot:
        state = self._state
        came = [desk.sentry.last.received_utc_ns if desk.sentry.last else None for desk in state.desks.values()]
        oldest = None if None in came else min((at for at in came if at is not None), default=None)
        mode = "live" if state.settings.live else "paper"
        return safety(mode, killed=state.kill.latched, index_came_ns=oldest, now_ns=state.last_now.utc_ns)

    async def _keep(self, decision: ProposalDecision) -> None:
        async with self._writing:
            try:
                new = await asyncio.to_thread(self._write, decision)
            except OSError as problem:
                log.warning("decision not kept", proposal_id=decision.proposal_id, problem=str(problem))
                return
        if new:
            log.info(
                "decision",
                intent_type=INTENT,
                proposal_id=decision.proposal_id,
                decision=decision.decision,
                reject_reason_codes=list(decision.reject_reason_codes),
                notes=decision.notes,
                stream="decisions",
            )

    def _write(self, decision: ProposalDecision) -> bool:
        if self._files is None:
            self._files = DecisionFiles(self._state_dir)
        return self._files.keep(decision)
