"""A script is a generator: it yields what is to be done, is sent what came of it, and returns its result. Pure."""

from __future__ import annotations

from collections.abc import Generator
from typing import Generic, TypeVar

import msgspec

Y = TypeVar("Y")
S = TypeVar("S")
R = TypeVar("R")


class ScriptEnd(msgspec.Struct, Generic[R], frozen=True):
    """A script is over; `value` is what it returned."""

    value: R


def go_on(script: Generator[Y, S, R], answer: S | None = None) -> Y | ScriptEnd[R]:
    """Run a script up to what it yields next, or to its end. None begins it. Raises what the script raises."""
    try:
        return next(script) if answer is None else script.send(answer)
    except StopIteration as end:
        return ScriptEnd(end.value)
