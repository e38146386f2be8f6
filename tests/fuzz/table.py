"""Each door in turn under hostile inputs, and what came of it: one row a door.

*Refused* counts inputs that met a typed refusal on their way. *Longest* is the slowest single input with what it sets
off (imports, a new engine), in a process that may share its machine. *Memory* is what the door's inputs left behind
once the first few had filled caches. What is raised and is no refusal ends the door's row: it would have ended the
process.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple, Self

from daemon.system_clock import SystemClock
from domain.door import Door, Refused
from domain.errors import ConfigurationError, ProtocolError
from journal.reader_io import JournalDamaged
from journal.snapshot import SnapshotDamaged
from tests.domain.test_door import doors
from tests.fuzz import hostile, papers
from tests.fuzz.mutations import mutated, samples

REFUSALS: Final = (Refused, ConfigurationError, ProtocolError, JournalDamaged, SnapshotDamaged)
FILLED: Final = 400
GROWTH_MAX_KB: Final = 10 * 1_024
SAMPLES: Final = ("answers", "index_frames", "exchange_frames", "history")
# How many of a thousand inputs each door gets; the engine behind a door, and a disk, are slower than a reader.
SHARES: Final = {
    "index": 140, "frames": 90, "history": 50, "answers": 5, "request": 5, "marker": 5, "kill": 5, "snapshot": 5,
    "sealed": 5, "journal": 5, "anchor": 5, "proofs": 5, "probe": 5, "kept": 5, "page": 5, "watcher": 5,
    "configuration": 5, "env": 125, "variable": 2, "options": 5, "fees": 65, "control": 65, "http": 175, "bodies": 153,
    "every Door": 60,
}  # fmt: skip
assert sum(SHARES.values()) == 1_000, "shares of a thousand"


class Row(NamedTuple):
    """What one door did with its inputs. `ended`: what was raised and is no refusal; empty when nothing was."""

    door: str
    inputs: int
    refused: int
    longest_ms: float
    grown_kb: int
    took_s: float
    ended: str

    @property
    def held(self) -> bool:
        """Whether nothing ended, and memory stayed."""
        return not self.ended and self.grown_kb <= GROWTH_MAX_KB

    def text(self) -> str:
        """One line of the table."""
        told = self.ended or ("" if self.held else f"grew by more than {GROWTH_MAX_KB} kB")
        return (
            f"{self.door:14}{self.inputs:9}{self.refused:9}{self.longest_ms:11.1f}{self.grown_kb:10}"
            f"{self.took_s:8.1f}  {told}"
        ).rstrip()


HEAD: Final = f"{'door':14}{'inputs':>9}{'refused':>9}{'longest ms':>11}{'memory kB':>10}{'s':>8}"


def every_door(rng: Random) -> Iterator[None]:
    """Every `Door` that stands in the house, each with whatever the others are given."""
    found: list[Door[Any]] = list(doors().values())
    texts = [text for name in SAMPLES for text in samples(name)]
    texts += [text for _, each in papers.PAPERS.values() for text in each]
    while True:
        for door in found:
            with contextlib.suppress(Refused):
                door.read(mutated(rng, rng.choice(texts)))
            yield


def feeds(name: str, home: Path, rng: Random) -> Iterator[None]:
    """Hostile inputs of one door without end; each step feeds one."""
    if name in hostile.DOORS:
        return hostile.feeds(name, rng)
    return every_door(rng) if name == "every Door" else papers.feeds(name, home, rng)


class _Refusals:
    """Counts typed refusals as they are made."""

    def __init__(self) -> None:
        self.made = 0
        self._kept: dict[type[Exception], Callable[..., None]] = {}

    def __enter__(self) -> Self:
        for kind in REFUSALS:
            self._kept[kind] = kind.__init__
            setattr(kind, "__init__", self._counting(kind.__init__))  # noqa: B010 - a method, for as long as we look
        return self

    def __exit__(self, *_told: object) -> None:
        for kind, kept in self._kept.items():
            setattr(kind, "__init__", kept)  # noqa: B010 - as it was

    def _counting(self, kept: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(kept)
        def init(refusal: Exception, *given: object) -> None:
            self.made += 1
            kept(refusal, *given)

        return init


def fed(name: str, home: Path, seed: int, count: int) -> Row:
    """Feed one door `count` times."""
    clock, steps = SystemClock(), feeds(name, home, Random(f"{seed} {name}"))
    begun_ns = clock.now().mono_ns
    done, refused, longest_ns, before_kb, ended = 0, 0, 0, 0, ""
    with _Refusals() as refusals:
        for done in range(1, count + 1):
            met, start_ns = refusals.made, clock.now().mono_ns
            try:
                next(steps)
            except Exception as problem:  # noqa: BLE001 - whatever it is, it would have ended the process
                traceback.print_exc(file=sys.stderr)
                ended = f"ENDED by {type(problem).__name__}: {str(problem)[:80]}"
                break
            finally:
                longest_ns = max(longest_ns, clock.now().mono_ns - start_ns)
                refused += refusals.made > met
            if done == min(FILLED, count):
                before_kb = resident_kb()
    took_s = (clock.now().mono_ns - begun_ns) / 1e9
    return Row(name, done, refused, longest_ns / 1e6, max(0, resident_kb() - before_kb), took_s, ended)


def run(inputs: int, seed: int, folder: Path, say: Callable[[str], object]) -> bool:
    """Feed every door its share, and print the table; whether all held."""
    say(HEAD)
    rows = []
    for name, share in SHARES.items():
        home = folder / name
        home.mkdir()
        row = fed(name, home, seed, max(1, inputs * share // 1_000))
        say(row.text())
        rows.append(row)
    failed = [row.door for row in rows if not row.held]
    total = Row(
        "all doors", sum(row.inputs for row in rows), sum(row.refused for row in rows),
        max(row.longest_ms for row in rows), sum(row.grown_kb for row in rows), sum(row.took_s for row in rows),
        f"not held: {', '.join(failed)}" if failed else f"held, seed {seed}",
    )  # fmt: skip
    say(total.text())
    return not failed


def resident_kb() -> int:
    """What this process holds in memory once it has thrown away what nobody needs."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1_024
