"""Which public names of the product nobody uses, and which class names stand for two things."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator

from tests.tidy.source import Source

# The command's own, and the programs of the simulator, which it imports by name.
ENTRY_POINTS = frozenset(
    {"daemon.start_io.main"}
    | {f"sim.{name}.main" for name in ("campaign.command", "demo", "exchange.program", "index_feed.program")}
)
# What other packages import from: a name that a catalogue gathers is used by who imports it from there, not by that.
CATALOGUES = frozenset({"domain.events", "domain.records", "domain.alert_types.catalogue"})
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def module_of(src: Source) -> str:
    """The dotted name of a file: `execution.orders` for execution/orders.py."""
    return src.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def unused(sources: Iterable[Source]) -> set[str]:
    """Public functions and classes, and constants, by dotted name, that are not used.

    Used is what another file of the product names, what a decorator registers, an entry point, and, in its own file,
    whatever a used name reaches: a type in its signature, a member of its union or table, what it calls. A constant is
    used when anything in its file names it. Tests use nothing.
    """
    sources = tuple(sources)
    named: set[str] = set(ENTRY_POINTS)
    for src in sources:
        named |= _named_elsewhere(src)
    for src in sources:
        if module_of(src) in CATALOGUES:
            named |= {origin for name, origin in _gathered(src) if f"{module_of(src)}.{name}" in named}
    return {f"{module_of(src)}.{name}" for src in sources for name in _unused_in(src, named)}


def _named_elsewhere(src: Source) -> set[str]:
    """What this file names of other files: imported names, and attributes of imported modules."""
    found: set[str] = set()
    merely_gathered = {origin for _, origin in _gathered(src)} if module_of(src) in CATALOGUES else frozenset[str]()
    for node in ast.walk(src.tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{name.name}" for name in node.names} - merely_gathered
        elif isinstance(node, ast.Attribute):
            found.add(src.dotted(node))
    return found


def _gathered(src: Source) -> Iterator[tuple[str, str]]:
    """The names that a catalogue imports, each with where it stands."""
    for node in src.tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((name.name, f"{node.module}.{name.name}") for name in node.names)


def _unused_in(src: Source, named: set[str]) -> Iterator[str]:
    module = module_of(src)
    definitions = {node.name: node for node in src.tree.body if isinstance(node, Definition)}
    constants = {name: node for node in src.tree.body for name in _assigned(node)}
    used = {name for name in (*definitions, *constants) if f"{module}.{name}" in named}
    used |= {name for name, node in definitions.items() if node.decorator_list and _registers(node)}
    loose = [node for node in src.tree.body if not isinstance(node, Definition | ast.Assign | ast.AnnAssign)]
    used |= {name for node in loose for name in _loads(node) if name in definitions or name in constants}
    waiting, seen = list(used), set(used)
    while waiting:
        name = waiting.pop()
        for other in _loads(constants.get(name) or definitions[name]) - seen:
            if other in definitions or other in constants:
                seen.add(other)
                waiting.append(other)
    mentioned = {name for node in src.tree.body for name in _loads(node)}
    for name in definitions:
        if not name.startswith("_") and name not in seen:
            yield name
    for name in constants:
        if not name.startswith("_") and name not in seen and name not in mentioned:
            yield name


def _registers(node: Definition) -> bool:
    """Whether a decorator hands a definition to somebody: a call, or an attribute of an object of this file."""
    if isinstance(node, ast.ClassDef):
        return False
    return any(isinstance(mark, ast.Call) and isinstance(mark.func, ast.Attribute) for mark in node.decorator_list)


def _assigned(node: ast.stmt) -> Iterator[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    for target in targets:
        for part in ast.walk(target):
            if isinstance(part, ast.Name):
                yield part.id


def _loads(node: ast.AST) -> set[str]:
    """Every name that is read in a piece of source, quoted annotations included."""
    found = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}
    if isinstance(node, Definition):
        found.discard(node.name)
    return found


def twice(sources: Iterable[Source]) -> dict[str, list[str]]:
    """The public class names that stand in more than one module, with those modules."""
    places: dict[str, list[str]] = defaultdict(list)
    for src in sources:
        for node in src.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(module_of(src))
    return {name: modules for name, modules in places.items() if len(modules) > 1}
