"""Every key of the configuration by its dotted name, and which key somebody meant who wrote another. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo


def section_of(kind: Any) -> type[BaseModel] | None:  # noqa: ANN401 - an annotation
    """The section that an annotation stands for, also one that may be left out; None for a single value."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    return next((found for part in get_args(kind) if (found := section_of(part)) is not None), None)


def every_key(model: type[BaseModel], before: str = "") -> dict[str, FieldInfo]:
    """Every single setting below a section, by its dotted name."""
    found: dict[str, FieldInfo] = {}
    for name, field in model.model_fields.items():
        section = section_of(field.annotation)
        if section is None:
            found[before + name] = field
        else:
            found |= every_key(section, f"{before}{name}.")
    return found


def holds_secret(kind: Any) -> bool:  # noqa: ANN401 - an annotation
    """Whether a value of this annotation is a secret."""
    return kind is SecretStr or any(holds_secret(part) for part in get_args(kind))


def leaves(tree: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """The single values of a tree of tables, by their dotted names."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            found |= leaves(value, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = value
    return found


def meant(name: str, known: Iterable[str]) -> str:
    """A question back to whoever wrote a name that is not known; nothing when no known one is like it."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if not near:
        leaf = name.rpartition(".")[2]
        near = [key for key in known if key.rpartition(".")[2] == leaf][:1]
    return f"; did you mean {near[0]}?" if near else ""
