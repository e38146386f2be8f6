"""The index as the simulated world has it: a value for every instant, the same in every process.

A path is a pure function of (seed, symbol, time), so the feed that shows it and the exchange that settles on it need
not talk to each other, and a test can ask for any second of any day without walking there.

Theory. Each UTC day is a Brownian bridge in the logarithm of the level, between two anchors drawn per day around the
start level (so the level stays near it for years). Inside the day the bridge is refined by Levy's midpoint
displacement: the middle of an interval of length T is the mean of its ends plus a Gaussian of deviation
sigma * sqrt(T) / 2. The Gaussian of a node is the inverse normal of a keyed hash of (day, node), so no state is needed
to seek. Twenty halvings give cells of 82.4 ms, in which the level is constant. Volatility is a year's, of 252 sessions
of 6.5 hours, and applies at every hour, so the local movement is that of market hours whenever the demo is run.

The floats here describe a simulated world; they leave it only as integers (1e-6 of an index point).
"""

from __future__ import annotations

import math
from hashlib import blake2b
from statistics import NormalDist
from typing import Final, NamedTuple

from domain.clock import NS_PER_S
from domain.money import INDEX_PER_POINT as MICRO
from domain.money import IndexValue

DAY_NS: Final = 86_400 * NS_PER_S
TRADING_S_PER_YEAR: Final = 252 * 23_400
LEVELS: Final = 20
ANCHOR_DEVIATION_MAX: Final = 0.01
CENT: Final = MICRO // 100


class Profile(NamedTuple):
    """How one index looks: level in points, volatility per year, and the step (1e-6 points) it is published in."""

    start: float
    volatility: float
    step: int


PROFILES: Final = {
    "I:SPX": Profile(6_700.0, 0.15, CENT),
    "I:NDX": Profile(25_000.0, 0.20, 1),
    "I:VIX": Profile(16.0, 0.90, CENT),
}
OTHER: Final = Profile(1_000.0, 0.15, CENT)

_inverse_normal: Final = NormalDist().inv_cdf


class IndexPath:
    """The path of one index. Not a generator: `value_at` may be asked in any order; asking forward is fastest."""

    __slots__ = ("_cell", "_day", "_deviation", "_key", "_left", "_log_start", "_mid", "_right", "_step", "_value")

    def __init__(self, seed: int, symbol: str, volatility: float | None = None, start: float | None = None) -> None:
        """Choose the path by seed and symbol (`I:SPX`, ...).

        `volatility` is a year's (0.15 = 15 %), `start` the level in points; both default to the symbol's profile.
        Raises ValueError for a start that is not positive or a negative volatility.
        """
        profile = PROFILES.get(symbol, OTHER)
        sigma = profile.volatility if volatility is None else volatility
        level = profile.start if start is None else start
        if not (level > 0.0 and math.isfinite(level)):
            raise ValueError(f"index path {symbol}: start {level} must be a positive number of points")
        if not (sigma >= 0.0 and math.isfinite(sigma)):
            raise ValueError(f"index path {symbol}: volatility {sigma} must be a number >= 0 (0.15 is 15 % a year)")
        per_day = sigma * math.sqrt(86_400 / TRADING_S_PER_YEAR)
        self._key = blake2b(f"{seed}|{symbol}".encode(), digest_size=32).digest()
        self._log_start = math.log(level)
        self._step = profile.step
        # Deviation of the displacement on each level; the last place holds that of a day's anchor.
        self._deviation = [per_day * 2.0 ** (-n / 2) / 2 for n in range(LEVELS)]
        self._deviation.append(min(per_day / 2, ANCHOR_DEVIATION_MAX))
        self._left = [0.0] * (LEVELS + 1)
        self._mid = [0.0] * LEVELS
        self._right = [0.0] * (LEVELS + 1)
        self._day = -1
        self._cell = 0
        self._value = IndexValue(0)

    def value_at(self, utc_ns: int) -> IndexValue:
        """Return the level at a UTC instant (ns since the epoch, >= 0) in 1e-6 index points, always positive."""
        if utc_ns < 0:
            raise ValueError("index path: instants before 1970 have no value")
        day, within = divmod(utc_ns, DAY_NS)
        cell = (within << LEVELS) // DAY_NS
        if day == self._day and cell == self._cell:
            return self._value
        if day != self._day:
            self._open_day(day)
            first = -1
        else:
            first = LEVELS - (cell ^ self._cell).bit_length()
        self._descend(cell, first)
        self._cell = cell
        points = math.exp(self._left[LEVELS]) * MICRO
        self._value = IndexValue(max(round(points / self._step), 1) * self._step)
        return self._value

    def _open_day(self, day: int) -> None:
        self._day = day
        self._left[0] = self._log_start + self._deviation[LEVELS] * self._gauss(day, 0)
        self._right[0] = self._log_start + self._deviation[LEVELS] * self._gauss(day + 1, 0)

    def _descend(self, cell: int, first: int) -> None:
        """Walk to the leaf from `first`, the lowest interval shared with the last cell (middle known; -1 is none)."""
        left, mid, right = self._left, self._mid, self._right
        for level in range(max(first, 0), LEVELS):
            if level != first:
                node = (1 << level) | (cell >> (LEVELS - level))
                mid[level] = (left[level] + right[level]) / 2 + self._deviation[level] * self._gauss(self._day, node)
            if (cell >> (LEVELS - 1 - level)) & 1:
                left[level + 1], right[level + 1] = mid[level], right[level]
            else:
                left[level + 1], right[level + 1] = left[level], mid[level]

    def _gauss(self, day: int, node: int) -> float:
        """Return the standard normal deviate of a node: 0 is the day's anchor, (1 << level) | index an interval."""
        name = (day << 24 | node).to_bytes(8, "little")
        word = int.from_bytes(blake2b(name, key=self._key, digest_size=8).digest(), "little")
        return _inverse_normal(((word >> 11) + 0.5) / (1 << 53))
