"""A snapshot of the engine's state: the document, its proof, its age.

`{schema, seq, state_hash, taken_utc_ns, payload, hash}`: the state after record `seq`, as the engine prints it.
`state_hash` is SHA-256 of the canonical payload, the figure that a `state_snapshot` record carries and that two runs
with equal state share; `hash` covers every other field too, so that an edited number or stamp is refused like an
edited state. An age is never stored: it is worked out when the document is read.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from domain.clock import NS_PER_S
from domain.door import PAGE_BYTES_MAX, Door, Refused
from journal.record import canonical, canonical_json

SNAPSHOT_SCHEMA: Final = "ladderd.snapshot.1"


class SnapshotDamaged(Exception):  # noqa: N818 - named like JournalDamaged
    """A snapshot that cannot be believed: the sentence says why. Recovery goes on without it, from the exchange."""


class Snapshot(msgspec.Struct, frozen=True):
    """A snapshot that was checked. `payload` is canonical JSON; `taken_utc_ns` the engine's own `now` at the time."""

    seq: int
    state_hash: str
    taken_utc_ns: int
    payload: bytes

    def age_s(self, utc_ns: int) -> float:
        """How old it is at an instant; negative when the wall clock was set back since."""
        return (utc_ns - self.taken_utc_ns) / NS_PER_S


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: str
    seq: int
    state_hash: str
    taken_utc_ns: int
    payload: msgspec.Raw
    hash: str = ""


_document: Final = Door(_Document, PAGE_BYTES_MAX)


def print_snapshot(payload: bytes, seq: int, taken_utc_ns: int) -> bytes:
    """The document for a state's JSON after record `seq`. Raises msgspec.DecodeError when `payload` is not JSON."""
    state = canonical_json(payload)
    proof = hashlib.sha256(state).hexdigest()
    open_document = _Document(SNAPSHOT_SCHEMA, seq, proof, taken_utc_ns, msgspec.Raw(state))
    sealed = msgspec.structs.replace(open_document, hash=_seal(open_document))
    return canonical(sealed) + b"\n"


def parse_snapshot(text: bytes, where: str) -> Snapshot:
    """Read and check a document; `where` names it in the error. Raises SnapshotDamaged."""
    try:
        document = _document.read(text)
        state = canonical_json(bytes(document.payload))
    except Refused as error:
        raise SnapshotDamaged(f"{where}: not a snapshot ({error}); {_WITHOUT}") from error
    if document.schema != SNAPSHOT_SCHEMA:
        raise SnapshotDamaged(f"{where}: schema {document.schema!r}, this build reads {SNAPSHOT_SCHEMA!r}; {_WITHOUT}")
    if document.state_hash != hashlib.sha256(state).hexdigest():
        raise SnapshotDamaged(f"{where}: the state does not have the hash it is filed under; {_WITHOUT}")
    if document.hash != _seal(document):
        raise SnapshotDamaged(f"{where}: it was changed after it was written; {_WITHOUT}")
    return Snapshot(document.seq, document.state_hash, document.taken_utc_ns, state)


_WITHOUT: Final = "move it away to start without it, from the journal and the exchange's own lists"


def _seal(document: _Document) -> str:
    return hashlib.sha256(canonical(msgspec.structs.replace(document, hash=""))).hexdigest()
