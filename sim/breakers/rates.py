"""The rates of the breakers over many seeds, as the table of docs/breakers.md. `python -m sim.breakers` prints it."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Final, NamedTuple

from guards.model.breakers import Breaker, Breakers
from sim.breakers.worlds import HOURS, feed, windows

TOO_LOW: Final = 0.73
TOO_HIGH: Final = 1.27
SESSIONS: Final = 250


class Rates(NamedTuple):
    """What was counted. `trips`: of a healthy maker by breaker, over `sessions` sessions of each seed."""

    seeds: int
    sessions: int
    trips: dict[Breaker, int]
    caught: int
    warned: int
    high_tripped: int

    @property
    def false_per_250(self) -> float:
        """Trips of a healthy maker in 250 sessions, all breakers together."""
        return sum(self.trips.values()) * SESSIONS / (self.seeds * self.sessions)


def healthy(seed: int, sessions: int) -> Counter[Breaker]:
    """What trips a maker whose model is right; each trip is resumed, and counts once."""
    breakers, found = Breakers(), Counter[Breaker]()
    for drawn in islice(windows(seed, 1.0), sessions * HOURS):
        found.update(feed(breakers, drawn))
        breakers.resume()
    return found


def caught(seed: int, asked: float, events: int) -> Breakers:
    """The breakers of a maker whose model asks `asked` times the true volatility, after so many events."""
    breakers = Breakers()
    for drawn in islice(windows(seed, asked), events // 2):
        feed(breakers, drawn)
    return breakers


def rates(seeds: int, sessions: int = SESSIONS) -> Rates:
    """Count over the seeds from 0 on."""
    trips: Counter[Breaker] = Counter()
    low = warned = high = 0
    for seed in range(seeds):
        trips += healthy(seed, sessions)
        low += bool(caught(seed, TOO_LOW, 60).tripped)
        wide = caught(seed, TOO_HIGH, 240)
        warned += bool(wide.warning())
        high += bool(wide.tripped)
    return Rates(seeds, sessions, dict(trips), low, warned, high)


def table(found: Rates) -> str:
    """As Markdown."""
    each = ", ".join(f"{breaker} {found.trips.get(breaker, 0)}" for breaker in Breaker)
    rows = [
        ("a right model trips", f"{found.false_per_250:.2f} times in 250 sessions ({each})", "less than once"),
        ("volatility 27 % too low trips within 60 events", f"{found.caught} of {found.seeds}", "90 %"),
        ("volatility 27 % too high warns within 240 events", f"{found.warned} of {found.seeds}", "a warning"),
        ("volatility 27 % too high trips within 240 events", f"{found.high_tripped} of {found.seeds}", "not asked"),
    ]
    head = f"Seeds 0 to {found.seeds - 1}, a right model over {found.sessions} sessions of each.\n\n"
    lines = ["| what | seen | wanted |", "|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)]
    return head + "\n".join(lines) + "\n"
