"""`make steps`: which runbook steps hold, and which of them are proven to bite.

A drill is a test marked `@pytest.mark.step("H14")`. The reports of the last full `make test` and `make test-long` are
read when nothing was changed since; otherwise the drills run now. A step holds when it has drills and every one of them
passed; a skipped drill proves nothing. It is proven when each of its mutations (tests/proofs/mutations.toml) was seen
to fail each drill that it names, every drill is named, and drill, control and patch are still the same
(docs/proofs.toml).
`--prove [STEP ...]` makes the proofs. Exit 0 when no claimed step fails and none is hollow, 1 otherwise, 2 when there
is no report to judge by.
"""

from __future__ import annotations

import argparse
import datetime as dt
import enum
import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.proofs import ledger, sources
from tests.proofs.catalogue import Mutation, Row, bare_clauses, mistakes, mutations, rows
from tests.proofs.prove import Choice, chosen, commit_day, prove, tree_hash

ROOT = Path(__file__).resolve().parent.parent
REPORTS = tuple(ROOT / ".venv" / f"junit-{part}.xml" for part in ("quick", "live", "long"))
DRILLED = (ROOT / ".venv" / "junit-drills-quick.xml", ROOT / ".venv" / "junit-drills-live.xml")
RUNBOOKS = {
    "H": "Hourly ladder",
    "K": "Running the desk",
    "A": "Paper first",
    "G": "The day's schedule",
    "O": "Reliability",
    "X": "Beyond the runbooks",
}
PYTEST_OK = {0, 1, 5}  # passed, some failed, none collected: in each the report tells


class Verdict(enum.StrEnum):
    """What the drills and the proofs of one step say together."""

    PROVEN = "holds, proven"
    HOLDS = "holds, not proven"
    HOLLOW = "HOLLOW"
    FAILS = "FAILS"
    SKIPPED = "skipped"
    NOT_HELD = "not held"
    NONE = "no drill"


BAD = frozenset({Verdict.HOLLOW, Verdict.FAILS})
HOLD = frozenset({Verdict.PROVEN, Verdict.HOLDS})


@dataclass(frozen=True, slots=True)
class Drill:
    """One test that proves a step, and how it ended: passed, failed or skipped."""

    step: str
    test: str
    ended: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verdict rests on: how the drills ended, what is unplugged, which proofs stand, which drills there are."""

    drills: tuple[Drill, ...]
    mutations: tuple[Mutation, ...] = ()
    standing: dict[str, ledger.Proof] | None = None
    marked: dict[str, list[str]] | None = None

    def of(self, step: str) -> list[Drill]:
        """The drills of one step."""
        return [drill for drill in self.drills if drill.step == step]

    def unplugged(self, step: str) -> tuple[Mutation, ...]:
        """The mutations of one step."""
        return tuple(mutation for mutation in self.mutations if mutation.step == step)

    def proofs(self, step: str) -> list[ledger.Proof]:
        """The step's proofs that stand."""
        return [proof for proof in (self.standing or {}).values() if proof.step == step]

    def unnamed(self, step: str) -> list[str]:
        """Drills of the step that no mutation names: nothing shows that they bite."""
        named = {drill for mutation in self.unplugged(step) for drill in mutation.drills}
        return [drill for drill in (self.marked or {}).get(step, []) if drill not in named]


def drills(report: str) -> list[Drill]:
    """Every drill in one junit report (xml text), one entry for each step it proves."""
    found = []
    for case in ET.fromstring(report).iter("testcase"):  # noqa: S314 - our own pytest wrote it
        kinds = {child.tag for child in case}
        ended = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        name = f"{case.get('classname', '')}::{case.get('name', '')}"
        steps = {p.get("value", "") for p in case.iter("property") if p.get("name") == "step"}
        found += [Drill(step, name, ended) for step in sorted(steps)]
    return found


