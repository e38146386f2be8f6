"""`ladderd reconcile`: have the running daemon read the four books twice, and say what differs, or adopt it.

The request is a durable file, the answer comes beside it once both looks are in. Exit 0 when all four books were read
and agree; 1 for any difference, a warning's too, and for what the exchange answered but could not be read; 69 when the
daemon or the exchange cannot be reached.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from daemon.cli.views_io import put_question
from domain.errors import EX_NOT_OK, EX_OK, EX_UNAVAILABLE
from domain.events import Command
from execution.reconcile import Drift, DriftKind, Reconciled, read_reconciled

# The daemon gives up after 20 s and says so; its look at the requests and the file's way take a little more.
LIMIT_S: Final = 25.0
TO_DO: Final = {
    DriftKind.FOREIGN_ORDER: "ladderd cancel-all takes it away; nothing can adopt a resting order",
    DriftKind.EXCHANGE_DRIFT: "wait for the second look",
    DriftKind.INVENTORY_DRIFT: "the exchange owes a listing of these fills; ask again",
}
ADOPTABLE: Final = "ladderd reconcile --adopt --by NAME --cause TEXT takes the exchange's word"


def reconcile_view(state_dir: Path, by: str, cause: str, *, adopt: bool, as_json: bool) -> tuple[int, str]:
    """Ask the daemon of a state directory. Raises ConfigurationError for a state directory that is none."""
    command = Command.ADOPT if adopt else Command.RECONCILE
    try:
        text = put_question(command, by, cause, state_dir, LIMIT_S)
    except OSError as problem:
        return EX_NOT_OK, f"reconcile: cannot be written down: {problem.strerror}"
    if text is None:
        return EX_UNAVAILABLE, f"reconcile: UNKNOWN: no daemon of {state_dir} answered; --full asks the exchange itself"
    try:
        found = read_reconciled(text)
    except msgspec.MsgspecError:
        return EX_NOT_OK, f"reconcile refused: {text}"
    code = exit_code(found)
    if as_json:
        shown = {"ok": found.ok, "exit_code": code} | msgspec.to_builtins(found)
        return code, msgspec.json.encode(shown).decode()
    return code, told(found)


def exit_code(found: Reconciled) -> int:
    """0 when all was read and agrees, 69 when the exchange cannot be reached, else 1."""
    if found.ok:
        return EX_OK
    return EX_NOT_OK if found.reachable else EX_UNAVAILABLE


def told(found: Reconciled) -> str:
    """The answer for people: one line a difference, with what to do."""
    lines = [f"adopted: {_line(drift)}" for drift in found.adopted]
    if found.unknown:
        lines.append(f"reconcile: UNKNOWN: {found.unknown}")
        return "\n".join(lines)
    if not found.differences:
        return "\n".join([*lines, "reconcile: orders, fills, positions and balance were read twice, and agree"])
    lines.append(f"reconcile: {len(found.differences)} differ")
    for drift in found.differences:
        lines += [f"  {_line(drift)}", f"    {TO_DO.get(drift.kind, ADOPTABLE)}"]
    return "\n".join(lines)


def _line(drift: Drift) -> str:
    weight = "critical" if drift.critical else "warning"
    return f"{drift.kind} {drift.what}: {drift.detail} ({weight})"
