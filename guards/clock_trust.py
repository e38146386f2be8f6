"""Whether our clock may decide the edges of a window.

Two doubts. Against the exchange: samples of its own stamps give an offset and how far that may be wrong; an offset of
over half a second warns, over 1.5 s blocks, and so does an uncertainty over 250 ms or a sample that is too old.
Against ourselves: the wall clock and the monotonic one must advance together; a step of more than 250 ms between two
looks (an operator, NTP, a machine that slept) means flat and no quotes for 30 s, and a new sample before the next.
"""

from __future__ import annotations

from dataclasses import dataclass

from domain.clock import NS_PER_MS, Now
from domain.reasons import Reason
from guards.vote import PASS, Vote, fail, unknown


@dataclass(frozen=True, slots=True)
class ClockTrustSettings:
    """Limits of docs/contracts.md, Time, in milliseconds."""

    step_limit_ms: int = 250
    quiet_ms: int = 30_000
    uncertainty_limit_ms: int = 250
    offset_warn_ms: int = 500
    offset_limit_ms: int = 1500
    sample_age_limit_ms: int = 900_000


class ClockTrust:
    """One for the process."""

    __slots__ = ("_difference_ns", "_offset_ns", "_quiet_until_ns", "_sampled_ns", "_settings", "_uncertainty_ns")

    def __init__(self, settings: ClockTrustSettings | None = None) -> None:
        """Know nothing: closed."""
        self._settings = settings or ClockTrustSettings()
        self._difference_ns: int | None = None
        self._quiet_until_ns = 0
        self._sampled_ns: int | None = None
        self._offset_ns = 0
        self._uncertainty_ns = 0

    def look(self, now: Now) -> int:
        """Compare both clocks; call first in every step. Returns the size of a step over the limit in ns, else 0."""
        difference_ns = now.utc_ns - now.mono_ns
        before_ns, self._difference_ns = self._difference_ns, difference_ns
        if before_ns is None or abs(difference_ns - before_ns) <= self._settings.step_limit_ms * NS_PER_MS:
            return 0
        self._quiet_until_ns = now.mono_ns + self._settings.quiet_ms * NS_PER_MS
        self._sampled_ns = None
        return difference_ns - before_ns

    def observe(self, offset_ns: int, uncertainty_ns: int, now: Now) -> None:
        """One comparison with the exchange's clock: exchange minus ours, right to within +- the uncertainty."""
        self._sampled_ns = now.mono_ns
        self._offset_ns = offset_ns
        self._uncertainty_ns = uncertainty_ns

    @property
    def offset_ns(self) -> int | None:
        """What to add to our wall clock to read the exchange's, or None while unknown."""
        return None if self._sampled_ns is None else self._offset_ns

    @property
    def uncertainty_ns(self) -> int | None:
        """How far the offset may be wrong; added to the flatten lead."""
        return None if self._sampled_ns is None else self._uncertainty_ns

    @property
    def ahead_ns(self) -> int:
        """By how much the exchange's clock may be ahead of ours: what a window's end must come earlier by.

        An exchange that is behind moves nothing: orders must be gone by either clock. While nothing is known nothing
        is quoted, so nothing has to be earlier.
        """
        return max(0, self._offset_ns) + self._uncertainty_ns if self._sampled_ns is not None else 0

    @property
    def warning(self) -> str:
        """A line for the operator while the offset is large but bearable."""
        if self._sampled_ns is None or abs(self._offset_ns) <= self._settings.offset_warn_ms * NS_PER_MS:
            return ""
        return f"our clock differs from the exchange's by {self._offset_ns // NS_PER_MS} ms; check NTP"

    def vote(self, now: Now) -> Vote:
        """PASS while both doubts are answered."""
        if now.mono_ns < self._quiet_until_ns:
            return fail(Reason.CLOCK_UNTRUSTED, "the wall clock was stepped; no quotes for a while")
        if self._sampled_ns is None:
            return unknown(Reason.CLOCK_UNTRUSTED, "our clock has not been compared with the exchange's")
        settings = self._settings
        age_ns, limit_ns = now.mono_ns - self._sampled_ns, settings.sample_age_limit_ms * NS_PER_MS
        if age_ns > limit_ns:
            return unknown(Reason.CLOCK_UNTRUSTED, "the last comparison with the exchange's clock is too old")
        if self._uncertainty_ns > settings.uncertainty_limit_ms * NS_PER_MS:
            detail = f"the exchange's clock is known only to +-{self._uncertainty_ns // NS_PER_MS} ms"
            return fail(Reason.CLOCK_UNTRUSTED, detail, age_ns=age_ns, limit_ns=limit_ns)
        if abs(self._offset_ns) > settings.offset_limit_ms * NS_PER_MS:
            detail = f"our clock differs from the exchange's by {self._offset_ns // NS_PER_MS} ms; set it"
            return fail(Reason.CLOCK_UNTRUSTED, detail, age_ns=age_ns, limit_ns=limit_ns)
        return Vote(PASS.status, detail=self.warning, age_ns=age_ns, limit_ns=limit_ns)

    def next_deadline(self, now: Now) -> int | None:
        """When the quiet time ends, or the last comparison grows too old."""
        if self._quiet_until_ns > now.mono_ns:
            return self._quiet_until_ns
        if self._sampled_ns is None:
            return None
        too_old_ns = self._sampled_ns + self._settings.sample_age_limit_ms * NS_PER_MS + 1
        return too_old_ns if too_old_ns > now.mono_ns else None