def outcome(ends: Iterable[str]) -> Verdict:
    """What a step's drills alone say, from how they ended."""
    seen = set(ends)
    if not seen:
        return Verdict.NONE
    if "failed" in seen:
        return Verdict.FAILS
    return Verdict.SKIPPED if "skipped" in seen else Verdict.HOLDS


def verdict(step: str, row: Row, evidence: Evidence) -> Verdict:
    """The step's verdict: a hollow drill counts for nothing, and what is not claimed is not held whatever passes."""
    if row.not_held:
        return Verdict.NOT_HELD
    said = outcome(drill.ended for drill in evidence.of(step))
    proofs = evidence.proofs(step)
    if said is Verdict.HOLDS and any(proof.verdict == ledger.HOLLOW for proof in proofs):
        return Verdict.HOLLOW
    wanted = evidence.unplugged(step)
    whole = wanted and len([p for p in proofs if p.verdict == ledger.PROVEN]) == len(wanted)
    return Verdict.PROVEN if said is Verdict.HOLDS and whole and not evidence.unnamed(step) else said


def fresh(reports: tuple[Path, ...]) -> bool:
    """All reports are there and younger than every file git knows or would add, but for the proofs themselves."""
    stamps = [path.stat().st_mtime for path in reports if path.is_file()]
    if len(stamps) < len(reports):
        return False
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    files = [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    return max(path.stat().st_mtime for path in files if path != ledger.PROOFS) < min(stamps)


def run_drills() -> int:
    """Run the marked tests alone, the live ones one after the other; pytest's worst exit code."""
    worst = 0
    for report, chosen_marks, jobs in zip(DRILLED, ("step and not live", "step and live"), ("2", "0"), strict=True):
        report.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", "-q", "-m", chosen_marks, "-n", jobs, f"--junitxml={report}"]
        worst = max(worst, code if (code := subprocess.run(command, cwd=ROOT, check=False).returncode) != 5 else 0)
    return worst


def page(table: dict[str, Row], evidence: Evidence, *, full: bool = False) -> str:
    """The table an operator reads: a heading per runbook, a line per step, what is missing under it, the totals."""
    verdicts = {step: verdict(step, row, evidence) for step, row in table.items()}
    lines: list[str] = []
    for letter, heading in RUNBOOKS.items():
        steps = [step for step in table if step.startswith(letter)]
        holding = sum(verdicts[step] in HOLD for step in steps)
        lines.append(f"\n{letter}. {heading}: {holding} of {len(steps)} hold")
        for step in steps:
            lines += [f"  {step}  {verdicts[step]:<17}  {table[step].step}", *under(step, table[step], evidence)]
            if full:
                lines += [f"       {text}" for text in (table[step].offer, table[step].holds_when) if text]
    counts = {v: sum(x is v for x in verdicts.values()) for v in Verdict}
    whole = [
        step
        for step, said in verdicts.items()
        if said is Verdict.PROVEN and not bare_clauses(table[step], evidence.unplugged(step))
    ]
    totals = "; ".join(f"{count} {v}" for v, count in counts.items())
    lines.append(f"\n{totals}; {len(table)} steps. Proven in every clause of the row: {len(whole)}")
    return "\n".join(lines)


def under(step: str, row: Row, evidence: Evidence) -> list[str]:
    """What stands under a step's line: why it is not held, drills that did not pass or bite, clauses not unplugged."""
    lines = [f"why: {row.not_held}"] if row.not_held else []
    own = evidence.of(step)
    lines += [f"{drill.ended}: {drill.test}" for drill in own if drill.ended != "passed"]
    lines += [
        f"{p.verdict}: {p.what}: {'; '.join(p.said)}" for p in evidence.proofs(step) if p.verdict != ledger.PROVEN
    ]
    if own:
        standing = {proof.what for proof in evidence.proofs(step)}
        lines += [f"not proven now: {m.what}" for m in evidence.unplugged(step) if m.what not in standing]
        lines += [f"not shown to bite: {drill}" for drill in evidence.unnamed(step)]
        lines += [f"no mutation: {clause}" for clause in bare_clauses(row, evidence.unplugged(step))]
    return [f"       {line}" for line in lines]


def options(argv: list[str]) -> argparse.Namespace:
    """The command line."""
    parse = argparse.ArgumentParser(prog="make steps", description=__doc__.splitlines()[0] if __doc__ else "")
    parse.add_argument("steps", nargs="*", metavar="STEP", help="with --prove: these steps alone")
    parse.add_argument("--rerun", action="store_true", help="run the drills even when the last report is fresh")
    parse.add_argument("--json", action="store_true", help="print {step: verdict} instead of the page")
    parse.add_argument("--full", action="store_true", help="with each row as the runbook has it")
    parse.add_argument("--prove", action="store_true", help="unplug the controls in copies, see the drills fail")
    parse.add_argument("--resume", action="store_true", help="with --prove: only what has no proof that stands")
    parse.add_argument(
        "--changed", action="store_true", help="with --prove: that, and three more by the commit's tree; keeps nothing"
    )
    parse.add_argument("--limit-s", type=float, default=float("inf"), help="with --prove: begin none after so long")
    parse.add_argument("--jobs", type=int, default=2, help="with --prove: copies at a time")
    parse.add_argument("--on", type=dt.date.fromisoformat, help="with --prove: the date to write (the commit's)")
    return parse.parse_args(argv)


def proving(told: argparse.Namespace) -> int:
    """Make the proofs that were asked for; 1 when one is hollow or broken, 2 when a mutation does not fit the tree."""
    found, table = mutations(), rows()
    if unknown := [step for step in told.steps if step not in table]:
        sys.stderr.write(f"steps: no such step: {', '.join(unknown)}\n")
        return 2
    if wrong := [m for m in mistakes(found, table) if not told.steps or m[:3] in told.steps]:
        sys.stderr.write("".join(f"steps: {line}\n" for line in wrong))
        return 2
    choice = Choice(frozenset(told.steps), told.resume, told.changed, told.limit_s, told.jobs)
    claimed = [m for m in found if told.steps or not table[m.step].not_held]
    todo = chosen(claimed, ledger.standing(found, ledger.load()), choice, tree_hash())
    made: list[ledger.Proof] = []

    def keep(proof: ledger.Proof) -> None:
        made.append(proof)
        if not told.changed:
            known = ledger.load() | {f"{proof.step}: {proof.what}": proof}  # another run may have written meanwhile
            ledger.save({m.name: known[m.name] for m in found if m.name in known})

    left = prove(todo, choice, told.on or commit_day(), lambda text: (sys.stdout.write(text), sys.stdout.flush()), keep)
    good = sum(proof.verdict == ledger.PROVEN for proof in made)
    sys.stdout.write(f"{good} of {len(made)} proven\n")
    if left:
        sys.stdout.write(f"{len(left)} not begun in time; go on with --prove --resume\n")
    return 0 if good == len(made) else 1


def main(argv: list[str]) -> int:
    """Print the page (or `--json`) and say by the exit code whether a claimed step fails or is hollow."""
    told = options(argv)
    if told.prove:
        return proving(told)
    reports = REPORTS
    if told.rerun or not fresh(REPORTS):
        reports = DRILLED
        if run_drills() not in PYTEST_OK:
            sys.stderr.write("steps: pytest could not run the drills (above)\n")
            return 2
    texts = [path.read_text("utf-8") for path in reports if path.is_file()]
    if not texts:
        sys.stderr.write("steps: no report was written; run `make test`\n")
        return 2
    found, table = mutations(), rows()
    evidence = Evidence(
        tuple(drill for text in texts for drill in drills(text)),
        found,
        ledger.standing(found, ledger.load()),
        sources.drills(),
    )
    if told.json:
        verdicts = {step: verdict(step, row, evidence) for step, row in table.items()}
        sys.stdout.write(json.dumps(verdicts, indent=1) + "\n")
    else:
        sys.stdout.write(page(table, evidence, full=told.full) + "\n")
    return 1 if any(verdict(step, row, evidence) in BAD for step, row in table.items()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
