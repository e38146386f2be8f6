"""One source file as the tidy rules see it: where it lies, what it says, and what its names stand for.

Rules are pure functions from a `Source` to the breaches in it, so that a test can plant a breach in three lines.
"""

from __future__ import annotations

import ast
import functools
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SHOPS = ("domain", "feeds", "guards", "pricing", "execution", "journal", "ops", "daemon", "sim")

_EXCUSE = re.compile(r"#\s*tidy: (?P<rule>[a-z-]+) - (?P<reason>\S.{7,})")


@dataclass(frozen=True, slots=True)
class Breach:
    """One line that breaks one rule."""

    line: int
    what: str


@dataclass(frozen=True)
class Source:
    """A Python file by its path from the root (posix) and its text."""

    path: str
    text: str
    tree: ast.Module = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tree", ast.parse(self.text, self.path))

    @property
    def shop(self) -> str:
        """The top-level folder: `execution` for execution/orders.py."""
        return PurePosixPath(self.path).parts[0]

    @property
    def in_house(self) -> bool:
        """Part of what runs in production or plays the outside world: not tests, bench or scripts."""
        return self.shop in SHOPS

    @property
    def may_touch_the_world(self) -> bool:
        """Async, sockets, threads, signals and files belong in `*_io.py` and in sim/; tests and bench may as well."""
        return self.path.endswith("_io.py") or self.shop == "sim" or not self.in_house

    @functools.cached_property
    def aliases(self) -> dict[str, str]:
        """Local name -> dotted origin, from every import in the file (`from time import time as t` -> t: time.time)."""
        found: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for name in node.names:
                    top = name.name.partition(".")[0]
                    found[name.asname or top] = name.name if name.asname else top
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for name in node.names:
                    found[name.asname or name.name] = f"{node.module}.{name.name}"
        return found

    def dotted(self, node: ast.expr) -> str:
        """`datetime.datetime.now` for whatever expression reaches it here; "" for what is no dotted name.

        A call in the middle is kept as `()`: `asyncio.get_running_loop().time`.
        """
        if isinstance(node, ast.Name):
            return self.aliases.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            owner = self.dotted(node.value)
            return f"{owner}.{node.attr}" if owner else ""
        if isinstance(node, ast.Call):
            owner = self.dotted(node.func)
            return f"{owner}()" if owner else ""
        return ""

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        """Every call with the dotted name of what is called."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield node, self.dotted(node.func)

    def imports(self) -> Iterator[tuple[int, str]]:
        """Every imported module as (line, dotted module); `from a import b` gives a and a.b."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for name in node.names:
                    yield node.lineno, name.name
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.lineno, node.module
                for name in node.names:
                    yield node.lineno, f"{node.module}.{name.name}"

    @functools.cached_property
    def excuses(self) -> frozenset[tuple[int, str]]:
        """(line, rule) pairs that carry a written excuse: `# tidy: RULE - reason of eight letters or more`."""
        return frozenset(
            (number, match["rule"])
            for number, line in enumerate(self.text.splitlines(), start=1)
            if (match := _EXCUSE.search(line))
        )
