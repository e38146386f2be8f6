"""One setting in an operator's words: what it means, its unit, what it takes, its default, which steps it serves."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import msgspec
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from daemon.settings.keys import every_key, meant, section_of
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
# What the last word of a key's name says of its unit; `max` counts what stands before it.
UNITS: Final = {
    "ms": "milliseconds",
    "s": "seconds",
    "days": "days",
    "cents": "cents a contract",
    "dollars": "whole dollars",
    "contracts": "contracts",
    "bps": "basis points",
    "ppm": "millionths",
    "percent": "percent",
    "max": "a count",
}


def explain(key: str) -> str:
    """One setting by its dotted name, or the parts of a section. Raises UsageError for an unknown one."""
    known = every_key(Settings)
    model: type[BaseModel] = Settings
    parts = key.split(".")
    for place, part in enumerate(parts):
        field = model.model_fields.get(part)
        if field is None:
            at = ".".join(parts[:place]) or "the top"
            there = ", ".join(sorted(model.model_fields))
            raise UsageError(f"{key}: no such setting{meant(key, known)}; at {at} there are: {there}")
        inner = section_of(field.annotation)
        if place == len(parts) - 1:
            return f"{key}: {_field_text(part, field) if inner is None else _section_text(inner)}"
        if inner is None:
            raise UsageError(f"{key}: {'.'.join(parts[: place + 1])} has no parts")
        model = inner
    raise AssertionError("a key has at least one part")


def steps_of(field: FieldInfo) -> tuple[str, ...]:
    """The runbook steps that a setting serves."""
    extra = field.json_schema_extra
    return tuple(str(extra["steps"]).split()) if isinstance(extra, dict) and "steps" in extra else ()


def unit_of(name: str) -> str:
    """The unit that a key's own name says, or nothing for what has none."""
    words = name.split("_")
    return UNITS.get(words[-1]) or (UNITS["contracts"] if "contracts" in words else "")


def _section_text(section: type[BaseModel]) -> str:
    theory = " ".join((section.__doc__ or "").split())
    return f"{theory} A section with {', '.join(section.model_fields)}."


def _field_text(name: str, field: FieldInfo) -> str:
    unit = unit_of(name)
    serves = f" Runbook: {', '.join(steps_of(field))}." if steps_of(field) else ""
    return f"{field.description} {_takes(field)}{f'; unit: {unit}' if unit else ''}.{serves}"


def _takes(field: FieldInfo) -> str:
    rules = [(word, getattr(rule, name, None)) for rule in field.metadata for name, word in BOUNDS]
    bounds = "".join(f", {word} {value}" for word, value in rules if value is not None)
    kind = _kind_text(field.annotation)
    kind = kind[0].upper() + kind[1:]
    if field.is_required():
        return f"{kind}{bounds}; must be given"
    shown = msgspec.json.encode(field.get_default(call_default_factory=True), enc_hook=str).decode()
    return f"{kind}{bounds}; default {'none' if shown == 'null' else shown}"


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
