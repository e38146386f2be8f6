"""A copy of the tree in which a control is unplugged: patched, drilled, put back, used again for the next one.

The copy has the tree's environment by a link and nothing else of it: what runs there imports the copy, or the run is
no proof. The original is never touched.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.proofs.catalogue import Mutation, Patch
from tests.proofs.sources import ROOT

RUN_LIMIT_S = 600
TEST_LIMIT_S = 110
CONTROL_DRILL = "tests/live/test_control_drill.py::test_a_window_is_quoted_and_the_daemon_ends_in_order"
# The preflight's rehearsal would miss the control and keep the daemon from quoting; everything else must still run. A
# proof of the rehearsal itself keeps it.
REHEARSAL = Patch(
    "daemon/preflight/rehearsal_io.py",
    "problems = rehearse(engine_settings(settings, build_plan(settings, reference), reference.fees), now)",
    "problems = [str(reference)][:0]",
)
KEEPS_REHEARSAL = ("tests/daemon/preflight/", "tests/daemon/cli/evidence/")
HOME = "import daemon, sim, guards; print(daemon.__path__[0], sim.__path__[0], guards.__path__[0], sep='\\n')"


class Copy:
    """One copy, in a folder of its own."""

    def __init__(self, place: Path, root: Path = ROOT, home: str = HOME) -> None:
        self.place, self.root = place, root
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        for name in filter(None, listed.split("\0")):
            if (root / name).is_file():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, place / name)
        (place / ".venv").symlink_to(root / ".venv")
        self.environment = {**os.environ, "PYTHONPATH": str(place), "ENDED_FILE": str(place / "ended.jsonl")}
        self.python = str(Path(sys.executable))
        done = subprocess.run(
            [self.python, "-c", home], cwd=place, env=self.environment, check=True, capture_output=True, text=True
        )
        strangers = [line for line in done.stdout.split() if not Path(line).is_relative_to(place.resolve())]
        assert not strangers, f"the copy imports the original: {strangers}"

    @contextmanager
    def unplugged(self, mutation: Mutation) -> Iterator[None]:
        """Patched for a while, and as it was afterwards."""
        patches = mutation.patches
        if (self.root / REHEARSAL.file).is_file() and not any(d.startswith(KEEPS_REHEARSAL) for d in mutation.drills):
            patches = (*patches, REHEARSAL)
        before = {patch.file: (self.place / patch.file).read_bytes() for patch in patches}
        try:
            for patch in patches:
                self._apply(patch)
            yield
        finally:
            for file, content in before.items():
                self._write(file, content)

    def _apply(self, patch: Patch) -> None:
        text = (self.place / patch.file).read_text("utf-8")
        assert text.count(patch.old) == 1, f"{patch.file}: {patch.old!r} must stand there once"
        self._write(patch.file, text.replace(patch.old, patch.new).encode())

    def _write(self, file: str, content: bytes) -> None:
        path = self.place / file
        path.write_bytes(content)
        for stale in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
            stale.unlink()  # bytecode is told from its source by whole seconds and size

    def run(self, tests: tuple[str, ...]) -> dict[str, list[tuple[str, str]]]:
        """Run tests there: for each function how its cases ended (`ended.py`), empty when it was not run at all."""
        told = Path(self.environment["ENDED_FILE"])
        told.write_text("", encoding="utf-8")
        command = [self.python, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"]
        command += ["-p", "no:xdist", "-p", "tests.proofs.ended", f"--timeout={TEST_LIMIT_S}", "--tb=short", *tests]
        with (self.place / "pytest.log").open("wb") as log:
            subprocess.run(
                command, cwd=self.place, env=self.environment, stdout=log, stderr=log, check=False, timeout=RUN_LIMIT_S
            )
        found: dict[str, list[tuple[str, str]]] = {test: [] for test in tests}
        if not told.stat().st_size:  # nothing ran at all: what pytest said is the reason
            last = (self.place / "pytest.log").read_text("utf-8", "replace").splitlines()[-1:]
            return {test: [("crashed", line) for line in last] for test in tests}
        for line in told.read_text("utf-8").splitlines():
            said = json.loads(line)
            found.setdefault(said["test"], []).append((said["how"], said["where"]))
        return found


@contextmanager
def copies(count: int, root: Path = ROOT) -> Iterator[list[Copy]]:
    """So many copies, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ladderd-proofs-") as folder:
        places = [Path(folder).resolve() / f"copy{number}" for number in range(count)]
        yield [Copy(place, root) for place in places]
