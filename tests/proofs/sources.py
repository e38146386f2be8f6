"""What a proof covers, as text and as a hash: the drill's source, the control's source and the patch.

A drill is its test function with every name of its own file that it uses, however far away. A control is the innermost
function or class around each patched place; a place outside all of them stands for the top-level statement, and a file
that is not Python for itself. A change elsewhere proves nothing anew and spoils nothing.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HASH_DIGITS = 16
MARK = "pytest.mark.step"


def digest(parts: Iterable[str]) -> str:
    """One short hash over texts, whose borders count."""
    whole = hashlib.sha256()
    for part in parts:
        text = part.encode()
        whole.update(b"%d:" % len(text) + text)
    return whole.hexdigest()[:HASH_DIGITS]


def drills(root: Path = ROOT) -> dict[str, list[str]]:
    """The drills of each step, as `path::function`, by the marks in the tests' source."""
    found: dict[str, list[str]] = {}
    for path in sorted((root / "tests").rglob("test_*.py")):
        text = path.read_text("utf-8")
        if MARK not in text:
            continue
        for node in ast.parse(text).body:
            for step in marked(node):
                found.setdefault(step, []).append(f"{path.relative_to(root).as_posix()}::{name_of(node)}")
    return found


def marked(node: ast.stmt) -> Iterator[str]:
    """The steps that a function's decorators name."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == MARK:
            yield from (str(arg.value) for arg in decorator.args if isinstance(arg, ast.Constant))


def name_of(node: ast.stmt) -> str:
    """A function's or class's name; empty for any other statement."""
    return node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else ""


def drill_source(drill: str, root: Path = ROOT) -> str:
    """The drill's function and all that it uses of its own file, in the file's order; empty when it is not there."""
    path, _, function = drill.partition("::")
    text = (root / path).read_text("utf-8") if (root / path).is_file() else ""
    body = ast.parse(text).body
    defined = {name: node for node in body for name in bound(node)}
    wanted, seen = [function], set[str]()
    while wanted:
        name = wanted.pop()
        if name in seen or name not in defined:
            continue
        seen.add(name)
        wanted += [part.id for part in ast.walk(defined[name]) if isinstance(part, ast.Name)]
        wanted += [part.arg for part in ast.walk(defined[name]) if isinstance(part, ast.arg)]  # fixtures
    if function not in seen:
        return ""
    chosen = [node for node in body if seen & set(bound(node))]
    return "\n".join(whole_text(text, node) for node in chosen)


def bound(node: ast.stmt) -> list[str]:
    """The names that a top-level statement of a file defines, imports left out."""
    if name := name_of(node):
        return [name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]


def whole_text(text: str, node: ast.stmt) -> str:
    """A statement's text, decorators included."""
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
    return "\n".join(text.splitlines()[first - 1 : node.end_lineno])


def control_source(path: str, old: str, root: Path = ROOT) -> str:
    """The innermost function or class around the text, or the statement; empty when the text is not there just once."""
    text = (root / path).read_text("utf-8") if (root / path).is_file() else ""
    if text.count(old) != 1:
        return ""
    if not path.endswith(".py"):
        return text
    begin = text[: text.index(old)].count("\n") + 1
    end = begin + old.rstrip("\n").count("\n")
    tree = ast.parse(text)
    named = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    around = [n for n in [*tree.body, *named] if n.lineno <= begin and (n.end_lineno or 0) >= end]
    return whole_text(text, max(around, key=lambda n: (n.lineno, -(n.end_lineno or 0)))) if around else text
