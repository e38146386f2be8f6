"""`python -m sim.planted [NAME ...]`: plant each, run its plan, say which check caught it; 1 if any survives."""

from __future__ import annotations

import sys

from sim.planted.catalogue import CATALOGUE
from sim.planted.run import caught_by, clean


def main(names: list[str]) -> int:
    """All of them, or those named."""
    say = sys.stdout.write
    bad = 0
    for defect in CATALOGUE:
        if names and defect.name not in names:
            continue
        sound = clean(defect.plan)
        found = caught_by(defect)
        good = not sound and any(name in found for name in defect.checks)
        bad += not good
        verdict = "caught  " if good else "SURVIVED"
        unsound = f"; UNSOUND PLAN: {', '.join(sound)}" if sound else ""
        say(f"{verdict} {defect.name}: {', '.join(found) or 'nothing'}{unsound}\n")
        sys.stdout.flush()
    say(f"{bad} survived or unsound\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
