"""One line of the journal: its fields, and the exact bytes that are hashed and written.

What is the same in all lines of a run stands once in each segment, in its head: run, environment, configuration, build
and version. A head is a line of the chain that says everything itself and carries the number of the record after it;
it is no record, and a reader gives each record back complete.

The canonical form of a record is its JSON with sorted keys at every depth, no spaces, UTF-8, on one line (JSON escapes
every control character, so a newline ends a record and nothing else). `hash` is SHA-256 of the canonical form without
the field `hash` (docs/contracts.md, Journal); the line on disk is that same text with the field put in its place, which
in alphabetical order is just before `mono_ns`. So a verifier cuts the field out again and hashes what is left: it needs
no JSON printer of its own, and no byte of the line escapes the hash. A quote inside a JSON string is always escaped, so
the two marks searched for can only be found at the top level, and both stand before the payload.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from domain.actions import RECORD_MINOR
from domain.door import PAGE_BYTES_MAX, Door, Refused
from domain.records import RECORD_VERSION
from domain.stamps import parse_rfc3339

GENESIS: Final = "0" * 64
STEP: Final = "step"
HEAD: Final = "head"
"""The type of the line that tells, once for the lines after it in its segment, what is the same in all of them."""

HEAD_END: Final = f'"type":"{HEAD}","version":{RECORD_VERSION}}}\n'.encode()

_HASH_CHARS: Final = 64
_HASH_MARK: Final = b',"hash":"'
_AFTER_HASH: Final = b',"mono_ns":'

_sorted = msgspec.json.Encoder(order="sorted")


class Record(msgspec.Struct, frozen=True):
    """One record as read back, complete. `payload` is the raw canonical JSON; decode it by `type`."""

    causation_id: str
    config_hash: str
    correlation_id: str
    environment: str
    event_id: str
    hash: str
    mono_ns: int
    payload: msgspec.Raw
    prev_hash: str
    run_id: str
    seq: int
    ts_utc: str
    type: str
    version: int
    minor: int = 0


class HeadSays(msgspec.Struct, frozen=True):
    """The payload of a head: which build wrote the lines after it, and the minor version of their records."""

    build_id: str
    minor: int = RECORD_MINOR


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line as it stands: with everything in it (a head, and all of version 1), or under its segment's head."""

    causation_id: str
    hash: str
    mono_ns: int
    payload: msgspec.Raw
    prev_hash: str
    seq: int
    ts_utc: str
    type: str
    correlation_id: str = ""
    config_hash: str | UnsetType = UNSET
    environment: str | UnsetType = UNSET
    event_id: str | UnsetType = UNSET
    run_id: str | UnsetType = UNSET
    version: int | UnsetType = UNSET


class ShortBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """One record under its segment's head before it is sealed."""

    causation_id: str
    mono_ns: int
    payload: Any
    prev_hash: str
    seq: int
    ts_utc: str
    type: str
    correlation_id: str = ""


class Body(msgspec.Struct, frozen=True):
    """One line that says everything itself, before it is sealed. `payload` is anything that msgspec can print."""

    causation_id: str
    config_hash: str
    correlation_id: str
    environment: str
    event_id: str
    mono_ns: int
    payload: Any
    prev_hash: str
    run_id: str
    seq: int
    ts_utc: str
    type: str
    version: int = RECORD_VERSION


class RecordError(ValueError):
    """A line that is not a record of this journal; the text says in one clause what is wrong with it."""


class NewerVersionError(RecordError):
    """A sound line that a newer build wrote."""


_anything: Final = Door(object, PAGE_BYTES_MAX)
_line: Final = Door(_Line, PAGE_BYTES_MAX, proven=True)
_head_says: Final = Door(HeadSays, PAGE_BYTES_MAX, proven=True)


def canonical(value: object) -> bytes:
    """Canonical JSON of a value: sorted keys, compact. Raises TypeError or ValueError for what JSON cannot hold."""
    return _sorted.encode(value)


