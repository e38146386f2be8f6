"""Incident files: one dated page each under `reports/incidents/`, and what the journal says of it.

Reading a day's journal takes about a second of one core for every 200,000 records: call it in a process of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from domain.records import IncidentFiledEntry, IncidentOpenedEntry, OperatorActionEntry
from domain.stamps import utc_ms_text
from journal.disk_io import Disk
from journal.facts import RecordedFact, Seen, facts, tells_nothing
from journal.layout import first_seq_of
from journal.reader_io import read_records, segment_paths
from journal.reports.render import markdown
from ops.incidents.page import Ended, page
from ops.incidents.responses import response_of

FOLDER: Final = "reports/incidents"
_DAY_CHARS: Final = len("20260306")


class Kept(msgspec.Struct, frozen=True):
    """A file as it was written: its path under the state directory, and its SHA-256."""

    path: str
    sha256: str


class ListedIncident(msgspec.Struct, frozen=True):
    """One incident. `file`: as written, CHANGED, MISSING, or not written yet; `open`: nobody has resumed since."""

    ident: str
    opened_utc: str
    breach: str
    why: str
    owner: str
    action: str
    path: str
    file: str
    open: bool

    @property
    def proven(self) -> bool:
        """Whether its file is the one that the journal knows."""
        return self.file == AS_WRITTEN


AS_WRITTEN: Final = "as written"
CHANGED: Final = "CHANGED since it was written"
MISSING: Final = "MISSING"
NOT_YET: Final = "not written yet"


def keep(state_dir: Path, ident: str, suffix: str, body: bytes) -> Kept:
    """Write one file of an incident, durably, under its day. Raises OSError."""
    day = f"{ident[:4]}-{ident[4:6]}-{ident[6:_DAY_CHARS]}"
    path = state_dir / FOLDER / day / f"{ident}{suffix}"
    disk = Disk()
    disk.make_directory(path.parent)
    disk.replace(path, body, durable=True)
    return Kept(str(path.relative_to(state_dir)), hashlib.sha256(body).hexdigest())


def write_incident(state_dir: Path, ident: str, flat_ns: int | None, on_call: Sequence[str]) -> Kept:
    """Write an incident's page from the journal.

    Raises NoSuchIncidentError, JournalDamaged, Refused for another build's step, OSError.
    """
    blocks = page(_facts_since(state_dir, ident[:_DAY_CHARS]), ident, Ended(flat_ns), on_call)
    return keep(state_dir, ident, ".md", markdown(blocks).encode())


def list_incidents(state_dir: Path) -> list[ListedIncident]:
    """Every incident of the journal, oldest first. Raises as `write_incident`."""
    opened: list[RecordedFact] = []
    filed: dict[str, IncidentFiledEntry] = {}
    resumed_ns = 0
    for fact in _facts_since(state_dir, ""):
        if not isinstance(fact, RecordedFact):
            continue
        entry = fact.entry
        if isinstance(entry, IncidentOpenedEntry):
            opened.append(fact)
        elif isinstance(entry, IncidentFiledEntry):
            filed[entry.ident] = entry
        elif isinstance(entry, OperatorActionEntry) and entry.command == "resume" and not entry.refused:
            resumed_ns = fact.utc_ns
    return [_listed(state_dir, fact, filed, resumed_ns) for fact in opened]


def _listed(
    state_dir: Path, fact: RecordedFact, filed: dict[str, IncidentFiledEntry], resumed_ns: int
) -> ListedIncident:
    entry = fact.entry
    assert isinstance(entry, IncidentOpenedEntry), "only openings are listed"
    response, file = response_of(entry.breach), filed.get(entry.ident)
    return ListedIncident(
        ident=entry.ident,
        opened_utc=utc_ms_text(fact.utc_ns),
        breach=entry.breach.value,
        why=entry.why,
        owner=response.owner,
        action=response.action,
        path="" if file is None else file.path,
        file=NOT_YET if file is None else _compared(state_dir, file),
        open=fact.utc_ns > resumed_ns,
    )


def _compared(state_dir: Path, file: IncidentFiledEntry) -> str:
    try:
        body = (state_dir / file.path).read_bytes()
    except FileNotFoundError:
        return MISSING
    return AS_WRITTEN if hashlib.sha256(body).hexdigest() == file.sha256 else CHANGED


def _facts_since(state_dir: Path, day: str) -> Iterator[RecordedFact | Seen]:
    """The journal's facts from the segment before the first of a day (YYYYMMDD) on."""
    names = [path.name for path in segment_paths(state_dir)]
    before = [name for name in names if name[:10].replace("-", "") < day]
    since = (first_seq_of(before[-1]) or 1) if before else 1
    return facts(read_records(state_dir, since - 1, tells_nothing))
