"""From lines to facts: the typed records, each once, in order, and the few events that a report draws.

A record stands inside the step that made it; its id is the step's number, a point, and its place among the step's
actions, from 1. What no step makes stands on a line of its own, and has that line's number as its id.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from domain.clock import Now
from domain.door import PAGE_BYTES_MAX, Door, Refused
from domain.events import JournalFault, LoopStall, MarketsRead, Started, Tick
from domain.records import ENTRIES, AnyEntry, payload_of, type_of
from journal.earlier import Recorded, entry_of, stands_in_its_step
from journal.record import STEP, Record, RecordError, canonical, parse_utc


class RecordedFact(msgspec.Struct, frozen=True):
    """One typed record: when, and what it says. `record`: the line that holds it or is it; `index`: its place there."""

    record: Record
    index: int
    utc_ns: int
    entry: AnyEntry

    @property
    def ident(self) -> str:
        """`<seq>.<index>`, or `<seq>` of a line of its own."""
        return f"{self.record.seq}.{self.index}" if self.index else str(self.record.seq)

    def whole(self) -> Record:
        """The fact as a record of its own, complete; hashes are those of the line that holds it."""
        line = self.record
        return msgspec.structs.replace(
            line,
            event_id=self.ident,
            type=type_of(type(self.entry)),
            causation_id=str(line.seq) if self.index else line.causation_id,
            payload=msgspec.Raw(canonical(payload_of(self.entry))),
        )


SeenEvent = Tick | MarketsRead | Started | LoopStall | JournalFault


class Seen(msgspec.Struct, frozen=True):
    """One event that entered the engine and that reports draw on."""

    seq: int
    utc_ns: int
    event: SeenEvent


class _RawStep(msgspec.Struct, frozen=True):
    event: msgspec.Raw
    now: Now
    actions: tuple[msgspec.Raw, ...]


class _Kind(msgspec.Struct, frozen=True):
    kind: str = ""


_raw_step: Final = Door(_RawStep, PAGE_BYTES_MAX, proven=True)
_kind: Final = Door(_Kind, PAGE_BYTES_MAX, proven=True)
_seen_event: Final[Door[SeenEvent]] = Door(SeenEvent, PAGE_BYTES_MAX, proven=True)  # type: ignore[arg-type] # a union
_told: Final[Door[AnyEntry | Recorded]] = Door(AnyEntry | Recorded, PAGE_BYTES_MAX, proven=True)  # type: ignore[arg-type] # a union
_SEEN_KINDS: Final = frozenset({"tick", "marketsread", "started", "loopstall", "journalfault"})
_SILENT_MARKS: Final = (b'"event":{"kind":"booktop"', b'"event":{"kind":"wake"')
_TYPES: Final = frozenset({"record", *(type_of(entry) for entry in ENTRIES)})
_TELLING: Final = re.compile(rb'"kind":"(?:%s)"' % b"|".join(kind.encode() for kind in sorted(_TYPES)))


def facts(records: Iterable[Record]) -> Iterator[RecordedFact | Seen]:
    """Everything a report needs, in the order of the records. Raises Refused for another build's step.

    A record that this build does not know, or that an early build wrote otherwise, is passed over.
    """
    for record in records:
        if record.type == STEP:
            step = _raw_step.read(record.payload)
            if _kind.read(step.event).kind in _SEEN_KINDS:
                yield Seen(record.seq, step.now.utc_ns, _seen_event.read(step.event))
            yield from _made_in(record, step)
        else:
            yield from _alone(record)


def told_in(records: Iterable[Record]) -> Iterator[RecordedFact]:
    """The facts alone, in order, whatever events this build knows. Raises Refused for no step."""
    for record in records:
        yield from _made_in(record, _raw_step.read(record.payload)) if record.type == STEP else _alone(record)


def _made_in(record: Record, step: _RawStep) -> Iterator[RecordedFact]:
    for index, action in enumerate(step.actions, start=1):
        entry = _in_step(action, record.version) if _kind.read(action).kind in _TYPES else None
        if entry is not None:
            yield RecordedFact(record, index, step.now.utc_ns, entry)


def _alone(record: Record) -> Iterator[RecordedFact]:
    entry = None if stands_in_its_step(record) else _entry(record.type, bytes(record.payload), record.version)
    if entry is not None:
        yield RecordedFact(record, 0, parse_utc(record.ts_utc), entry)


def tells_nothing(line: bytes) -> bool:
    """Whether a journal line is a step of the frequent kinds that no report draws on; told from its bytes alone.

    A text in a payload that looks like one of the marks can only make a line count as telling something.
    """
    return any(mark in line for mark in _SILENT_MARKS) and _TELLING.search(line) is None


def _in_step(action: msgspec.Raw, version: int) -> AnyEntry | None:
    try:
        told = _told.read(action)
    except Refused:
        return None
    return _entry(told.type, bytes(told.payload), version) if isinstance(told, Recorded) else told


def _entry(record_type: str, payload: bytes, version: int) -> AnyEntry | None:
    try:
        return entry_of(record_type, payload, version)
    except RecordError:
        return None
