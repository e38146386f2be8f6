"""A window: the quarter of an hour before one settlement print, and the phases it passes through.

All instants are Unix nanoseconds. `freeze_ns` is when the exchange's own list must read zero; `flatten_at` is earlier
by a lead that is measured while running, so it is not part of the window but passed to `phase_of`.
"""

from __future__ import annotations

import enum

import msgspec


class Phase(enum.StrEnum):
    """Where a window stands. A total order in time; only QUOTING and STRICT may ever have orders placed."""

    CLOSED = "closed"
    PREFLIGHT = "preflight"
    QUOTING = "quoting"
    STRICT = "strict"
    FLATTENING = "flattening"
    FROZEN = "frozen"


# CPython 3.11 looks a member of an enumeration up by a call. Where a step of the engine reads members dozens of times
# they are bound to names of the module: here, in guards/gate.py and in execution/quoter.py. Together that buys 6 of
# 74 us of a tick's step (bench/engine_step.py). In six other files it bought nothing that could be measured.
_CLOSED, _PREFLIGHT, _QUOTING = Phase.CLOSED, Phase.PREFLIGHT, Phase.QUOTING
_STRICT, _FLATTENING, _FROZEN = Phase.STRICT, Phase.FLATTENING, Phase.FROZEN


class Window(msgspec.Struct, frozen=True):
    """One target of the day for the series that share it."""

    label: str
    target_type: str
    series: tuple[str, ...]
    preflight_ns: int
    opens_ns: int
    strict_ns: int
    freeze_ns: int
    target_ns: int

    def phase(self, utc_ns: int, lead_ns: int) -> Phase:
        """The phase at an instant, when flattening starts `lead_ns` before the freeze. Closed after the target."""
        if utc_ns < self.preflight_ns or utc_ns > self.target_ns:
            return _CLOSED
        if utc_ns < self.opens_ns:
            return _PREFLIGHT
        if utc_ns >= self.freeze_ns:
            return _FROZEN
        if utc_ns >= self.freeze_ns - lead_ns:
            return _FLATTENING
        return _STRICT if utc_ns >= self.strict_ns else _QUOTING

    def edges(self, lead_ns: int) -> tuple[int, ...]:
        """Every instant at which the phase changes, ascending; one nanosecond past the target it is closed."""
        flatten_ns = self.freeze_ns - lead_ns
        return tuple(
            sorted((self.preflight_ns, self.opens_ns, self.strict_ns, flatten_ns, self.freeze_ns, self.target_ns + 1))
        )
