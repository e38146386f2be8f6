"""Walks: what ARCHITECTURE.md says a thing passes through, and what it is seen to pass through.

A station is `file.py:function`, where a function may carry its class. A recording notes every call of product code
while it is open, in order, and where each step of the engine began and ended, with its event and actions.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

from domain.actions import AnyAction
from domain.events import AnyEvent

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "ARCHITECTURE.md"
SHOPS = frozenset({"daemon", "domain", "execution", "feeds", "guards", "journal", "ops", "pricing"})
STEP = "daemon/engine/step.py:Engine.step"
STATION = re.compile(r"`([a-z_/]+\.py:[A-Za-z_.]+)`")
Decides = Callable[[AnyEvent, list[AnyAction]], bool]
# Its legs, each a list of stations.
Walk = list[list[str]]


class Stepped(NamedTuple):
    """Where in the visits a step of the engine began and ended, what it was told, and what it answered."""

    begin: int
    end: int
    event: AnyEvent
    actions: list[AnyAction]


class Recording:
    """Every call of product code in order, as `file.py:qualified name`."""

    def __init__(self) -> None:
        self.visits: list[str] = []
        self.steps: list[Stepped] = []
        self._began = 0
        self._names: dict[CodeType, str] = {}

    def heard(self, frame: FrameType, what: str, result: Any) -> None:  # noqa: ANN401 - what the interpreter tells
        """One call or return, as the interpreter tells it."""
        if what not in {"call", "return"}:
            return
        code = frame.f_code
        name = self._names.get(code)
        if name is None:
            name = self._names[code] = _name(code)
        if what == "call" and name:
            self._began = len(self.visits) if name == STEP else self._began
            self.visits.append(name)
        elif name == STEP and result is not None:
            self.steps.append(Stepped(self._began, len(self.visits), frame.f_locals["event"], result))

    def step(self, decides: Decides) -> Stepped:
        """The first step that decided this."""
        return next(step for step in self.steps if decides(step.event, step.actions))

    def episode(self, walk: Walk, decides: Decides) -> list[str]:
        """From the last visit of the walk's first station before the deciding step, to its last station after that.

        A station that is not there bounds nothing: then the episode begins, or ends, with the recording.
        """
        decided, first, last = self.step(decides), walk[0][0], walk[-1][-1]
        begin = next((n for n in range(decided.begin, -1, -1) if is_at(self.visits[n], first)), 0)
        after = (n for n in range(decided.begin, len(self.visits)) if is_at(self.visits[n], last))
        return self.visits[begin : next(after, len(self.visits)) + 1]


def _name(code: CodeType) -> str:
    path = Path(code.co_filename)
    if not path.is_relative_to(ROOT):
        return ""
    inside = path.relative_to(ROOT)
    return f"{inside.as_posix()}:{code.co_qualname}" if inside.parts[0] in SHOPS else ""


@contextmanager
def recording() -> Iterator[Recording]:
    """Record this thread for a while."""
    found, before = Recording(), sys.getprofile()
    sys.setprofile(found.heard)
    try:
        yield found
    finally:
        sys.setprofile(before)


def is_at(visit: str, station: str) -> bool:
    """Whether a visit was one of this station."""
    file, _, function = station.partition(":")
    at, _, name = visit.partition(":")
    return at == file and (name == function or name.endswith(f".{function}"))


def walks(page: str) -> dict[str, Walk]:
    """The walks of a page by their titles: what stands under its heading Walks."""
    part = page.partition("\n## Walks\n")[2].partition("\n## ")[0]
    titled = [section.partition("\n") for section in part.split("\n### ")[1:]]
    return {title: [STATION.findall(leg) for leg in text.split("\n- ")[1:]] for title, _, text in titled}


def strays(walk: Walk, visits: Sequence[str]) -> str:
    """The first station that is not visited in its turn, and why; empty if there is none.

    Each leg goes on where the one before it ended: from there on its stations are first visited in its order.
    """
    reached, before = -1, "the start"
    for leg in walk:
        firsts: dict[str, int] = {}
        for place in range(reached + 1, len(visits)):
            firsts.setdefault(visits[place], place)
        for station in leg:
            first = min((at for visit, at in firsts.items() if is_at(visit, station)), default=None)
            if first is None:
                return f"{station}: not visited after {before}"
            if first <= reached:
                return f"{station}: visited before {before}"
            reached, before = first, station
    return ""
