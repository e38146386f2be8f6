"""What an alert is, who wants it, and when it has been said often enough. Pure.

The same alert (its kind and what it is about, `raised.py`) is said once in DEDUPE_NS; the next one says how many were
held back meanwhile.
A receiver wants an alert from its minimum severity up, unless the action has a severity of its own there. Attempts
wait 0.5, 1, 2, 4 ... seconds. Every end of a delivery, good or bad, is a receipt.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import msgspec

from domain.alert_types.alert import Severity
from domain.backoff import Backoff
from domain.clock import NS_PER_S

SEVERITIES = tuple(Severity)
DEDUPE_NS = 60 * NS_PER_S
DEDUPE_KEYS_MAX = 4096
ATTEMPTS_MAX = 6
RESEND = Backoff(500, 30_000)
RUNBOOK = "docs/runbooks/alerts.md"


class AlertMessage(msgspec.Struct, frozen=True):
    """What a receiver gets. `suppressed`: how many like it were held back since the last one."""

    alert_id: str
    action: str
    severity: str
    timestamp: str
    payload: dict[str, Any]
    correlation_id: str
    runbook: str
    suppressed: int = 0


class Policy(msgspec.Struct, frozen=True):
    """Which alerts a receiver wants; `overrides` gives an action a minimum severity of its own, "off" silences it."""

    minimum: str = "warning"
    overrides: dict[str, str] = {}

    def wants(self, action: str, severity: str) -> bool:
        """Whether the receiver wants it. An unknown severity counts as critical: better one too many."""
        minimum = self.overrides.get(action, self.minimum)
        return minimum != "off" and rank(severity) >= rank(minimum)


class Receipt(msgspec.Struct, frozen=True):
    """How one delivery ended: delivered or failed, after how many attempts, with the receiver's own word."""

    alert_id: str
    action: str
    receiver: str
    delivered: bool
    attempts: int
    at_utc: str
    detail: str


def rank(severity: str) -> int:
    """Place on the scale; unknown words count as the highest."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES) - 1


class Dedupe:
    """Says each thing once in a while, and louder at once."""

    def __init__(self, span_ns: int = DEDUPE_NS) -> None:
        self._span_ns = span_ns
        self._said: OrderedDict[str, tuple[int, int, int]] = OrderedDict()

    def admit(self, key: str, severity: str, mono_ns: int) -> int | None:
        """None: said already. Otherwise say it, and this many were held back since. A higher severity always goes."""
        at_ns, level, held = self._said.get(key, (mono_ns - self._span_ns, -1, 0))
        if mono_ns - at_ns < self._span_ns and rank(severity) <= level:
            self._said[key] = (at_ns, level, held + 1)
            return None
        self._said[key] = (mono_ns, rank(severity), 0)
        self._said.move_to_end(key)
        if len(self._said) > DEDUPE_KEYS_MAX:
            self._said.popitem(last=False)
        return held
