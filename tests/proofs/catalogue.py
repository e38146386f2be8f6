"""The mutations: for each step what is unplugged, which clauses of its row that is, and which drills must then fail.

A mutation leaves command, output's shape and record in place and only answers permissively: a vote that passes, a limit
that is infinite, a counter that does not move, a file whose age is 0.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.proofs.sources import ROOT, control_source, digest, drill_source, drills

MUTATIONS = ROOT / "tests" / "proofs" / "mutations.toml"
STEPS = ROOT / "docs" / "steps.toml"


@dataclass(frozen=True, slots=True)
class Patch:
    """A text that stands once in a file, and what takes its place."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutation:
    """One control unplugged. `what` names it, once a step."""

    step: str
    what: str
    clauses: tuple[str, ...]
    drills: tuple[str, ...]
    patches: tuple[Patch, ...]

    @property
    def name(self) -> str:
        """How it is called in reports."""
        return f"{self.step}: {self.what}"

    def hashes(self, root: Path = ROOT) -> Hashes:
        """Of what a proof of it covers, as the tree is now."""
        return Hashes(
            digest(drill_source(drill, root) for drill in self.drills),
            digest(control_source(patch.file, patch.old, root) for patch in self.patches),
            digest(part for p in self.patches for part in (p.file, p.old, p.new)),
        )


@dataclass(frozen=True, slots=True)
class Hashes:
    """What a proof covers."""

    drill: str
    control: str
    patch: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the runbook, as it is written there. `not_held` says why it is not claimed."""

    step: str
    offer: str = ""
    holds_when: str = ""
    not_held: str = ""

    @property
    def clauses(self) -> tuple[str, ...]:
        """What must be true, taken apart at the semicolons that stand in no bracket and no code."""
        text = self.holds_when or self.step
        bare = re.sub(r"\([^()]*\)|`[^`]*`", lambda found: found[0].replace(";", "\0"), text)
        return tuple(part.strip().replace("\0", ";") for part in bare.split(";") if part.strip())


def rows(path: Path = STEPS) -> dict[str, Row]:
    """Every step by its id."""
    return {step: Row(**told) for step, told in tomllib.loads(path.read_text("utf-8")).items()}


def mutations(path: Path = MUTATIONS) -> tuple[Mutation, ...]:
    """All of them, in the file's order."""
    return tuple(_mutation(told) for told in tomllib.loads(path.read_text("utf-8")).get("mutation", []))


def _mutation(told: dict[str, Any]) -> Mutation:
    return Mutation(
        told["step"],
        told["what"],
        tuple(told.get("clauses", ())),
        tuple(told["drills"]),
        tuple(Patch(**patch) for patch in told["patch"]),
    )


def mistakes(found: tuple[Mutation, ...], table: dict[str, Row], root: Path = ROOT) -> Iterator[str]:
    """What is wrong with the mutations: each must fit the tree, its row and the marks."""
    by_step = drills(root)
    names = [mutation.name for mutation in found]
    for mutation in found:
        if names.count(mutation.name) > 1:
            yield f"{mutation.name}: stands twice"
        if mutation.step not in table:
            yield f"{mutation.name}: no such step"
            continue
        for patch in mutation.patches:
            seen = (root / patch.file).read_text("utf-8").count(patch.old) if (root / patch.file).is_file() else 0
            if seen != 1:
                yield f"{mutation.name}: the text to replace stands {seen} times in {patch.file}"
        for clause in mutation.clauses:
            if sum(clause in each for each in table[mutation.step].clauses) != 1:
                yield f"{mutation.name}: {clause!r} is not in one clause of its row"
        for drill in set(mutation.drills) - set(by_step.get(mutation.step, ())):
            yield f"{mutation.name}: {drill} carries no mark {mutation.step}"
        if not mutation.drills:
            yield f"{mutation.name}: names no drill"


def bare_clauses(row: Row, found: tuple[Mutation, ...]) -> list[str]:
    """The clauses of a row that no mutation names."""
    named = [clause for mutation in found for clause in mutation.clauses]
    return [each for each in row.clauses if not any(clause in each for clause in named)]
