"""Which days a campaign lives through: ordinary ones drawn from the seed, and in between the awkward ones.

Awkward: the Sundays on which the clocks change and the Mondays after, holidays, early closes, Thursdays (the exchange's
maintenance night), the last day before and the first after a closure.
"""

from __future__ import annotations

import datetime as dt
from random import Random

AWKWARD = (
    dt.date(2027, 3, 14),  # clocks go forward, a Sunday
    dt.date(2027, 3, 15),
    dt.date(2027, 11, 7),  # and back
    dt.date(2027, 11, 8),
    dt.date(2026, 11, 26),  # Thanksgiving
    dt.date(2026, 11, 27),  # closes at 13:00
    dt.date(2026, 12, 24),  # closes at 13:00, a Thursday
    dt.date(2026, 12, 25),
    dt.date(2027, 1, 18),
    dt.date(2027, 2, 11),  # a Thursday
    dt.date(2027, 3, 26),  # Good Friday
    dt.date(2027, 7, 5),  # Independence Day, kept on a Monday
    dt.date(2027, 11, 26),
)
FIRST, LAST = dt.date(2026, 11, 23), dt.date(2027, 12, 22)
AWKWARD_EVERY = 6
FRIDAY = 4


def day_of(seed: int, index: int) -> dt.date:
    """The day of one unit: every sixth is an awkward one, in turn."""
    if index % AWKWARD_EVERY == AWKWARD_EVERY - 1:
        return AWKWARD[(index // AWKWARD_EVERY + seed) % len(AWKWARD)]
    rng = Random(f"{seed}|{index}|day")
    while True:
        day = FIRST + dt.timedelta(days=rng.randrange((LAST - FIRST).days))
        if day.weekday() <= FRIDAY:
            return day
