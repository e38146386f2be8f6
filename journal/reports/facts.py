"""From records to what the reports are made of: typed facts, and the few events that a report draws.

A typed record (order_created, guard_trip ...) leaves the engine as an action of a step, so it stands inside the step
record; the shell may also write it as a line of its own. Both are the same fact: a line whose type and payload were
already met inside a recent step is not told twice. A fact that stands only on a line of its own (an operator's note
written while the daemon was down) is told as well.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from domain.clock import Now
from domain.events import JournalFault, LoopStall, MarketsRead, Started, Tick
from journal.record import STEP, Record, parse_utc

RECENT_FACTS_MAX: Final = 4096
_RECORD_MARK: Final = b'"kind":"record"'


class Fact(msgspec.Struct, frozen=True):
    """One typed record: when, of what type, and what it says. `seq` is the line it stands on or in."""

    seq: int
    utc_ns: int
    type: str
    payload: dict[str, Any]


SeenEvent = Tick | MarketsRead | Started | LoopStall | JournalFault


class Seen(msgspec.Struct, frozen=True):
    """One event that entered the engine and that reports draw on."""

    seq: int
    utc_ns: int
    event: SeenEvent


class _RawStep(msgspec.Struct, frozen=True):
    event: msgspec.Raw
    now: Now
    actions: msgspec.Raw


class _Kind(msgspec.Struct, frozen=True):
    kind: str = ""


class _AnyAction(msgspec.Struct, frozen=True):
    kind: str = ""
    type: str = ""
    payload: msgspec.Raw = msgspec.Raw(b"{}")


_raw_step = msgspec.json.Decoder(_RawStep)
_kind = msgspec.json.Decoder(_Kind)
_seen_event = msgspec.json.Decoder(SeenEvent)
_any_actions = msgspec.json.Decoder(list[_AnyAction])
_payload = msgspec.json.Decoder()
_SEEN_KINDS: Final = frozenset({"tick", "marketsread", "started", "loopstall", "journalfault"})
_SILENT_MARKS: Final = (b'"event":{"kind":"booktop"', b'"event":{"kind":"wake"')
_TELLING_MARKS: Final = (_RECORD_MARK,)


def facts(records: Iterable[Record]) -> Iterator[Fact | Seen]:
    """Everything a report needs, in the order of the records. Raises msgspec.ValidationError for another build's step.

    Steps whose event no report draws on, and actions other than records, are passed over without being decoded.
    """
    recent: Counter[tuple[str, bytes]] = Counter()
    order: deque[tuple[str, bytes]] = deque()
    for record in records:
        if record.type != STEP:
            key = (record.type, bytes(record.payload))
            if recent[key] > 0:
                recent[key] -= 1
            else:
                del recent[key]
                yield Fact(record.seq, parse_utc(record.ts_utc), record.type, payload_of(record.payload))
            continue
        step = _raw_step.decode(record.payload)
        if _kind.decode(step.event).kind in _SEEN_KINDS:
            yield Seen(record.seq, step.now.utc_ns, _seen_event.decode(step.event))
        if _RECORD_MARK not in bytes(step.actions):
            continue
        for action in _any_actions.decode(step.actions):
            if action.kind == "record":
                key = (action.type, bytes(action.payload))
                recent[key] += 1
                order.append(key)
                yield Fact(record.seq, step.now.utc_ns, action.type, payload_of(action.payload))
        while len(order) > RECENT_FACTS_MAX:
            _forget(recent, order.popleft())


def tells_nothing(line: bytes) -> bool:
    """Whether a journal line is a step of the frequent kinds that no report draws on; told from its bytes alone.

    A text in a payload that looks like one of the marks can only make a line count as telling something.
    """
    return any(mark in line for mark in _SILENT_MARKS) and not any(mark in line for mark in _TELLING_MARKS)


def payload_of(raw: msgspec.Raw) -> dict[str, Any]:
    """A payload as a dictionary; anything else under the key `value`."""
    value = _payload.decode(raw)
    return value if isinstance(value, dict) else {"value": value}


def _forget(recent: Counter[tuple[str, bytes]], key: tuple[str, bytes]) -> None:
    recent[key] -= 1
    if recent[key] <= 0:
        del recent[key]
