"""What all records have in common: their type, and the bounds of their figures."""

from __future__ import annotations

import inspect
import re
from typing import Final

import msgspec
from msgspec import UNSET

from domain.money import PRICE_PER_DOLLAR, Count, Price

# Names of bounds, by which `_LIMITS` finds the fields that have them.
OrderPrice = Price
FillPrice = Price
OrderCount = Count
Milliseconds = float
Named = str

_LIMITS: Final[dict[str, tuple[float, float]]] = {
    "OrderPrice": (1, PRICE_PER_DOLLAR - 1),
    "FillPrice": (0, PRICE_PER_DOLLAR),
    "OrderCount": (1, float("inf")),
    "Milliseconds": (0, float("inf")),
}


_BOUNDS: Final[dict[type, tuple[tuple[str, float, float], ...]]] = {}
_NAMED: Final[dict[type, tuple[str, ...]]] = {}


class InvalidRecordError(ValueError):
    """A record that is not what its type says: a bug of ours. The text names type, key and fault, never a value."""


def type_named(class_name: str) -> str:
    """The record type of a class name: without `Entry`, in lower case with underscores."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", class_name.removesuffix("Entry")).lower()


class Entry(msgspec.Struct, frozen=True, tag=type_named, tag_field="kind"):
    """Base of all records. The class name without `Entry`, in lower case with underscores, is the record's type."""

    def __init_subclass__(cls) -> None:
        """Find the fields of a type that have bounds, once."""
        super().__init_subclass__()
        written = [(name, part) for name, text in _fields_as_written(cls).items() for part in text.split(" | ")]
        _BOUNDS[cls] = tuple((name, *_LIMITS[part]) for name, part in written if part in _LIMITS)
        _NAMED[cls] = tuple(name for name, part in written if part == "Named")

    def __post_init__(self) -> None:
        """Raises InvalidRecordError for a figure out of its bounds."""
        for name, low, high in _BOUNDS[type(self)]:
            value = getattr(self, name)
            if value is not None and value is not UNSET and not low <= value <= high:
                raise InvalidRecordError(
                    f"a record {type_named(type(self).__name__)} that is none: {name} is out of its bounds"
                )
        for name in _NAMED[type(self)]:
            if getattr(self, name) == "":
                raise InvalidRecordError(f"a record {type_named(type(self).__name__)} that is none: {name} is empty")


def _fields_as_written(entry: type) -> dict[str, str]:
    """The fields with their types as they stand in the source, those of the bases first."""
    found: dict[str, str] = {}
    for base in reversed(entry.__mro__):
        found |= inspect.get_annotations(base)
    return found


def some_told(*values: object) -> bool:
    """Whether a record tells one of these keys."""
    return any(value is not UNSET for value in values)


def whole(*values: object) -> bool:
    """Whether a record tells all of these keys, or none."""
    return len({value is UNSET for value in values}) == 1
