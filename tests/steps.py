"""`make steps`: which runbook steps hold, by the drills that prove them.

A drill is a test marked `@pytest.mark.step("H14")`. The report of the last full `make test` is read when nothing was
changed since; otherwise the drills run now. A step holds when it has drills and every one of them passed; a skipped
drill proves nothing. Exit 0 when no drill fails, 1 when one does, 2 when there is no report to judge by.
"""

from __future__ import annotations

import argparse
import enum
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parent.parent
STEPS = ROOT / "docs" / "steps.toml"
REPORTS = (ROOT / ".venv" / "junit-quick.xml", ROOT / ".venv" / "junit-live.xml")
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
    """What the drills of one step say together."""

    HOLDS = "holds"
    FAILS = "FAILS"
    SKIPPED = "skipped"
    NONE = "no drill"


@dataclass(frozen=True, slots=True)
class Drill:
    """One test that proves a step, and how it ended: passed, failed or skipped."""

    step: str
    test: str
    ended: str


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


def verdict(ends: Iterable[str]) -> Verdict:
    """The step's verdict from how its drills ended."""
    seen = set(ends)
    if not seen:
        return Verdict.NONE
    if "failed" in seen:
        return Verdict.FAILS
    return Verdict.SKIPPED if "skipped" in seen else Verdict.HOLDS


def fresh(reports: tuple[Path, ...]) -> bool:
    """All reports are there and younger than every file git knows or would add."""
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
    return max(path.stat().st_mtime for path in files) < min(stamps)


def run_drills() -> int:
    """Run the marked tests alone, the live ones one after the other; pytest's worst exit code."""
    worst = 0
    for report, chosen, jobs in zip(DRILLED, ("step and not live", "step and live"), ("2", "0"), strict=True):
        report.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", "-q", "-m", chosen, "-n", jobs, f"--junitxml={report}"]
        worst = max(worst, code if (code := subprocess.run(command, cwd=ROOT, check=False).returncode) != 5 else 0)
    return worst


def page(titles: dict[str, str], found: list[Drill]) -> str:
    """The table an operator reads: a heading per runbook, a line per step, failing drills named, a total."""
    by_step = {step: [d for d in found if d.step == step] for step in titles}
    verdicts = {step: verdict(d.ended for d in ds) for step, ds in by_step.items()}
    lines: list[str] = []
    for letter, heading in RUNBOOKS.items():
        steps = [step for step in titles if step.startswith(letter)]
        holding = sum(verdicts[step] is Verdict.HOLDS for step in steps)
        lines.append(f"\n{letter}. {heading}: {holding} of {len(steps)} hold")
        for step in steps:
            lines.append(f"  {step}  {verdicts[step]:<8}  {titles[step]}")
            lines += [f"       {d.ended}: {d.test}" for d in by_step[step] if d.ended != "passed"]
    counts = {v: sum(x is v for x in verdicts.values()) for v in Verdict}
    lines.append("\n" + ", ".join(f"{count} {v}" for v, count in counts.items()) + f"; {len(titles)} steps")
    return "\n".join(lines)


def main(argv: list[str]) -> int:
    """Print the page (or `--json`) and say by the exit code whether a drill fails."""
    options = argparse.ArgumentParser(prog="make steps", description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--rerun", action="store_true", help="run the drills even when the last report is fresh")
    options.add_argument("--json", action="store_true", help="print {step: verdict} instead of the page")
    chosen = options.parse_args(argv)
    titles = tomllib.loads(STEPS.read_text("utf-8"))
    reports = REPORTS
    if chosen.rerun or not fresh(REPORTS):
        reports = DRILLED
        if run_drills() not in PYTEST_OK:
            sys.stderr.write("steps: pytest could not run the drills (above)\n")
            return 2
    texts = [path.read_text("utf-8") for path in reports if path.is_file()]
    if not texts:
        sys.stderr.write("steps: no report was written; run `make test`\n")
        return 2
    found = [drill for text in texts for drill in drills(text)]
    if chosen.json:
        verdicts = {step: verdict(d.ended for d in found if d.step == step) for step in titles}
        sys.stdout.write(json.dumps(verdicts, indent=1) + "\n")
    else:
        sys.stdout.write(page(titles, found) + "\n")
    return 1 if any(d.ended == "failed" for d in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
