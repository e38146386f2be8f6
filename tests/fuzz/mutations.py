"""Bytes as somebody hostile or broken sends them: recorded samples with their bytes or their JSON values changed.

Everything is drawn from the generator that is handed in, so that a seed names an input.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any, Final

SAMPLES: Final = Path(__file__).resolve().parent / "samples"
DEEP: Final = "\x01DEEP\x01"
LONG: Final = "\x01LONG\x01"
TWICE: Final = "\x01TWICE\x01"
# What stands in for a value: each was once the end of some process.
NASTY: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 10**15 + 1, 2**63, -(2**63), 10**30, 0.1, 1e308, float("nan"), float("inf"),
    "", " ", "é", "\ud800", "\x00", "null", "-1", "0", "0.00", "-0.01", "0.0001", "1.0001", "999999999999.99", "1e9",
    "9" * 70, "9" * 5_000, "x" * 300, "9999-12-31T23:59:59Z", "0000-00-00T00:00:00Z", "1970-01-01T00:00:00Z",
    "yes", "no", "bid", "ask", "resting", "executed", "canceled", "I:SPX", "I:NDX", [], {}, [[]], [{}], {"": None},
    DEEP, LONG, TWICE,
)  # fmt: skip
SPLICES: Final = (
    b"\x00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\\ud800", b"\\u0000", b"[" * 2_000, b'{"a":' * 2_000,
    b"9" * 400, b"1e999", b"NaN", b"-", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\r\n", b"\n", b"\r\n\r\n",
)  # fmt: skip


def samples(name: str) -> list[bytes]:
    """The recorded samples of one kind, one a line."""
    return (SAMPLES / f"{name}.jsonl").read_bytes().splitlines()


def mutated(rng: Random, sample: bytes) -> bytes:
    """A sample, changed in one of two ways, or in both; now and then it is left alone."""
    way = rng.random()
    if way < 0.05:
        return sample
    data = _values(rng, sample) if way < 0.75 else sample
    return data if 0.25 < way < 0.75 else _bytes(rng, data)


def _bytes(rng: Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(changed) + 1)
        way = rng.randrange(6)
        if way == 0 and at < len(changed):
            changed[at] ^= 1 << rng.randrange(8)
        elif way == 1:
            changed[at:at] = rng.randbytes(rng.randint(1, 8))
        elif way == 2:
            del changed[at : at + rng.randint(1, 20)]
        elif way == 3:
            changed[at:at] = changed[at : at + rng.randint(1, 60)]
        elif way == 4:
            changed[at:at] = rng.choice(SPLICES)
        else:
            del changed[at:]
    return bytes(changed)


def _values(rng: Random, sample: bytes) -> bytes:
    try:
        tree = json.loads(sample)
    except ValueError:
        return sample
    places = list(_places(tree))
    for _ in range(rng.randint(1, 3)):
        if not places:
            break
        holder, key = rng.choice(places)
        way = rng.random()
        if way < 0.12 and isinstance(holder, dict):
            holder.pop(key, None)
        elif way < 0.2 and isinstance(holder, list):
            holder.extend(holder[:3] * rng.randint(1, 5))
        else:
            holder[key] = rng.choice(NASTY)
    text = json.dumps(tree, separators=(",", ":"), ensure_ascii=rng.random() < 0.5)
    text = text.replace(json.dumps(DEEP), "[" * 2_000 + "]" * 2_000).replace(json.dumps(LONG), "9" * 4_000)
    return text.replace(json.dumps(TWICE), '1,"type":"fill","sid":1,"count":2').encode("utf-8", "surrogatepass")


def _places(tree: object) -> Any:  # noqa: ANN401 - a generator of whatever a tree holds
    """Every (container, key) of a tree."""
    if isinstance(tree, dict | list):
        for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
            yield tree, key
            yield from _places(value)
