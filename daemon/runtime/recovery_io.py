"""Startup is recovery: the last snapshot, the journal's tail behind it, and a new run on top of both.

The snapshot gives the engine's memory as of one record; the steps recorded after it are stepped through a scratch
engine, each once its place in the chain was proven, and what that engine then remembers is where the new run begins.
It knows no books and no prices, so it decides nothing: what it did at the time is taken from the records. Without a
snapshot the whole last run is stepped. Without a journal there is nothing to remember: a first start.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import structlog

from daemon.engine.memory import remember, restore
from daemon.engine.recovered_steps import reapply
from daemon.settings.build import ReferenceData, build_engine
from daemon.settings.build_id_io import build_id
from daemon.settings.tree import Settings, config_hash
from domain.actions import AnyAction
from domain.clock import NS_PER_S, Clock, Now
from domain.door import one_line
from domain.events import AnyEvent, Started
from journal.opening_io import began_utc_ns, read_tail
from journal.snapshot import Snapshot, SnapshotDamaged
from journal.snapshot_io import read_snapshot

log = structlog.get_logger("ladderd")


class Lived(Protocol):
    """One step of the run before."""

    @property
    def event(self) -> AnyEvent:
        """What entered the engine."""
        ...

    @property
    def now(self) -> Now:
        """When."""
        ...

    @property
    def actions(self) -> Sequence[AnyAction]:
        """What left it."""
        ...


class Recovered(NamedTuple):
    """Where a run begins."""

    run_id: str
    epoch: int
    build_id: str
    config_hash: str
    memory: str
    tail_steps: int


def recover(settings: Settings, reference: ReferenceData, clock: Clock) -> Recovered:
    """Work out what the run before knew. Raises JournalDamaged when the journal cannot be believed."""
    now = clock.now()
    state_dir = settings.state_dir
    snapshot = None
    try:
        snapshot = read_snapshot(state_dir)
    except SnapshotDamaged as problem:
        log.warning("snapshot not believed", problem=str(problem))
    if snapshot is not None:
        try:
            restore(build_engine(settings, reference).state, snapshot.payload.decode(), now)
        except (ValueError, LookupError, TypeError, AssertionError) as problem:
            log.warning("snapshot not believed", problem=f"not the memory of this build: {one_line(str(problem))}")
            snapshot = None
    payload = snapshot.payload if snapshot is not None else None
    tail = read_tail(state_dir, _read_until(snapshot, state_dir))
    memory, epoch, count = relive(settings, reference, payload, tail, now)
    fresh = max(now.utc_ns // NS_PER_S, epoch + 1)
    run_id = f"run-{fresh}"
    return Recovered(run_id, fresh, build_id(), config_hash(settings), memory, count)


def _read_until(snapshot: Snapshot | None, state_dir: Path) -> int:
    """The record that the snapshot stands behind; 0 for one that was taken before this journal began.

    That is one whose journal was moved away as damaged: what it knows is still true, but its number counts otherwise.
    """
    began_ns = began_utc_ns(state_dir)
    if snapshot is None or began_ns is None or snapshot.taken_utc_ns < began_ns:
        return 0
    return snapshot.seq


def relive(
    settings: Settings, reference: ReferenceData, payload: bytes | None, tail: Iterable[Lived], now: Now
) -> tuple[str, int, int]:
    """What an engine remembers that took over a snapshot's payload and then lived through the steps behind it.

    Returns the memory as JSON text (empty when there was nothing to remember), the newest epoch, and how many steps.
    """
    engine = build_engine(settings, reference)
    steps = iter(tail)
    first = next(steps, None)
    count, known = 0, payload is not None
    if payload is not None:
        # The scratch engine takes over when its first step was, not now: time flows once, behind its last step.
        restore(engine.state, payload.decode(), now if first is None else first.now)
    epoch = engine.state.held.numbers.epoch
    for step in itertools.chain((first,) if first is not None else (), steps):
        if isinstance(step.event, Started):
            # An older run ended before the one we want: its memory is inside this event.
            engine, known = build_engine(settings, reference), True
        engine.step(step.event, step.now)
        if engine.state.started is None:
            reapply(engine.state, step.actions, step.now)
        epoch = max(epoch, engine.state.held.numbers.epoch)
        count += 1
    if payload is not None and not count:
        return payload.decode(), epoch, count
    return (remember(engine.state).decode() if known or count else ""), epoch, count
