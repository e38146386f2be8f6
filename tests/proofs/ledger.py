"""docs/proofs.toml: what was proven, when, and by which drill, control and patch. Written by `make steps ARGS=--prove`.

A proof stands only while all three hashes are those of the tree.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.proofs.catalogue import Mutation
from tests.proofs.sources import ROOT

PROOFS = ROOT / "docs" / "proofs.toml"
PROVEN, HOLLOW, BROKEN = "proven", "hollow", "broken"
HEAD = """# What was unplugged, and which assertion of the step's drill then failed. Made by `make steps ARGS=--prove`.
# `drill`, `control` and `patch` are hashes: a proof counts only while they are those of the tree.
"""


@dataclass(frozen=True, slots=True)
class Proof:
    """One mutation's last run: `proven` (each drill failed by its own assertion), `hollow` (one passed) or `broken`."""

    step: str
    what: str
    verdict: str
    on: str
    drill: str
    control: str
    patch: str
    said: tuple[str, ...] = ()

    def covers(self, mutation: Mutation, root: Path = ROOT) -> bool:
        """Whether it was made with the tree's present drill, control and patch."""
        now = mutation.hashes(root)
        return (self.drill, self.control, self.patch) == (now.drill, now.control, now.patch)


def load(path: Path = PROOFS) -> dict[str, Proof]:
    """Every proof by its mutation's name."""
    told = tomllib.loads(path.read_text("utf-8"))["proof"] if path.is_file() else []
    proofs = [Proof(**{**each, "said": tuple(each.get("said", ()))}) for each in told]
    return {f"{proof.step}: {proof.what}": proof for proof in proofs}


def save(proofs: dict[str, Proof], path: Path = PROOFS) -> None:
    """Write them all, in the order of their names."""
    parts = [HEAD]
    for _, proof in sorted(proofs.items()):
        lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in asdict(proof).items()]
        parts.append("\n[[proof]]\n" + "\n".join(lines) + "\n")
    path.write_text("".join(parts), encoding="utf-8")


def standing(found: tuple[Mutation, ...], proofs: dict[str, Proof], root: Path = ROOT) -> dict[str, Proof]:
    """The proofs that cover the tree as it is."""
    named = {mutation.name: mutation for mutation in found}
    return {name: proof for name, proof in proofs.items() if name in named and proof.covers(named[name], root)}
