"""docs/events.md, made from the structs: `python -m journal.schema` prints it, a test fails when the page is stale.

What a line consists of is read from `journal.record.Record`, each type and its keys from `domain.records`.
"""

from __future__ import annotations

import inspect
import sys
from typing import Final

import msgspec

from domain.records import ENTRIES, RECORD_VERSION, Entry, IncidentFigure, SchedulerWindow, UnquotedRung, type_of
from journal.record import Record

_HEAD: Final = f"""# Events: every type of record in the journal

Made by `make events` from domain/record_types/; do not edit. Record version {RECORD_VERSION}.

One line of JSON is one record. `payload` is what its `type` says below. Each record is made as its struct: its keys and
their kinds are checked by mypy, its bounds when it is made, and one that is out of them ends the run before a byte of
its step is written. A line of a newer version is refused by name. A type or key that a reader does not know is passed
over, and a key that an older line lacks is not known.

Units, whole numbers: Price 1/10,000 dollar, Count 1/100 contract, Cash 1/1,000,000 dollar, IndexValue 1/1,000,000
point; names that end in `_ns` and `window` (a target) are Unix nanoseconds, in `_ms` milliseconds, which may be broken.
OrderPrice is over 0 and under a dollar, FillPrice from 0 to a dollar, OrderCount over 0, Milliseconds not negative.
Named is a text that is not empty. Sides are of the YES leg.

A segment's first line, and the first of each run in it, is a head: a line of the type `head` that says run,
configuration, build (`payload.build_id`) and version once for the lines after it, which leave them out. It is no record
and has the number of the record after it. A record of a newer minor version (`payload.minor`) that this build does not
know is kept and passed over. Read back, every record has all that the table below shows.

A record of type `step` holds what entered the engine (`event`), the stamp (`now`) and all that left it (`actions`);
replay runs on it. Every other record stands once, among its step's actions, with its type as `kind`; read back by
itself its `event_id` is `<seq>.<place among the actions, from 1>` and its `causation_id` the number of its step. Only
what no step makes has a line of its own. A step that took in the answer to a request has the step that sent it as its
`causation_id`, and as its `correlation_id` the step in which it all began, which took in what made us ask.
"""


def page() -> str:
    """The whole page."""
    parts = [_HEAD, "## A line\n", _table(Record)]
    for entry in ENTRIES:
        parts += [f"## {type_of(entry)}\n", f"{inspect.cleandoc(entry.__doc__ or '')}\n", _table(entry)]
    parts += ["## IncidentFigure, inside `incident_opened`\n", _table(IncidentFigure)]
    parts += ["## UnquotedRung, inside `rungs_unquoted`\n", _table(UnquotedRung)]
    parts += ["## SchedulerWindow, inside `window_phase`\n", _table(SchedulerWindow)]
    return "\n".join(parts)


def _table(struct: type[Entry | Record | IncidentFigure | SchedulerWindow | UnquotedRung]) -> str:
    rows = ["| key | type | |", "|---|---|---|"]
    written = _annotations(struct)
    for field in msgspec.structs.fields(struct):
        text = written[field.name].replace(" | UnsetType", "").replace("|", "or").replace("msgspec.Raw", "object")
        may_lack = field.default is not msgspec.NODEFAULT
        rows.append(f"| `{field.name}` | {text} | {'may be missing' if may_lack else ''} |")
    return "\n".join(rows) + "\n"


def _annotations(struct: type) -> dict[str, str]:
    """The types as they are written in the source, those of the bases first."""
    found: dict[str, str] = {}
    for base in reversed(struct.__mro__):
        found |= inspect.get_annotations(base)
    return found


if __name__ == "__main__":
    sys.stdout.write(page())
