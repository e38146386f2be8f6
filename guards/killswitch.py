"""The kill switch: a latch that anything may close and only a person may open.

The first reason wins and is kept, whatever follows. A source that goes quiet again (the file removed, the variable
set to 0) clears nothing; `resume` does, after the caller's checks, and is refused while any source still says stop.
Until the watcher has reported once nothing is known, and unknown is closed.
"""

from __future__ import annotations

from typing import Any, Final

from domain.clock import Now
from domain.reasons import Reason
from guards.vote import PASS, Vote, fail, unknown

# The source that the kill file speaks by.
KILL_FILE: Final = "state/KILL_SWITCH"


class KillLatch:
    """Latched or not, why, and which sources still ask for it."""

    __slots__ = ("_asking", "_heard", "_latched", "_reason", "_since_utc_ns", "_source")

    def __init__(self) -> None:
        """Know nothing: closed."""
        self._heard = False
        self._latched = False
        self._source = ""
        self._reason = ""
        self._since_utc_ns = 0
        self._asking: dict[str, str] = {}

    @property
    def latched(self) -> bool:
        """Whether trading is killed."""
        return self._latched

    @property
    def reason(self) -> str:
        """The first reason, kept; empty when not latched."""
        return self._reason

    @property
    def source(self) -> str:
        """Who gave the first reason: file, execution_halted, operator, a topic."""
        return self._source

    def observe(self, active: bool, source: str, reason: str, now: Now) -> bool:  # noqa: FBT001 - a fact, as it came
        """What one source shows now (unreadable counts as active). Returns whether this closed the latch."""
        self._heard = True
        if not active:
            self._asking.pop(source, None)
            return False
        self._asking[source] = reason
        return self._latch(source, reason, now)

    def kill(self, source: str, reason: str, now: Now) -> bool:
        """A single order to stop (operator, topic, risk), with no state of its own. Returns whether it closed."""
        return self._latch(source, reason, now)

    def _latch(self, source: str, reason: str, now: Now) -> bool:
        if self._latched:
            return False
        self._latched = True
        self._source, self._reason, self._since_utc_ns = source, reason, now.utc_ns
        return True

    def resume(self) -> str:
        """Open the latch after every check of the caller's has passed. Returns why it stays closed, or nothing."""
        if self._asking:
            source, reason = next(iter(self._asking.items()))
            return f"{source} still says stop: {reason or 'no reason given'}; end that, then resume"
        self._latched = False
        self._source = self._reason = ""
        self._since_utc_ns = 0
        return ""

    def vote(self, now: Now) -> Vote:
        """PASS only when the watcher has reported and nothing is latched."""
        if self._latched:
            return fail(Reason.KILL_SWITCH, f"{self._source}: {self._reason}", age_ns=now.utc_ns - self._since_utc_ns)
        if not self._heard:
            # Nobody engaged it: what a start pulls before its first look must not be told as a kill.
            return unknown(Reason.NOT_RECONCILED, "the kill switch has not been read yet")
        return PASS

    def next_deadline(self, now: Now) -> int | None:  # noqa: ARG002 - the contract of every guard
        """Never: time alone changes nothing here."""
        return None

    def state(self) -> dict[str, Any]:
        """The latch as plain JSON values. What was heard does not survive: it must be read again."""
        return {
            "latched": self._latched,
            "source": self._source,
            "reason": self._reason,
            "since_utc_ns": self._since_utc_ns,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a latch from before the restart; a latch already closed now is kept closed."""
        if self._latched or not state["latched"]:
            return
        self._latched = True
        self._source, self._reason = str(state["source"]), str(state["reason"])
        self._since_utc_ns = int(state["since_utc_ns"])
