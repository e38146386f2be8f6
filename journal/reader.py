"""From lines to meaning: records, steps, and the line of an anchor. Pure; the files are read in `reader_io`."""

from __future__ import annotations

from typing import Final, get_args

import msgspec

from domain.actions import RECORD_MINOR, AnyAction
from domain.clock import Now
from domain.door import PAGE_BYTES_MAX, Door, Refused
from domain.events import AnyEvent
from journal.chain import Anchor
from journal.earlier import Alerted, Recorded, entry_of
from journal.record import Record, RecordError, canonical, parse_utc


class Step(msgspec.Struct, frozen=True):
    """One step as journaled; `encoded` is the canonical JSON of its actions, which replay must reproduce."""

    seq: int
    event: AnyEvent
    now: Now
    actions: tuple[AnyAction, ...]
    encoded: bytes


class _Kind(msgspec.Struct, frozen=True):
    kind: str


class _RawStep(msgspec.Struct, frozen=True):
    event: AnyEvent
    now: Now
    actions: msgspec.Raw


ANCHOR_BYTES_MAX: Final = 4_096
_raw_step: Final = Door(_RawStep, PAGE_BYTES_MAX, proven=True)
_actions: Final = Door(tuple[AnyAction | Recorded | Alerted, ...], PAGE_BYTES_MAX, proven=True)
_kind: Final = Door(_Kind, PAGE_BYTES_MAX, proven=True)
_each: Final = Door(tuple[msgspec.Raw, ...], PAGE_BYTES_MAX, proven=True)
_anchor: Final = Door(Anchor, ANCHOR_BYTES_MAX)
KINDS: Final = frozenset(one.__struct_config__.tag for one in (*get_args(AnyAction), Recorded, Alerted))


def decode_step(record: Record) -> Step:
    """Read the payload of a `step` record. Raises RecordError when this build does not know its events or actions."""
    try:
        raw = _raw_step.read(record.payload)
        actions = decode_actions(raw.actions, record)
    except (msgspec.MsgspecError, RecordError) as error:
        raise RecordError(f"step record {record.seq} cannot be read by this build ({error})") from error
    return Step(record.seq, raw.event, raw.now, actions, bytes(raw.actions))


def decode_actions(raw: msgspec.Raw, line: Record) -> tuple[AnyAction, ...]:
    """The actions of a step, records among them. Raises RecordError, msgspec.MsgspecError for what is not known.

    Under a newer minor version records may be of types that this build does not know: they are passed over.
    """
    told = _actions.read(raw if line.minor <= RECORD_MINOR else _known_of(raw))
    if not any(isinstance(one, Recorded | Alerted) for one in told):
        return told  # type: ignore[return-value] # just looked at
    known: list[AnyAction] = []
    for one in told:
        if isinstance(one, Alerted):
            continue
        if not isinstance(one, Recorded):
            known.append(one)
            continue
        entry = entry_of(one.type, bytes(one.payload), line.version)
        if entry is None:
            raise RecordError(f"no record has the type {one.type!r}")
        known.append(entry)
    return tuple(known)


def _known_of(raw: msgspec.Raw) -> bytes:
    return canonical([one for one in _each.read(raw) if _kind.read(one).kind in KINDS])


def decode_anchor(line: bytes) -> Anchor:
    """Read one line of an anchor file. Raises RecordError."""
    try:
        anchor = _anchor.read(line)
        parse_utc(anchor.ts_utc)
    except (Refused, RecordError) as error:
        raise RecordError(f"it is not an anchor ({error})") from error
    return anchor
