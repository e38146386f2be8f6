"""Whether the exchange is open for orders, as far as its last status told us.

The status answer names two things: the exchange runs, trading runs; both must. It is asked again and again, so an old
answer is no answer. What is planned stands in its schedule: guards/schedule.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from domain.clock import NS_PER_MS, Now
from domain.events import ExchangeStatusRead
from domain.reasons import Reason
from guards.vote import PASS, Vote, fail, unknown


@dataclass(frozen=True, slots=True)
class ExchangeSettings:
    """How long an answer counts."""

    status_age_limit_ms: int = 120_000


class ExchangeGuard:
    """One for the process."""

    __slots__ = ("_asked_ns", "_settings", "_trading", "_why")

    def __init__(self, settings: ExchangeSettings | None = None) -> None:
        """Know nothing: closed."""
        self._settings = settings or ExchangeSettings()
        self._asked_ns: int | None = None
        self._trading = False
        self._why = ""

    def observe(self, status: ExchangeStatusRead) -> None:
        """Take a status answer; its age counts from when it was asked."""
        if self._asked_ns is not None and status.asked.mono_ns < self._asked_ns:
            return
        self._asked_ns = status.asked.mono_ns
        self._trading = status.exchange_active and status.trading_active
        self._why = "" if self._trading else "trading is paused" if status.exchange_active else "the exchange is down"

    def refused(self, why: str, now: Now) -> None:
        """A request was refused because the exchange is paused: believe it until a later status says otherwise."""
        self._asked_ns = now.mono_ns
        self._trading = False
        self._why = why

    def vote(self, now: Now) -> Vote:
        """PASS while a young answer says that trading runs."""
        if self._asked_ns is None:
            return unknown(Reason.EXCHANGE_PAUSED, "the exchange's status has not been read yet")
        age_ns, limit_ns = now.mono_ns - self._asked_ns, self._settings.status_age_limit_ms * NS_PER_MS
        if not self._trading:
            return fail(Reason.EXCHANGE_PAUSED, self._why, age_ns=age_ns, limit_ns=limit_ns)
        if age_ns > limit_ns:
            return unknown(Reason.EXCHANGE_PAUSED, "the last status of the exchange is too old")
        return Vote(PASS.status, age_ns=age_ns, limit_ns=limit_ns)

    def next_deadline(self, now: Now) -> int | None:
        """When the status grows too old."""
        if self._asked_ns is None or not self._trading:
            return None
        old_ns = self._asked_ns + self._settings.status_age_limit_ms * NS_PER_MS + 1
        return old_ns if old_ns > now.mono_ns else None
