"""One setting in an operator's words: what it means, its unit, what it takes, its default, which steps it serves."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import msgspec
from pydantic import SecretStr

from daemon.settings.keys import SectionType, SettingKey, every_key, meant, parts_of
from daemon.settings.tree import Settings
from domain.errors import UsageError

BOUNDS: Final = {
    "gt": "more than", "ge": "at least", "lt": "less than", "le": "at most", "min_length": "of length",
}  # fmt: skip
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
    "minutes": "minutes",
    "cents": "cents a contract",
    "dollars": "whole dollars",
    "contracts": "contracts",
    "bps": "basis points",
    "ppm": "millionths",
    "percent": "percent",
    "deviations": "deviations of the time left",
    "max": "a count",
    "points": "points of the index",
}


def explain(key: str) -> str:
    """One setting by its dotted name, or the parts of a section. Raises UsageError for an unknown one."""
    found: SettingKey | SectionType = Settings
    parts = key.split(".")
    for place, name in enumerate(parts):
        if isinstance(found, SettingKey):
            raise UsageError(f"{key}: {'.'.join(parts[:place])} has no parts")
        below = parts_of(found)
        if name not in below:
            at, there = ".".join(parts[:place]) or "the top", ", ".join(sorted(below))
            raise UsageError(f"{key}: no such setting{meant(key, every_key(Settings))}; at {at} there are: {there}")
        found = below[name]
    return f"{key}: {_key_text(parts[-1], found) if isinstance(found, SettingKey) else _section_text(found)}"


def unit_of(name: str) -> str:
    """The unit that a key's own name says, or nothing for what has none."""
    words = name.split("_")
    return UNITS.get(words[-1]) or (UNITS["contracts"] if "contracts" in words else "")


def _section_text(section: SectionType) -> str:
    theory = " ".join((section.__doc__ or "").split())
    return f"{theory} A section with {', '.join(parts_of(section))}."


def _key_text(name: str, key: SettingKey) -> str:
    unit = unit_of(name)
    serves = f" Runbook: {', '.join(key.steps)}." if key.steps else ""
    return f"{key.meaning} {_takes(key)}{f'; unit: {unit}' if unit else ''}.{serves}"


def _takes(key: SettingKey) -> str:
    bounds = "".join(f", {BOUNDS[name]} {value}" for name, value in key.bounds.items())
    kind = _kind_text(key.kind)
    kind = kind[0].upper() + kind[1:]
    if key.required:
        return f"{kind}{bounds}; must be given"
    shown = msgspec.json.encode(key.default, enc_hook=str).decode()
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
