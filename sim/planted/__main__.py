"""`python -m sim.planted [--table FILE] [NAME ...]`: plant each, run its plan, say which check caught it.

Ends with 1 if any survives, or if a plan breaks something without its defect. `--table` writes what caught which.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from pathlib import Path
from typing import NamedTuple

from sim.planted.catalogue import CATALOGUE
from sim.planted.run import Catch, caught_by, clean
from sim.planted.sockets import WIRE_CATALOGUE

BY_NAME = {defect.name: defect for defect in (*CATALOGUE, *WIRE_CATALOGUE)}
HEAD = """# What catches which planted defect

Each line: one small change to the daemon, planted in an otherwise unchanged one; the check of `simulate` that was first
to notice, the others that noticed too, and in which window of the plan's that was. The same plan without the defect
breaks nothing. Written by `make planted`; CI runs a part of it (tests/planted).

| defect | what it does | first caught by | window | also by |
|---|---|---|---|---|
"""


class Verdict(NamedTuple):
    """What became of one defect."""

    name: str
    found: tuple[Catch, ...]
    sound: tuple[Catch, ...]

    @property
    def caught(self) -> bool:
        """By one of its checks, under a plan that breaks nothing by itself."""
        return not self.sound and any(catch.name in BY_NAME[self.name].checks for catch in self.found)


def judge(name: str) -> Verdict:
    """Plant one."""
    defect = BY_NAME[name]
    return Verdict(name, caught_by(defect), clean(defect.plan))


def row(verdict: Verdict) -> str:
    """Its line in the table."""
    first, *others = verdict.found or (Catch("nothing", 0),)
    also = ", ".join(catch.name for catch in others)
    what = BY_NAME[verdict.name].what
    return f"| {verdict.name} | {what} | {first.name} | {first.window} | {also} |\n"


def main(argv: list[str]) -> int:
    """All of them, or those named."""
    parse = argparse.ArgumentParser(prog="python -m sim.planted")
    parse.add_argument("names", nargs="*", metavar="NAME", help="some of them (default: all)")
    parse.add_argument("--table", type=Path, help="write the table there")
    parse.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time")
    chosen = parse.parse_args(argv)
    unknown = [name for name in chosen.names if name not in BY_NAME]
    if unknown:
        parse.error(f"no such defect: {', '.join(unknown)}")
    say, rows, bad = sys.stdout.write, [HEAD], 0
    with multiprocessing.get_context("fork").Pool(chosen.jobs, maxtasksperchild=1) as pool:
        for verdict in pool.imap(judge, chosen.names or list(BY_NAME)):
            bad += not verdict.caught
            rows.append(row(verdict))
            found = ", ".join(f"{catch.name} (window {catch.window})" for catch in verdict.found)
            unsound = f"; UNSOUND PLAN: {', '.join(catch.name for catch in verdict.sound)}" if verdict.sound else ""
            say(f"{'caught  ' if verdict.caught else 'SURVIVED'} {verdict.name}: {found or 'nothing'}{unsound}\n")
            sys.stdout.flush()
    say(f"{bad} of {len(rows) - 1} survived or unsound\n")
    if chosen.table is not None:
        chosen.table.write_text("".join(rows), encoding="utf-8")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