def canonical_json(text: bytes) -> bytes:
    """The canonical form of JSON that is already text. Raises Refused when it is not JSON."""
    return _sorted.encode(_anything.read(text))


def seal(body: Body | ShortBody) -> tuple[bytes, str]:
    """The line of a record, newline included, and its hash. Raises TypeError or ValueError for a bad payload."""
    text = _sorted.encode(body)
    digest = hashlib.sha256(text).hexdigest()
    at = text.index(_AFTER_HASH)
    return b"".join((text[:at], _HASH_MARK, digest.encode(), b'"', text[at:], b"\n")), digest


def digest_of(line: bytes) -> tuple[str, str]:
    """The hash a line claims and the hash its other bytes have. Raises RecordError when it carries none."""
    at = line.find(_HASH_MARK)
    end = at + len(_HASH_MARK) + _HASH_CHARS
    if at < 0 or line[end : end + 1 + len(_AFTER_HASH)] != b'"' + _AFTER_HASH:
        raise RecordError("it carries no hash where a record has one")
    stop = -1 if line.endswith(b"\n") else len(line)
    actual = hashlib.sha256(line[:at])
    actual.update(line[end + 1 : stop])
    return line[end - _HASH_CHARS : end].decode("latin-1"), actual.hexdigest()


def decode_record(line: bytes, head: Record | None = None) -> Record:
    """Read one line, under the newest head before it in its segment, and give the record back complete.

    Raises RecordError, also for a newer version; the hash is not checked (see journal.chain).
    """
    try:
        read = _line.read(line)
        if read.version is UNSET:
            return _under(read, head)
        if read.version > RECORD_VERSION:
            raise NewerVersionError(
                f"its version is {read.version}, and this build reads up to {RECORD_VERSION}: a newer one wrote it"
            )
        return _whole(read, read.version)
    except Refused as error:
        raise RecordError(f"it is not a journal record ({error})") from error


def _under(read: _Line, head: Record | None) -> Record:
    if head is None:
        raise RecordError("its segment has no head before it, which tells run, configuration and version")
    return Record(
        causation_id=read.causation_id,
        config_hash=head.config_hash,
        correlation_id=read.correlation_id or str(read.seq),
        environment=head.environment,
        event_id=str(read.seq),
        hash=read.hash,
        mono_ns=read.mono_ns,
        payload=read.payload,
        prev_hash=read.prev_hash,
        run_id=head.run_id,
        seq=read.seq,
        ts_utc=read.ts_utc,
        type=read.type,
        version=head.version,
        minor=head.minor,
    )


def _whole(read: _Line, version: int) -> Record:
    config_hash, environment, event_id, run_id = read.config_hash, read.environment, read.event_id, read.run_id
    if config_hash is UNSET or environment is UNSET or event_id is UNSET or run_id is UNSET:
        raise RecordError("it is not a journal record (it has a version, but not all that stands beside it)")
    return Record(
        causation_id=read.causation_id,
        config_hash=config_hash,
        correlation_id=read.correlation_id or str(read.seq),
        environment=environment,
        event_id=event_id,
        hash=read.hash,
        mono_ns=read.mono_ns,
        payload=read.payload,
        prev_hash=read.prev_hash,
        run_id=run_id,
        seq=read.seq,
        ts_utc=read.ts_utc,
        type=read.type,
        version=version,
        minor=_head_says.read(read.payload).minor if read.type == HEAD else 0,
    )


def parse_utc(text: str) -> int:
    """Unix nanoseconds from the journal's own form, nine digits and a Z. Raises RecordError for any other shape."""
    if len(text) != len("2026-03-06T14:50:00.123456789Z") or not text.endswith("Z"):
        raise RecordError(f"not a journal time stamp: {text!r}")
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise RecordError(f"not a journal time stamp: {text!r}") from error
