"""`ladderd secrets-scan`: no secret of ours lies in the state directory, in the tree or beside the configuration.

A secret is looked for by its own bytes, and a private key by its form. What the secrets are is never printed, only
where one lies. A file that cannot be read is UNKNOWN: it may hold one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from daemon.settings.build_id_io import ROOT
from daemon.settings.secrets_io import known_secrets
from daemon.settings.tree import Settings
from domain.findings.finding import FAIL, PASS, UNKNOWN, Finding

TABLE: Final = "secrets_scan"
PART_BYTES: Final = 1 << 20
OVERLAP_BYTES: Final = 8_192
SECRET_BYTES_MIN: Final = 8
# Where a secret may lie (.env.local, whose mode is checked at each start), and what is not ours.
LEFT_OUT: Final = frozenset(
    {".env.local", ".git", ".venv", "__pycache__", ".mypy_cache", ".ruff_cache", "node_modules"}
)
PRIVATE_KEY: Final = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{40}")


def scan(settings: Settings) -> tuple[Finding, ...]:
    """One finding for each place."""
    needles = [text.encode() for text in known_secrets(settings) if len(text) >= SECRET_BYTES_MIN]
    own = settings.exchange.private_key_file
    keys = frozenset() if own is None else frozenset({own.resolve()})
    state, tree = settings.state_dir.resolve(), ROOT.resolve()
    folders = [path.parent for path in (settings.fees_file, settings.calendar_file)]
    return (
        scan_place("state", _files([state], frozenset()), needles, keys, forms=True),
        scan_place("tree", _files([tree], frozenset({state})), needles, keys, forms=False),
        scan_place("configuration", _files(folders, frozenset({state})), needles, keys, forms=True),
    )


def scan_place(
    name: str, paths: Iterator[Path], needles: Sequence[bytes], keys: frozenset[Path], *, forms: bool
) -> Finding:
    """Look through files. `keys`: where our key may lie; `forms`: private keys are looked for by their form too."""
    found, unread, count = [], [], 0
    for path in paths:
        if path in keys:
            continue
        try:
            count += 1
            if _holds(path, needles, forms=forms):
                found.append(str(path))
        except FileNotFoundError:
            continue  # gone since it was listed
        except OSError as problem:
            unread.append(f"{path}: {problem.strerror}")
    if found:
        return Finding(name, FAIL, f"a secret lies in {', '.join(found[:3])} ({len(found)} files)")
    if unread:
        return Finding(name, UNKNOWN, f"{len(unread)} files cannot be read; {unread[0]}")
    if not count:
        return Finding(name, UNKNOWN, "no file was looked through")
    return Finding(name, PASS, f"{count} files, {len(needles)} secrets looked for")


def _files(places: Sequence[Path], without: frozenset[Path]) -> Iterator[Path]:
    for place in places:
        for path in sorted(place.rglob("*")):
            if LEFT_OUT.isdisjoint(path.parts) and without.isdisjoint(path.parents) and path.is_file():
                yield path.resolve()


def _holds(path: Path, needles: Sequence[bytes], *, forms: bool) -> bool:
    """Whether a file holds a secret, read in overlapping parts."""
    kept = b""
    with path.open("rb") as file:
        while part := file.read(PART_BYTES):
            text = kept + part
            if any(needle in text for needle in needles) or (forms and PRIVATE_KEY.search(text)):
                return True
            kept = text[-OVERLAP_BYTES:]
    return False
