"""Rules on the whole house: no import circles, no hall of too many rooms. Each fires on a planted breach."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

from tests.tidy.graph import MODULES_MAX, circles, crowded, import_graph
from tests.tidy.source import SHOPS, Source

ROOT = Path(__file__).resolve().parent.parent


@functools.cache
def product() -> tuple[Source, ...]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT, check=True, capture_output=True, text=True, timeout=60,
    ).stdout.split()  # fmt: skip
    paths = [path for path in listed if path.partition("/")[0] in SHOPS and (ROOT / path).is_file()]
    return tuple(Source(path, (ROOT / path).read_text("utf-8")) for path in paths)


def test_no_import_circle() -> None:
    assert circles(import_graph(product())) == []


def test_no_folder_is_a_hall() -> None:
    assert not crowded(product())


def test_a_circle_of_types_alone_is_found() -> None:
    planted = (
        Source("guards/a.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from guards.b import B"),
        Source("guards/b.py", "from guards.c import C"),
        Source("guards/c.py", "from guards import a"),
        Source("guards/d.py", "from guards.a import A"),
    )
    assert circles(import_graph(planted)) == [frozenset({"guards.a", "guards.b", "guards.c"})]


def test_a_hall_is_found() -> None:
    planted = [Source(f"guards/room_{number}.py", "") for number in range(MODULES_MAX + 1)]
    assert crowded(planted) == {"guards": MODULES_MAX + 1}
    assert not crowded([*planted[1:], Source("guards/__init__.py", "")])
