"""How a machine's settings struct stands in the configuration: pydantic checks its keys, the struct itself is kept.

The struct is handed down whole; nobody copies its fields. Only keys can be given, and only keys are shown and hashed.
What must hold between its fields is the struct's own check. Pure.
"""

from __future__ import annotations

import functools
from typing import Annotated, Any, TypeVar

import msgspec
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainSerializer,
    PlainValidator,
    SerializerFunctionWrapHandler,
    create_model,
    model_serializer,
    model_validator,
)

from daemon.settings.keys import INLINE, SectionType, SettingKey, keys_of, parts_of, section_of
from domain.errors import ConfigurationError

STRICT: ConfigDict = ConfigDict(extra="forbid", frozen=True, strict=False, hide_input_in_errors=True)
Struct = TypeVar("Struct", bound=msgspec.Struct)
Model = TypeVar("Model", bound=BaseModel)


class Section(BaseModel):
    """One table of the file: unknown keys are refused, nothing changes after loading."""

    model_config = STRICT


class Shape(BaseModel):
    """What names are taken apart by."""

    model_config = ConfigDict(defer_build=True)


class Whole:
    """In an annotation: this struct is a table of its own."""

    def __get_pydantic_core_schema__(self, source: type[msgspec.Struct], handler: GetCoreSchemaHandler) -> Any:  # noqa: ANN401 - pydantic's own
        """What pydantic asks an annotation for."""

        def made(given: object) -> msgspec.Struct:
            return given if isinstance(given, source) else taken(source, given)

        return handler.generate_schema(Annotated[Any, PlainValidator(made), PlainSerializer(given_of)])


class Joined(Section):
    """A section in whose table the keys of structs stand beside its own: those whose annotation says INLINE."""

    @model_validator(mode="before")
    @classmethod
    def _gathered(cls, given: Any) -> Any:  # noqa: ANN401 - what was written
        if not isinstance(given, dict):
            return given
        left = dict(given)
        for name, struct in _inline(cls).items():
            if isinstance(left.get(name), struct):
                continue
            found = taken(struct, {key: left.pop(key) for key in keys_of(struct) if key in left})
            if name in left:
                raise ValueError(f"{name}: no such setting; its keys stand in this table itself")
            left[name] = found
        return left

    @model_serializer(mode="wrap")
    def _spread(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        shown: dict[str, Any] = handler(self)
        for name in _inline(type(self)):
            shown |= shown.pop(name, {})
        return shown


def taken(struct: type[Struct], given: object) -> Struct:
    """The struct that a table means. Raises pydantic's ValidationError, or ValueError for what contradicts itself."""
    table = _table_of(struct).model_validate(given)
    try:
        return struct(**dict(table))
    except ConfigurationError as problem:
        raise ValueError(str(problem)) from None


def given_of(part: msgspec.Struct) -> dict[str, Any]:
    """The keys of a struct with their values."""
    return {name: getattr(part, name) for name in keys_of(type(part))}


def shape_of(section: SectionType, base: type[Model]) -> type[Model]:
    """The same tables as plain pydantic models on a base, for who takes names apart; they validate nothing."""
    fields: dict[str, Any] = {
        name: (part.kind if isinstance(part, SettingKey) else shape_of(part, Shape), None)
        for name, part in parts_of(section).items()
    }
    return create_model(section.__name__, __base__=base, **fields)


def _inline(section: type[Joined]) -> dict[str, type[msgspec.Struct]]:
    found = {name: section_of(field.annotation) for name, field in section.model_fields.items()
             if INLINE in field.metadata}  # fmt: skip
    return {name: struct for name, struct in found.items() if struct and issubclass(struct, msgspec.Struct)}


@functools.cache
def _table_of(struct: type[msgspec.Struct]) -> type[BaseModel]:
    fields: dict[str, Any] = {
        name: (Annotated[key.kind, Field(**key.bounds)], key.default) for name, key in keys_of(struct).items()
    }
    return create_model(struct.__name__, __config__=STRICT, **fields)
