"""Which records open an incident, and which incidents still owe their file.

The list of types is closed, and nobody calls this: who finds a breach makes its record, and the step that made it finds
the record here. One step opens at most one incident, of the worst that it tells. The file is asked for once nothing can
be live any more, so that it says how long that took, but at the latest after ten seconds; and again for as long as it
was not written. What is owed survives a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from msgspec import UNSET

from domain.actions import AnyAction, FileIncident
from domain.clock import NS_PER_S, Now
from domain.events import IncidentWritten
from domain.reasons import Breach, RiskDecision, Topic
from domain.records import (
    BreachEntry,
    IncidentFigure,
    IncidentFiledEntry,
    IncidentOpenedEntry,
    KillSwitchEntry,
    RiskDecisionEntry,
)
from domain.stamps import utc_ns_text

FILE_AFTER_NS: Final = 10 * NS_PER_S
AGAIN_NS: Final = 60 * NS_PER_S
OPENS: Final = frozenset({BreachEntry, KillSwitchEntry, RiskDecisionEntry})
STOPS: Final = frozenset({RiskDecision.SOFT_PAUSE, RiskDecision.HARD_STOP})


class Owed(msgspec.Struct, frozen=True):
    """An incident whose file is not written yet. `flat_after_ns`: until nothing could be live; 0 while not known."""

    ident: str
    opened_utc_ns: int
    flat_after_ns: int = 0
    ask_ns: int = 0


HALTS: Final = {
    Topic.RISK: Breach.RISK_HALT,
    Topic.COMPLIANCE: Breach.COMPLIANCE_HALT,
    Topic.RUNTIME: Breach.RUNTIME_HALT,
}
KILLS: Final = frozenset({Breach.KILL_SWITCH, *HALTS.values()})


def breach_of(entry: object) -> tuple[Breach, str] | None:
    """Which breach a record tells, and why; None for a record that opens no incident."""
    if isinstance(entry, BreachEntry):
        return entry.breach, entry.why
    if isinstance(entry, KillSwitchEntry):
        topic = next((topic for topic in Topic if topic == entry.source), None)
        breach = Breach.KILL_SWITCH if topic is None else HALTS[topic]
        return breach, f"{entry.source}: {entry.reason or 'no reason given'}"
    if isinstance(entry, RiskDecisionEntry) and entry.series is UNSET and entry.decision in STOPS:
        return Breach.RISK_LIMIT, entry.reason
    return None


class Incidents:
    """Those of one engine. `open`: breaches told since a person last resumed; each opens one incident."""

    def __init__(self) -> None:
        self.owed: dict[str, Owed] = {}
        self.open: set[tuple[Breach, str]] = set()

    def look(self, out: list[AnyAction], now: Now, figures: Callable[[], Iterable[IncidentFigure]]) -> None:
        """Open an incident if this step tells a breach that is not open yet; the kill switch comes first."""
        told = [breach_of(action) for action in out if type(action) in OPENS]
        found = [one for one in told if one is not None and one not in self.open]
        if not found:
            return
        self.open.update(found)
        breach, why = next((one for one in found if one[0] in KILLS), found[0])
        stamp = utc_ns_text(now.utc_ns)[:23].replace(":", "").replace("-", "")
        ident = f"{stamp}Z-{breach.value}"
        self.owed[ident] = Owed(ident, now.utc_ns)
        out.append(IncidentOpenedEntry(ident, breach, why, tuple(figures())))

    def chase(self, now: Now, out: list[AnyAction], *, live: bool) -> None:
        """Ask for the files that are due. `live`: whether an order of ours may be live."""
        for ident, owed in self.owed.items():
            passed_ns = max(1, now.utc_ns - owed.opened_utc_ns)
            flat_after_ns = owed.flat_after_ns or (0 if live else passed_ns)
            ask_ns = owed.ask_ns
            if (flat_after_ns or passed_ns >= FILE_AFTER_NS) and now.mono_ns >= ask_ns:
                ask_ns = now.mono_ns + AGAIN_NS
                out.append(FileIncident(ident, flat_after_ns or None))
            if (flat_after_ns, ask_ns) != (owed.flat_after_ns, owed.ask_ns):
                self.owed[ident] = msgspec.structs.replace(owed, flat_after_ns=flat_after_ns, ask_ns=ask_ns)

    def written(self, event: IncidentWritten, out: list[AnyAction]) -> None:
        """The shell wrote a file, or could not: then it is asked for again later."""
        if event.problem or self.owed.pop(event.ident, None) is None:
            return
        out.append(IncidentFiledEntry(event.ident, event.path, event.sha256, event.state_path, event.state_sha256))

    def has_open(self, breach: Breach) -> bool:
        """Whether a breach of this kind was told and nobody has resumed since."""
        return any(kind is breach for kind, _ in self.open)

    def resumed(self) -> None:
        """A person has looked: the same breach opens an incident of its own from here on."""
        self.open.clear()

    def record(self) -> tuple[Owed, ...]:
        """What a restart must still write; it asks at once."""
        return tuple(msgspec.structs.replace(owed, ask_ns=0) for owed in self.owed.values())

    def restore(self, owed: Iterable[Owed]) -> None:
        """Take over what the run before owed."""
        self.owed.update((one.ident, one) for one in owed)
