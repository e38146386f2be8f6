from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TypeVar

import pytest

from daemon.cli.orders_io import Listing, OrdersCompared, OwnBook, compare, daemon_address
from daemon.settings.sections import Http
from daemon.settings.tree import Settings
from tests.execution.made import said

T = TypeVar("T")


def in_turn(*answers: T) -> Callable[[], Awaitable[T]]:
    left = iter(answers)

    async def next_one() -> T:
        return next(left)

    return next_one


def listing(*names: str) -> Listing:
    return tuple(said(name) for name in names)


def book(*names: str, state: str = "open") -> OwnBook:
    return {f"o-{name}": state for name in names}


def compared(lists: Iterable[Listing], books: Iterable[OwnBook | None]) -> OrdersCompared:
    return asyncio.run(compare(in_turn(*lists), in_turn(*books), pause_s=0))


def test_one_look_is_enough_when_both_agree() -> None:
    found = compared([listing("a", "b")], [book("a", "b")])
    assert not found.strays | found.missing


def test_what_a_second_look_does_not_confirm_is_the_lag_of_the_list() -> None:
    found = compared([listing("old"), listing("young")], [book("young"), book("young")])
    assert not found.strays | found.missing


def test_while_quotes_come_and_go_between_the_looks_nothing_differs_twice() -> None:
    found = compared([listing("a"), listing("b")], [book("b"), book("c")])
    assert not found.strays | found.missing


@pytest.mark.step("H07")
def test_an_order_that_only_one_of_them_has_both_times_is_a_difference() -> None:
    found = compared([listing("x", "a"), listing("x", "a")], [book("a", "y"), book("a", "y")])
    assert (sorted(found.strays), sorted(found.missing)) == (["o-x"], ["o-y"])


def test_what_is_being_placed_or_cancelled_need_not_be_listed() -> None:
    found = compared([listing("a")], [book("a") | book("b", state="cancelling") | {"": "placing"}])
    assert not found.missing


@pytest.mark.step("H07")
def test_without_a_daemon_there_is_nothing_to_compare_with() -> None:
    assert compared([listing("a")], [None]).own is None


def test_the_daemon_asked_is_the_one_of_this_configuration(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, http=Http(port=8123))
    assert daemon_address(settings) == "http://127.0.0.1:8123"
    (tmp_path / "monitors").mkdir()
    (tmp_path / "monitors" / "http.json").write_text('{"pid": 7, "port": 40123}')
    assert daemon_address(settings) == "http://127.0.0.1:40123"
    (tmp_path / "monitors" / "http.json").write_text("{")
    assert daemon_address(settings) == "http://127.0.0.1:8123"
