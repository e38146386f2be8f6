"""What earlier versions of the journal wrote, read as what it means today.

Version 1 had each record twice: inside its step, as an action of the kind `record` with type and payload, and on a line
of its own whose `causation_id` is the number of that step. The line inside the step counts. An adoption named its
difference `kind`. Deciding such a journal again is not supported; what it says is.
"""

from __future__ import annotations

from typing import Final

import msgspec

from domain.door import PAGE_BYTES_MAX, Door, Refused
from domain.records import ENTRIES, AdoptionEntry, AnyEntry, type_of
from journal.record import Record, RecordError

DOUBLED: Final = 1
"""The version that wrote each record of a step on a line of its own as well."""


class Recorded(msgspec.Struct, frozen=True, tag="record", tag_field="kind"):
    """A record of version 1 among the actions of its step."""

    type: str
    payload: msgspec.Raw


class Alerted(msgspec.Struct, frozen=True, tag="alert", tag_field="kind"):
    """An alert as steps held it before each kind had a type of its own. Nothing is rebuilt from it."""

    action: str
    severity: str
    payload: msgspec.Raw


_entries: Final = {type_of(entry): Door(entry, PAGE_BYTES_MAX, proven=True) for entry in ENTRIES}
_keys: Final = Door(dict[str, msgspec.Raw], PAGE_BYTES_MAX, proven=True)
_adoption: Final = type_of(AdoptionEntry)


def entry_of(record_type: str, payload: bytes, version: int) -> AnyEntry | None:
    """The record that type and payload tell; None for a type that is not known. Raises RecordError for a bad one."""
    door = _entries.get(record_type)
    if door is None:
        return None
    try:
        if version == DOUBLED and record_type == _adoption:
            said = _keys.read(payload)
            if "kind" in said:
                said["drift"] = said.pop("kind")
            payload = msgspec.json.encode(said)
        return door.read(payload)
    except Refused as problem:
        raise RecordError(f"a record {record_type} that is none: {problem}") from problem


def stands_in_its_step(record: Record) -> bool:
    """Whether a line only says again what its step holds."""
    return record.version == DOUBLED and bool(record.causation_id)
