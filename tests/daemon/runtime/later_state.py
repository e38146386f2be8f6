"""A state directory as a version after this one writes it: every struct has a key, every step a record that is new."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from msgspec import inspect

from daemon.engine.memory import Memory, remember, restore
from daemon.engine.recovered_steps import reapply
from daemon.settings.build import ReferenceData, build_engine
from daemon.settings.tree import config_hash
from domain.actions import RECORD_MINOR
from journal import committer_io
from journal.opening_io import read_tail
from journal.record import HeadSays
from journal.snapshot_io import read_snapshot, write_snapshot
from journal.writer_io import JournalLimits, JournalWriter
from tests.daemon.kept import settings_in
from tests.daemon.stand import FEES
from tests.daemon.timepiece import Timepiece

NEW: Final = "of_a_later_version"
LATER_EVENT: Final = {"kind": NEW, "told": 1}


def write_later_state(
    source: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    event: dict[str, Any] | None = None,
    stopped_in_order: bool = False,
) -> None:
    """Write the state of `source` again, with what only a later version knows.

    `event`: what entered the later engine last. `stopped_in_order`: the snapshot stands behind it, as after SIGTERM.
    """
    monkeypatch.setattr(committer_io, "HeadSays", lambda build: HeadSays(build, RECORD_MINOR + 1))
    settings = settings_in(folder)
    folder.mkdir()
    snapshot = read_snapshot(source)
    assert snapshot is not None
    steps = list(read_tail(source, 0))
    clock = Timepiece(steps[0].now.mono_ns, steps[0].now.utc_ns)
    limits = JournalLimits(ballast_bytes=0)
    log = JournalWriter(folder, "run", "paper", config_hash(settings), clock, threaded=False, limits=limits)
    engine, taken = build_engine(settings, ReferenceData(FEES)), 0
    for step in steps:
        clock.mono_ns, clock.utc_ns = step.now.mono_ns, step.now.utc_ns
        actions = [{"kind": NEW, "told": 1}, *(_grown(action) for action in step.actions)]
        seq = log.append("step", {"event": _grown(step.event), "now": step.now, "actions": actions})
        log.append(NEW, {"told": 1})
        if step.seq == snapshot.seq:
            restore(engine.state, snapshot.payload.decode(), step.now)
            taken = seq
        elif stopped_in_order and step.seq > snapshot.seq:
            engine.step(step.event, step.now)
            reapply(engine.state, step.actions, step.now)
    if event is not None:
        seq = log.append("step", {"event": event, "now": clock.now(), "actions": []})
    write_snapshot(folder, _later_payload(remember(engine.state)), seq if stopped_in_order else taken, clock.utc_ns)
    log.close()


def _later_payload(payload: bytes) -> bytes:
    """A snapshot's payload with a new key wherever a struct, or a plain table, may get one."""
    return msgspec.json.encode(_with_new_keys(msgspec.json.decode(payload), inspect.type_info(Memory)))


def _grown(said: msgspec.Struct) -> dict[str, Any]:
    return {**msgspec.to_builtins(said), NEW: 1}


def _with_new_keys(value: Any, kind: inspect.Type) -> Any:  # noqa: ANN401 - JSON
    if isinstance(kind, inspect.UnionType):
        kind = next(one for one in kind.types if not isinstance(one, inspect.NoneType))
    if isinstance(value, dict):
        if isinstance(kind, inspect.StructType):
            types = {field.encode_name: field.type for field in kind.fields}
            return {name: _with_new_keys(one, types[name]) for name, one in value.items()} | {NEW: 1}
        assert isinstance(kind, inspect.DictType)
        grown = {name: _with_new_keys(one, kind.value_type) for name, one in value.items()}
        return grown | {NEW: 1} if isinstance(kind.value_type, inspect.AnyType | inspect.IntType) else grown
    if isinstance(value, list) and isinstance(kind, inspect.VarTupleType | inspect.ListType):
        return [_with_new_keys(one, kind.item_type) for one in value]
    return value
