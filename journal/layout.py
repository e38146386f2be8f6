"""Where things stand in a state directory, and what a journal's files are called.

    <state>/journal/2026-03-06.000000000001.jsonl   one segment: UTC day, number of its first record
    <state>/journal/LOCK                            held by the one writer
    <state>/journal/torn/                           torn last lines that were moved aside
    <state>/anchor/2026-03-06.jsonl                 heads, written down outside the journal
    <state>/journal.ballast                         space kept for the cancels of a full disk
    <state>/snapshot.json  <state>/cancel_all/  <state>/KILL_SWITCH

Segments are put in order by the number of their first record, never by day: a wall clock can be set back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

SEGMENT_SUFFIX: Final = ".jsonl"
_SEQ_DIGITS: Final = 12


def journal_dir(state_dir: Path) -> Path:
    """The folder of the segments."""
    return state_dir / "journal"


def anchor_dir(state_dir: Path) -> Path:
    """The folder of the anchors."""
    return state_dir / "anchor"


def lock_path(state_dir: Path) -> Path:
    """The file whose lock makes a writer the only one."""
    return journal_dir(state_dir) / "LOCK"


def torn_dir(state_dir: Path) -> Path:
    """Where torn last lines are kept."""
    return journal_dir(state_dir) / "torn"


def ballast_path(state_dir: Path) -> Path:
    """The file that is deleted to make room when the disk is full."""
    return state_dir / "journal.ballast"


def segment_name(day: str, first_seq: int) -> str:
    """The name of the segment that begins with this record on this UTC day (YYYY-MM-DD)."""
    return f"{day}.{first_seq:0{_SEQ_DIGITS}d}{SEGMENT_SUFFIX}"


def first_seq_of(name: str) -> int | None:
    """The number of a segment's first record, from its name; None for a file that is no segment."""
    day, point, rest = name.partition(".")
    digits = rest.removesuffix(SEGMENT_SUFFIX)
    if not point or digits == rest or not (digits.isascii() and digits.isdigit()):
        return None
    return int(digits) if day.replace("-", "").isdigit() else None
