"""The page of one incident, from the journal's facts: what happened, the figures, whose it is, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from domain.clock import NS_PER_MS, NS_PER_S
from domain.records import Entry, IncidentOpenedEntry, LimitsEntry, payload_of, type_of
from domain.stamps import et_text, utc_ms_text
from journal.facts import RecordedFact, Seen
from journal.reports.render import Block, Heading, Table
from ops.incidents.responses import RESUME, response_of

BEFORE_NS: Final = 300 * NS_PER_S
ROWS_MAX: Final = 400
WORDS_MAX: Final = 240
NOBODY: Final = "nobody is named: set incidents.on_call in the configuration"
# What is told of every window says nothing of a breach.
UNTOLD: Final = (LimitsEntry,)


class NoSuchIncidentError(LookupError):
    """The journal holds no incident of this name."""


class Ended(msgspec.Struct, frozen=True):
    """How the breach ended for the account. `flat_ns`: until nothing could be live; None if something may be."""

    flat_ns: int | None


def page(facts: Iterable[RecordedFact | Seen], ident: str, ended: Ended, on_call: Sequence[str]) -> list[Block]:
    """The blocks of one incident. Raises NoSuchIncidentError."""
    told = [fact for fact in facts if isinstance(fact, RecordedFact)]
    opened = next((f for f in told if isinstance(f.entry, IncidentOpenedEntry) and f.entry.ident == ident), None)
    if opened is None or not isinstance(opened.entry, IncidentOpenedEntry):
        raise NoSuchIncidentError(f"no incident {ident} in the journal")
    entry, response = opened.entry, response_of(opened.entry.breach)
    flat = (
        f"{ended.flat_ns // NS_PER_MS} ms after the breach"
        if ended.flat_ns is not None
        else "not yet: orders may be live"
    )
    rows = [
        ("what", entry.breach.value),
        ("why", entry.why),
        ("when", f"{utc_ms_text(opened.utc_ns)} ({et_text(opened.utc_ns)} in New York)"),
        ("record", opened.ident),
        ("nothing live", flat),
        ("owner", response.owner),
        ("on call", "; ".join(on_call) or NOBODY),
        ("action", response.action),
        ("runbook", response.runbook),
        ("to go on", f"trading waits for a person: {RESUME}"),
    ]
    figures = [(figure.name, figure.value, figure.limit or "-") for figure in entry.figures]
    return [
        Heading(1, f"Incident {ident}"),
        Table(("", ""), rows),
        Heading(2, "Figures at the breach"),
        Table(("figure", "value", "limit"), figures),
        Heading(2, "Time line"),
        Table(("UTC", "from the breach", "record", "what"), _time_line(told, opened.utc_ns)),
    ]


def _time_line(told: Sequence[RecordedFact], opened_ns: int) -> list[tuple[str, ...]]:
    """The newest rows within five minutes before the breach, and all that follows it."""
    near = [f for f in told if f.utc_ns >= opened_ns - BEFORE_NS and not isinstance(f.entry, UNTOLD)]
    return [
        (utc_ms_text(f.utc_ns), f"{(f.utc_ns - opened_ns) / NS_PER_MS / 1_000:+.3f} s", f.ident, _words(f.entry))
        for f in near[-ROWS_MAX:]
    ]


def _words(entry: Entry) -> str:
    """A record in one line; what an incident tells stands above, and not once more here."""
    if isinstance(entry, IncidentOpenedEntry):
        return f"{type_of(type(entry))} {entry.ident}"
    said = ", ".join(f"{name} {value}" for name, value in payload_of(entry).items() if value not in ("", None))
    text = f"{type_of(type(entry))}: {said}"
    return text if len(text) <= WORDS_MAX else f"{text[:WORDS_MAX]}..."
