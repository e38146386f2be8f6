"""Breaches, and the incidents that they open."""

from __future__ import annotations

import msgspec

from domain.reasons import Breach
from domain.record_types.entry import Entry, Named


class BreachEntry(Entry, frozen=True):
    """Something went so wrong that quoting pauses until a person resumes. `why`: a sentence with its figures."""

    breach: Breach
    why: Named


class IncidentFigure(msgspec.Struct, frozen=True):
    """One figure of an incident: its name, its value, and the limit that it is measured against, or nothing."""

    name: str
    value: str
    limit: str = ""


class IncidentOpenedEntry(Entry, frozen=True):
    """A breach, a decision of risk or the kill switch opened an incident; `figures` are those of that instant."""

    ident: Named
    breach: Breach
    why: Named
    figures: tuple[IncidentFigure, ...]


class IncidentFiledEntry(Entry, frozen=True):
    """The incident's file is written: its path under the state directory, its SHA-256, and that of the state beside it.

    `state_path` is empty where no state could be kept.
    """

    ident: Named
    path: Named
    sha256: Named
    state_path: str
    state_sha256: str
