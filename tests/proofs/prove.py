"""`make steps ARGS=--prove`: unplug each control in a copy of the tree, and see its drills fail by their own assertion.

Which ones: the steps that are named, or all; with `--resume` only those without a proof that stands; with `--changed`
those, and three more that the commit's tree hash chooses. Nothing new is begun after `--limit-s`; what is left is said.
"""

from __future__ import annotations

import concurrent.futures
import datetime as dt
import queue
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.proofs.catalogue import Mutation
from tests.proofs.copies import CONTROL_DRILL, Copy, copies
from tests.proofs.ledger import BROKEN, HOLLOW, PROVEN, Proof
from tests.proofs.sources import ROOT

SPOT_CHECKS = 3
LIVE = "tests/live/"
Say = Callable[[str], object]
Ends = dict[str, list[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Choice:
    """What to prove, and how long to go on beginning new ones."""

    steps: frozenset[str] = frozenset()
    resume: bool = False
    changed: bool = False
    limit_s: float = float("inf")
    jobs: int = 2


def chosen(found: Iterable[Mutation], standing: dict[str, Proof], choice: Choice, tree: str) -> list[Mutation]:
    """The mutations to try, in the file's order; those spot-checked last."""
    wanted = [m for m in found if not choice.steps or m.step in choice.steps]
    stale = [m for m in wanted if m.name not in standing or standing[m.name].verdict == BROKEN]  # tried again
    if choice.changed:
        proven = sorted({m.step for m in wanted} - {m.step for m in stale})
        picks = {proven[int(tree, 16) // 7**k % len(proven)] for k in range(SPOT_CHECKS)} if proven else set[str]()
        return stale + [m for m in wanted if m.step in picks]
    return stale if choice.resume else wanted


def tree_hash() -> str:
    """The hash of the commit's tree: the same commit has the same spot checks."""
    return _git("rev-parse", "HEAD^{tree}")


def commit_day() -> dt.date:
    """The day of the commit, by its committer."""
    return dt.date.fromisoformat(_git("show", "-s", "--format=%cs", "HEAD"))


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def judge(mutation: Mutation, ends: Ends) -> tuple[str, list[str]]:
    """The verdict on one mutation from how the tests ended in its copy, and the reasons or the assertions that fell."""
    control = [how for how, _ in ends[CONTROL_DRILL]]
    if control != ["passed"]:
        return BROKEN, [f"the daemon does not start, quote and end there: {ends[CONTROL_DRILL]}"]
    cases = {drill: ends[drill] for drill in mutation.drills}
    for drill, told in cases.items():
        if wrong := [where for how, where in told if how == "crashed"]:
            return BROKEN, [f"{drill} does not fail by its own assertion: {wrong[0]}"]
        if not told or any(how == "skipped" for how, _ in told):
            return BROKEN, [f"{drill} did not run"]
    fell = {drill: [where for how, where in told if how == "asserted"] for drill, told in cases.items()}
    if alive := [drill for drill, where in fell.items() if not where]:
        return HOLLOW, [f"{drill} passes" for drill in alive]
    return PROVEN, [f"{drill.rpartition('::')[2]}: {where[0]}" for drill, where in fell.items()]


def attempt(copy: Copy, mutation: Mutation, on: dt.date) -> Proof:
    """Unplug one in a copy and run its drills and the control drill there."""
    hashes = mutation.hashes(copy.place)
    with copy.unplugged(mutation):
        verdict, said = judge(mutation, copy.run((*mutation.drills, CONTROL_DRILL)))
    return Proof(
        mutation.step, mutation.what, verdict, on.isoformat(), hashes.drill, hashes.control, hashes.patch, tuple(said)
    )


def prove(todo: list[Mutation], choice: Choice, on: dt.date, say: Say, keep: Callable[[Proof], object]) -> list[str]:
    """Try each; the names of those that were not begun in time. `keep` takes each proof as it is made."""
    begun = time.monotonic()
    left: list[str] = []
    with copies(min(choice.jobs, len(todo)) or 1) as made:
        free: queue.SimpleQueue[Copy] = queue.SimpleQueue()
        for copy in made:
            free.put(copy)

        def one(mutation: Mutation) -> Proof | None:
            if time.monotonic() - begun > choice.limit_s:
                return None
            copy = free.get()
            try:
                proof = attempt(copy, mutation, on)
                # What else the machine does may let real processes fail or pass: one try of them is no verdict.
                if proof.verdict != PROVEN and any(drill.startswith(LIVE) for drill in mutation.drills):
                    proof = attempt(copy, mutation, on)
                return proof
            finally:
                free.put(copy)

        with concurrent.futures.ThreadPoolExecutor(len(made)) as pool:
            for mutation, proof in zip(todo, pool.map(one, todo), strict=True):
                if proof is None:
                    left.append(mutation.name)
                    continue
                keep(proof)
                say(f"{proof.verdict if proof.verdict == PROVEN else proof.verdict.upper():<7} {mutation.name}\n")
                for line in proof.said:
                    say(f"          {line}\n")
    return left
