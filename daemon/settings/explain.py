"""One setting in an operator's words: what it takes, its bounds, its default."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from daemon.settings.tree import Settings
from domain.errors import UsageError

BOUNDS = (("gt", "more than"), ("ge", "at least"), ("lt", "less than"), ("le", "at most"), ("min_length", "of length"))
KINDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",  # tidy: float - the name of a kind, no value
    str: "text",
    Path: "a path",
    SecretStr: "a secret",
}


def explain(key: str) -> str:
    """One setting by its dotted name, or the parts of a section. Raises UsageError for an unknown one."""
    model: type[BaseModel] = Settings
    parts = key.split(".")
    for place, part in enumerate(parts):
        field = model.model_fields.get(part)
        if field is None:
            known = ", ".join(sorted(model.model_fields))
            raise UsageError(f"{key}: no such setting; at this place there are: {known}")
        inner = _model_of(field.annotation)
        if place == len(parts) - 1:
            return (
                f"{key}: {_field_text(field) if inner is None else 'a section with ' + ', '.join(inner.model_fields)}"
            )
        if inner is None:
            raise UsageError(f"{key}: {'.'.join(parts[: place + 1])} has no parts")
        model = inner
    raise AssertionError("a key has at least one part")


def _field_text(field: FieldInfo) -> str:
    rules = [(word, getattr(rule, name, None)) for rule in field.metadata for name, word in BOUNDS]
    bounds = "".join(f", {word} {value}" for word, value in rules if value is not None)
    if field.is_required():
        return f"{_kind_text(field.annotation)}{bounds}; must be given"
    shown = msgspec.json.encode(field.get_default(call_default_factory=True), enc_hook=str).decode()
    return f"{_kind_text(field.annotation)}{bounds}; default {'none' if shown == 'null' else shown}"


def _kind_text(kind: Any) -> str:  # noqa: ANN401 - an annotation
    if kind in KINDS:
        return KINDS[kind]
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return "one of " + ", ".join(str(part) for part in parts)
    if origin in {types.UnionType, Union}:
        return " or ".join(_kind_text(part) for part in parts if part is not types.NoneType) + ", or left out"
    if origin in {tuple, list, frozenset, set}:
        return f"a list, each {_kind_text(parts[0])}"
    return _kind_text(parts[0]) if origin is Annotated else getattr(kind, "__name__", str(kind))


def _model_of(kind: Any) -> type[BaseModel] | None:  # noqa: ANN401 - an annotation
    choices = get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    return next((c for c in choices if isinstance(c, type) and issubclass(c, BaseModel)), None)
