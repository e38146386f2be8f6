from __future__ import annotations

from collections.abc import Generator

import pytest

from execution.script import ScriptEnd, go_on


def asking(times: int) -> Generator[str, int, int]:
    total = 0
    for number in range(times):
        total += yield f"ask {number}"
    return total


def test_a_script_yields_takes_answers_and_ends_with_its_result() -> None:
    script = asking(2)
    assert go_on(script) == "ask 0"
    assert go_on(script, 3) == "ask 1"
    assert go_on(script, 4) == ScriptEnd(7)
    assert go_on(asking(0)) == ScriptEnd(0)


def test_an_answer_of_nought_is_an_answer() -> None:
    script = asking(1)
    go_on(script)
    assert go_on(script, 0) == ScriptEnd(0)


def test_what_a_script_raises_goes_through() -> None:
    def refusing() -> Generator[str, int, int]:
        yield "ask"
        message = "no"
        raise ValueError(message)

    script = refusing()
    go_on(script)
    with pytest.raises(ValueError, match="no"):
        go_on(script, 1)
