"""Run the journaled events through a fresh engine and compare what it does with what was done.

The engine is a function of its events and their `now`, so the same build must give the same actions, byte for byte in
the canonical encoding. Each `Started` event begins a new engine, as each did a new process. The engine is passed in as
a factory, since this package may not import the daemon. Another build is another engine: its journal is refused, not
compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from domain.clock import Now
from domain.events import AnyEvent, Started
from journal.reader import Step
from journal.record import canonical_json

StepFunction = Callable[[AnyEvent, Now], bytes]
"""One engine: event and now in, the JSON of its list of actions out."""


class Divergence(msgspec.Struct, frozen=True):
    """The first step whose actions differ: its record's number, the journal's actions and the engine's."""

    seq: int
    expected: bytes
    got: bytes


class ReplayVerdict(msgspec.Struct, frozen=True):
    """What a replay found. `skipped` counts steps before the first `Started`, which no engine can be given."""

    ok: bool
    steps: int
    runs: int
    skipped: int
    first_divergence: Divergence | None
    refused: str


def replay(
    steps: Iterable[Step], engine: Callable[[Started], StepFunction], build_id: str | None = None
) -> ReplayVerdict:
    """Replay steps in order through engines made by `engine`; stop at the first difference.

    With `build_id` given, a run that another build wrote is refused. A journal without any run is not ok: nothing was
    shown.
    """
    step: StepFunction | None = None
    done = runs = skipped = 0
    for entry in steps:
        if isinstance(entry.event, Started):
            if build_id is not None and entry.event.build_id != build_id:
                refused = (
                    f"record {entry.seq}: run {entry.event.run_id} was written by build {entry.event.build_id}, "
                    f"this is {build_id}; replay it with the build that wrote it"
                )
                return ReplayVerdict(
                    ok=False, steps=done, runs=runs, skipped=skipped, first_divergence=None, refused=refused
                )
            step = engine(entry.event)
            runs += 1
        if step is None:
            skipped += 1
            continue
        got = step(entry.event, entry.now)
        done += 1
        if got != entry.encoded and canonical_json(got) != entry.encoded:
            difference = Divergence(entry.seq, entry.encoded, got)
            return ReplayVerdict(
                ok=False, steps=done, runs=runs, skipped=skipped, first_divergence=difference, refused=""
            )
    refused = "" if done else "the journal holds no run to replay"
    return ReplayVerdict(ok=done > 0, steps=done, runs=runs, skipped=skipped, first_divergence=None, refused=refused)
