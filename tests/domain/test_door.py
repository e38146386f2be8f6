"""A door answers with a value or Refused, whatever comes; what it lets in can be written down again."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

from domain.door import NAME_CHARS_MAX, Door, Name, Refused, Whole, one_line, raw_text

PACKAGES = ("domain", "feeds", "pricing", "execution", "journal", "ops", "daemon")


class Shape(msgspec.Struct):
    """Some of everything."""

    name: Name = ""
    count: Whole = 0
    raw: msgspec.Raw = msgspec.Raw(b"null")
    rows: list[tuple[Name, Whole]] = []


class Loose(msgspec.Struct):
    """A shape that bounds nothing."""

    count: int = 0
    anything: Any = None


BOUNDED = Door(Shape, 10_000, bounded=True)
LOOSE = Door(Loose, 10_000)

HOSTILE = [
    b"",
    b"\xff\xfe\x00",
    b"\x00" * 100,
    b'{"name":"\xff"}',
    b'{"name":"\xed\xa0\x80"}',
    b'{"name":"\\ud800"}',
    b'{"name":"' + b"x" * (NAME_CHARS_MAX + 1) + b'"}',
    b'{"count":' + b"9" * 30 + b"}",
    b'{"count":' + b"9" * 5_000 + b"}",
    b'{"count":1e400}',
    b'{"count":NaN}',
    b'{"count":-Infinity}',
    b'{"raw":' + b"[" * 2_000 + b"]" * 2_000 + b"}",
    b'{"anything":' + b"[" * 2_000 + b"]" * 2_000 + b"}",
    b'{"anything":' + b"9" * 400 + b"}",
    b"[" * 4_000,
    b"{" * 4_000,
    b'{"name":"x"}' + b" " * 10_000,
]


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_value_is_refused_in_one_short_line(data: bytes) -> None:
    said = [text for text in (refusal(BOUNDED, data), refusal(LOOSE, data)) if text]
    assert said
    assert all(text.isprintable() and len(text) <= 200 for text in said)


def refusal(door: Door[Any], data: bytes) -> str:
    """Why the door does not take it; nothing when it does."""
    try:
        door.read(data)
    except Refused as problem:
        return str(problem)
    return ""


def test_a_value_comes_in_whole() -> None:
    assert BOUNDED.read(b'{"name":"a","count":-5,"rows":[["b",1]],"new":{"x":[1]}}') == Shape("a", -5, rows=[("b", 1)])
    assert BOUNDED.read('{"count":1,"count":2}').count == 2
    assert LOOSE.read(msgspec.Raw(b'{"count":7}')).count == 7
    assert LOOSE.read(b'{"anything":"[[[[\\"9999999999999999999999"}').anything == '[[[["9999999999999999999999'
    assert LOOSE.read(b'{"anything":' + b"[" * 60 + b"]" * 60 + b"}").anything


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_any_bytes_and_any_text(data: bytes | str) -> None:
    for door in (BOUNDED, LOOSE):
        try:
            value = door.read(data)
        except Refused:
            continue
        assert msgspec.json.encode(value)


def test_text_that_is_kept_as_it_was_written_has_a_limit_too() -> None:
    assert raw_text(msgspec.Raw(b"12.5")) == "12.5"
    for raw in (b"1" * 65, "é".encode(), b"\xff"):
        with pytest.raises(Refused):
            raw_text(raw)
    assert one_line("a\r\nb\x1b[31m" + "c" * 300) == ("a  b [31m" + "c" * 300)[:200]


# --- every door of the house -------------------------------------------------------------------------------------


@functools.cache
def doors() -> dict[str, Door[Any]]:
    """Every door that stands at the top of a module, by where it stands; a bound `read` counts as its door."""
    found: dict[str, Door[Any]] = {}
    for package in PACKAGES:
        for info in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if info.name.endswith("__main__"):
                continue
            for name, value in vars(importlib.import_module(info.name)).items():
                door = getattr(value, "__self__", value)
                if isinstance(door, Door):
                    found[f"{info.name}.{name}"] = door
    return found


def unbounded(shape: inspect.Type, path: str = "$", seen: frozenset[type] = frozenset()) -> Iterator[str]:
    """Where a shape takes a number without a bound, or anything at all."""
    match shape:
        case inspect.IntType(ge=low, le=high):
            if low is None or high is None:
                yield path
        case inspect.AnyType():
            yield path
        case inspect.StructType(cls=kind, fields=fields):
            for field in fields if kind not in seen else ():
                yield from unbounded(field.type, f"{path}.{field.name}", seen | {kind})
        case inspect.UnionType(types=types) | inspect.TupleType(item_types=types):
            for each in types:
                yield from unbounded(each, path, seen)
        case inspect.DictType(key_type=key, value_type=value):
            yield from unbounded(key, path, seen)
            yield from unbounded(value, path, seen)
        case inspect.CollectionType(item_type=item):
            yield from unbounded(item, f"{path}[]", seen)


def test_a_door_that_says_bounded_is() -> None:
    found = doors()
    assert len(found) > 20
    assert {name: list(unbounded(inspect.type_info(door.kind))) for name, door in found.items() if door.bounded} == {
        name: [] for name, door in found.items() if door.bounded
    }


def test_a_shape_without_bounds_is_seen() -> None:
    assert list(unbounded(inspect.type_info(Loose))) == ["$.count", "$.anything"]
    assert list(unbounded(inspect.type_info(list[Loose]))) == ["$[].count", "$[].anything"]
    assert list(unbounded(inspect.type_info(Shape))) == []
