"""Where decisions on proposals are kept: a file for each UTC day, one line a proposal across restarts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from journal.disk_io import Disk
from ops.proposals import ProposalDecision, decided_id

FOLDER: Final = Path("audit_artifacts") / "execution_decisions"
FILE: Final = "decisions.ndjson"


class DecisionFiles:
    """The lines of one state directory."""

    def __init__(self, state_dir: Path) -> None:
        """Read what was decided before, by whatever run. Raises OSError when that cannot be read."""
        self.home = state_dir / FOLDER
        self._disk = Disk()
        self._known = {name for path in self.home.glob(f"*/{FILE}") for name in _decided_in(path)}

    def knows(self, proposal_id: str) -> bool:
        """Whether a proposal has its line."""
        return proposal_id in self._known

    def keep(self, decision: ProposalDecision) -> bool:
        """Keep a line, durable on return; False for a proposal that has one. Raises OSError when it cannot be kept."""
        if self.knows(decision.proposal_id):
            return False
        path = self.home / decision.decided_at_utc[:10] / FILE
        self._disk.make_directory(path.parent)
        torn = _torn(path)
        file = self._disk.append_to(path)
        try:
            # A line that a kill cut off ends before ours begins.
            self._disk.write_all(file, b"\n" * torn + msgspec.json.encode(decision) + b"\n")
            self._disk.sync(file)
        finally:
            self._disk.close(file)
        self._known.add(decision.proposal_id)
        return True


def _torn(path: Path) -> bool:
    """Whether a file ends within a line; not so one that is empty, or not there yet."""
    if not path.exists() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def _decided_in(path: Path) -> Iterator[str]:
    """Whose decisions a file holds."""
    for line in path.read_bytes().splitlines():
        name = decided_id(line)
        if name is not None:
            yield name
