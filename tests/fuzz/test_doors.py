"""Every door answers a mutated input with a value or a typed refusal, and the engine takes what the doors let in.

A second or two for each door; `make fuzz` runs as many inputs as it is told to, and the same on a running daemon.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
import structlog.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.massive_wire import Item
from journal import record
from tests.fuzz import hostile, papers
from tests.fuzz.mutations import NASTY, mutated, samples

SEEDS = st.integers(0, 2**32)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Every refusal is logged; thousands of them tell nothing new."""
    with structlog.testing.capture_logs():
        yield


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.mark.parametrize("name", hostile.DOORS)
@given(seed=SEEDS)
@settings(max_examples=3)
def test_what_comes_over_a_socket(name: str, seed: int) -> None:
    hostile.run(name, Random(seed), 150)


@pytest.mark.parametrize("name", papers.PAPERS)
@given(seed=SEEDS)
@settings(max_examples=60)
def test_files_variables_options_and_requests(home: Path, name: str, seed: int) -> None:
    folder = home / name
    folder.mkdir(exist_ok=True)
    papers.run(name, folder, Random(seed), 1)


@pytest.mark.parametrize("name", papers.PAPERS)
@given(data=st.one_of(st.binary(max_size=300), st.text(max_size=100).map(lambda text: json.dumps([text]).encode())))
@settings(max_examples=20)
def test_any_bytes_at_all(home: Path, name: str, data: bytes) -> None:
    folder = home / f"any-{name}"
    folder.mkdir(exist_ok=True)
    papers.PAPERS[name][0](folder, data)


def test_a_hole_in_the_index_door_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Item, "text", lambda item: str(item.val, "ascii"))
    with pytest.raises(UnicodeDecodeError):
        hostile.run("index", Random(1), 5_000)


def test_a_hole_in_the_snapshots_door_is_found(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setattr("journal.snapshot.canonical_json", lambda text: text.decode().encode())
    assert record.canonical_json(b"[1]") == b"[1]"
    with pytest.raises(UnicodeDecodeError):
        papers.run("snapshot", home, Random(1), 5_000)


def test_mutations_are_drawn_from_the_seed_alone_and_reach_every_nasty_value() -> None:
    one = [mutated(Random(seed), samples("answers")[0]) for seed in range(500)]
    assert one == [mutated(Random(seed), samples("answers")[0]) for seed in range(500)]
    text = b"\n".join(one)
    assert len(set(one)) > 400
    assert all(json.dumps(value).encode() in text for value in NASTY if isinstance(value, int))
