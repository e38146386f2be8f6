from __future__ import annotations

import pytest

from execution.numbers import Numbers


def test_no_number_comes_twice() -> None:
    numbers = Numbers()
    numbers.epoch = 1_800_000_000
    assert [numbers.request() for _ in range(3)] == [1, 2, 3]
    assert [numbers.order() for _ in range(2)] == ["ladderd-1800000000-1", "ladderd-1800000000-2"]


def test_before_the_run_has_started_there_are_no_names() -> None:
    with pytest.raises(AssertionError):
        Numbers().order()
