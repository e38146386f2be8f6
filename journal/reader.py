"""From lines to meaning: records, steps, and the line of an anchor. Pure; the files are read in `reader_io`."""

from __future__ import annotations

import msgspec

from domain.actions import AnyAction
from domain.clock import Now
from domain.events import AnyEvent
from journal.chain import Anchor
from journal.earlier import Recorded, entry_of
from journal.record import Record, RecordError


class Step(msgspec.Struct, frozen=True):
    """One step as journaled; `encoded` is the canonical JSON of its actions, which replay must reproduce."""

    seq: int
    event: AnyEvent
    now: Now
    actions: tuple[AnyAction, ...]
    encoded: bytes


class _RawStep(msgspec.Struct, frozen=True):
    event: AnyEvent
    now: Now
    actions: msgspec.Raw


_raw_step = msgspec.json.Decoder(_RawStep)
_actions = msgspec.json.Decoder(tuple[AnyAction | Recorded, ...])
_anchor = msgspec.json.Decoder(Anchor)


def decode_step(record: Record) -> Step:
    """Read the payload of a `step` record. Raises RecordError when this build does not know its events or actions."""
    try:
        raw = _raw_step.decode(record.payload)
        actions = decode_actions(raw.actions, record.version)
    except (msgspec.MsgspecError, RecordError) as error:
        raise RecordError(f"step record {record.seq} cannot be read by this build ({error})") from error
    return Step(record.seq, raw.event, raw.now, actions, bytes(raw.actions))


def decode_actions(raw: msgspec.Raw, version: int) -> tuple[AnyAction, ...]:
    """The actions of a step, records among them. Raises RecordError, msgspec.MsgspecError for what is not known."""
    told = _actions.decode(raw)
    if not any(isinstance(one, Recorded) for one in told):
        return told  # type: ignore[return-value] # just looked at
    known: list[AnyAction] = []
    for one in told:
        if not isinstance(one, Recorded):
            known.append(one)
            continue
        entry = entry_of(one.type, bytes(one.payload), version)
        if entry is None:
            raise RecordError(f"no record has the type {one.type!r}")
        known.append(entry)
    return tuple(known)


def decode_anchor(line: bytes) -> Anchor:
    """Read one line of an anchor file. Raises RecordError."""
    try:
        return _anchor.decode(line)
    except msgspec.MsgspecError as error:
        raise RecordError(f"it is not an anchor ({error})") from error
