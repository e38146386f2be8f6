"""The evidence of a promotion's gates, judged from what lies here: the journal, its reports, receipts of alerts. Pure.

What is not there is UNKNOWN; what is there and too little, too old, or of another build is FAIL.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from daemon.preflight.tables.evidence_file import Ours
from domain.clock import NS_PER_S
from domain.findings.finding import FAIL, PASS, UNKNOWN, Finding
from domain.stamps import utc_text
from domain.window import Phase
from journal.reports.fold import Fold
from journal.reports.window_fold import WindowFold
from ops.alerts.policy import Receipt

DAY_NS: Final = 24 * 3600 * NS_PER_S
GAP_LIMIT_NS: Final = 60 * NS_PER_S
WHOLE: Final = (Phase.QUOTING, Phase.STRICT, Phase.FLATTENING, Phase.FROZEN, Phase.CLOSED)
AT_HOME: Final = frozenset({"log"})


class Gaps:
    """The longest time without a record over the last day."""

    def __init__(self, now_ns: int) -> None:
        self.since_ns = now_ns - DAY_NS
        self.until_ns = now_ns
        self.first_ns = self._last_ns = 0
        self.gap_ns, self.gap_at_ns = 0, 0

    def take(self, utc_ns: int) -> None:
        """One record's time, in order."""
        self.first_ns = self.first_ns or utc_ns
        begun_ns = max(self._last_ns, self.since_ns)
        if self._last_ns and utc_ns - begun_ns > self.gap_ns:
            self.gap_ns, self.gap_at_ns = utc_ns - begun_ns, begun_ns
        self._last_ns = utc_ns

    def finding(self) -> Finding:
        """A day without a gap of more than a minute; the daemon writes in the exchange's pauses too."""
        name = "no_gap"
        if not self.first_ns:
            return Finding(name, UNKNOWN, "no record here")
        if self.first_ns > self.since_ns:
            return Finding(name, FAIL, f"the journal begins at {utc_text(self.first_ns)}: less than 24 h ago")
        self.take(self.until_ns)
        said = f"the longest time without a record is {self.gap_ns / NS_PER_S:.0f} s, at {utc_text(self.gap_at_ns)}"
        return Finding(name, PASS if self.gap_ns <= GAP_LIMIT_NS else FAIL, said)


def smoke(fold: Fold, ours: Ours, now_ns: int) -> Finding:
    """A whole window of this build and configuration in paper mode: opened, quoted, flat and closed in one run."""
    name, why = "whole_window", "no window was quoted here in the last day"
    for window in sorted(fold.windows.values(), key=lambda each: each.target_ns, reverse=True):
        if window.target_ns < now_ns - DAY_NS or not window.quotes:
            continue
        problem = _not_whole(window, fold, ours)
        if not problem:
            flat_ms = max(moment.said.ms for moment in window.flats)
            said = f"{window.series} {window.label}: {len(window.quotes)} quotes, {len(window.fills)} fills"
            return Finding(name, PASS, f"{said}, flat after {flat_ms:.0f} ms at most")
        why = f"{window.series} {window.label}: {problem}"
    return Finding(name, UNKNOWN if why.startswith("no window") else FAIL, why)


def _not_whole(window: WindowFold, fold: Fold, ours: Ours) -> str:
    begun_ns = min((at_ns for at_ns, _ in window.phases), default=0)
    ended_ns = max((at_ns for at_ns, _ in window.phases), default=0)
    missing = [phase.value for phase in WHOLE if phase not in {phase for _, phase in window.phases}]
    before = [each for each in fold.configs if each.utc_ns <= begun_ns]
    if missing:
        return f"its {missing[0]} was not seen"
    if not before or any(begun_ns < each.utc_ns <= ended_ns for each in fold.configs):
        return "another run began in it"
    ran = before[-1].said
    if (ran.hash, ran.build_id, ran.mode) != (ours.config_hash, ours.build_id, "paper"):
        return f"of configuration {ran.hash[:12]} in build {ran.build_id}, {ran.mode} mode"
    if window.trips:
        return f"tripped: {window.trips[0].said.reason}"
    return "" if window.flats else "no time to flat was measured in it"


def alert_receipt(receipts: Iterable[Receipt]) -> Finding:
    """The newest alert that a receiver outside this machine took, or did not."""
    name = "receipt"
    outside = [receipt for receipt in receipts if receipt.receiver not in AT_HOME]
    if not outside:
        return Finding(name, UNKNOWN, "no receiver outside this machine has a receipt here")
    newest = max(outside, key=lambda receipt: receipt.at_utc)
    said = f"{newest.action} to {newest.receiver} at {newest.at_utc} after {newest.attempts} tries: {newest.detail}"
    return Finding(name, PASS if newest.delivered else FAIL, said)
