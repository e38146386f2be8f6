"""The imports of the whole house as a graph, and the rules that one file alone cannot show.

An import under `if TYPE_CHECKING:` counts like any other: two modules that must know each other's types are one room
that was cut in two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

from tests.tidy.source import Source

MODULES_MAX = 20


def module_name(path: str) -> str:
    """`daemon/engine/step.py` is `daemon.engine.step`; a package's `__init__.py` is the package."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def import_graph(sources: Iterable[Source]) -> dict[str, frozenset[str]]:
    """Module -> the modules among `sources` that it imports, type-only imports counted."""
    by_name = {module_name(src.path): src for src in sources}
    return {name: frozenset(_targets(src, by_name) - {name}) for name, src in by_name.items()}


def _targets(src: Source, known: Iterable[str]) -> set[str]:
    known = frozenset(known)
    found = set()
    for _, module in src.imports():
        while module:
            if module in known:
                found.add(module)
                break
            module = module.rpartition(".")[0]  # noqa: PLW2901 - `from x import name` is listed as x.name
    return found


def circles(graph: dict[str, frozenset[str]]) -> list[frozenset[str]]:
    """The groups of modules that reach each other (strongly connected, more than one), largest first."""
    reach = {name: _reached(graph, name) for name in graph}
    groups = {frozenset(other for other in reach[name] if name in reach[other]) | {name} for name in graph}
    return sorted((group for group in groups if len(group) > 1), key=lambda group: (-len(group), sorted(group)))


def _reached(graph: dict[str, frozenset[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += graph.get(name, ())
    return seen


def crowded(sources: Iterable[Source], limit: int = MODULES_MAX) -> dict[str, int]:
    """Folder -> number of modules, for each product folder with more than `limit` (`__init__.py` is not counted)."""
    paths = [PurePosixPath(src.path) for src in sources if src.in_house]
    count = Counter(str(path.parent) for path in paths if path.name != "__init__.py")
    return {folder: number for folder, number in count.items() if number > limit}
