"""A clock that a test moves by hand."""

from __future__ import annotations

from domain.clock import Now


class Timepiece:
    """Both clocks, standing still until told."""

    def __init__(self, mono_ns: int = 10**12, utc_ns: int = 1_800_000_000 * 10**9) -> None:
        self.mono_ns = mono_ns
        self.utc_ns = utc_ns

    def now(self) -> Now:
        return Now(self.mono_ns, self.utc_ns)

    def wait(self, ns: int) -> None:
        self.mono_ns += ns
        self.utc_ns += ns
