"""What code this is: one name for all the sources that decide."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

DECIDING: Final = ("domain", "feeds", "guards", "pricing", "execution", "journal", "daemon")
ROOT: Final = Path(__file__).resolve().parents[2]
LOCK: Final = "requirements.txt"


def build_id() -> str:
    """SHA-256 over path and source of every module of ours that decides, first 12 digits.

    Empty where a package has no sources to be read: then nothing can say what runs, and `/ops/status` is UNKNOWN.
    """
    return sources_id(ROOT)


def sources_id(root: Path) -> str:
    """The build id of the sources below a folder; empty unless every package that decides is there."""
    digest = hashlib.sha256()
    for package in DECIDING:
        paths = sorted((root / package).rglob("*.py"))
        if not paths:
            return ""
        for path in paths:
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def lock_hash(root: Path = ROOT) -> str:
    """SHA-256 of the lock of what runs; empty where it is not beside the sources."""
    try:
        return hashlib.sha256((root / LOCK).read_bytes()).hexdigest()
    except OSError:
        return ""
