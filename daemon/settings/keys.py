"""Every key of the configuration by its dotted name, and which key somebody meant who wrote another. Pure.

A section is a pydantic model of this folder, or the settings struct of a machine, which stands beside the machine and
knows nothing of the configuration (domain/setting.py). Who asks for keys does not see the difference.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, NamedTuple, get_args, get_origin

import msgspec
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

SectionType = type[BaseModel] | type[msgspec.Struct]
# In the annotation of a struct whose keys stand in the table around it, without a table of their own.
INLINE: Final = "inline"
BOUNDS: Final = ("gt", "ge", "lt", "le", "min_length")


class SettingKey(NamedTuple):
    """One single setting. `bounds` are pydantic's, by name; `default` says nothing while `required`."""

    kind: Any
    meaning: str
    steps: tuple[str, ...]
    bounds: dict[str, Any]
    default: Any
    required: bool


def section_of(kind: Any) -> SectionType | None:  # noqa: ANN401 - an annotation
    """The section that an annotation stands for, also one that may be left out; None for a single value."""
    if isinstance(kind, type) and issubclass(kind, BaseModel | msgspec.Struct):
        return kind
    return next((found for part in get_args(kind) if (found := section_of(part)) is not None), None)


def parts_of(section: SectionType) -> dict[str, SettingKey | SectionType]:
    """What stands in a section's table, by name: keys, and tables below it."""
    if issubclass(section, msgspec.Struct):
        return dict(keys_of(section))
    found: dict[str, SettingKey | SectionType] = {}
    for name, field in section.model_fields.items():
        inner = section_of(field.annotation)
        if inner is None:
            found[name] = _of_field(field)
        elif INLINE in field.metadata:
            found |= parts_of(inner)
        else:
            found[name] = inner
    return found


def keys_of(struct: type[msgspec.Struct]) -> dict[str, SettingKey]:
    """The keys of a machine's settings class: the fields that are described; the others are fixed."""
    found: dict[str, SettingKey] = {}
    for field in msgspec.structs.fields(struct):
        kind, *marks = get_args(field.type) if get_origin(field.type) is Annotated else (field.type,)
        meta = next((mark for mark in marks if isinstance(mark, msgspec.Meta) and mark.description), None)
        if meta is not None:
            bounds = {name: getattr(meta, name) for name in BOUNDS if getattr(meta, name) is not None}
            steps = tuple(str((meta.extra or {})["steps"]).split())
            found[field.name] = SettingKey(kind, meta.description or "", steps, bounds, field.default, field.required)
    return found


def _of_field(field: FieldInfo) -> SettingKey:
    bounds = {
        name: value for rule in field.metadata for name in BOUNDS if (value := getattr(rule, name, None)) is not None
    }
    extra = field.json_schema_extra
    steps = tuple(str(extra["steps"]).split()) if isinstance(extra, dict) and "steps" in extra else ()
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    return SettingKey(field.annotation, field.description or "", steps, bounds, default, field.is_required())


def every_key(section: SectionType, before: str = "") -> dict[str, SettingKey]:
    """Every single setting below a section, by its dotted name."""
    found: dict[str, SettingKey] = {}
    for name, part in parts_of(section).items():
        if isinstance(part, SettingKey):
            found[before + name] = part
        else:
            found |= every_key(part, f"{before}{name}.")
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
