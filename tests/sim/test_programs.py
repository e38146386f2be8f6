"""The simulators' common door: which of them to start."""

from __future__ import annotations

import pytest

from sim.__main__ import main


@pytest.mark.parametrize(("words", "code"), [(["--help"], 0), (["-h"], 0), ([], 2), (["nonsense"], 2)])
def test_help_is_an_answer_and_a_name_that_is_none_is_refused(
    words: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == code
    told = capsys.readouterr()
    assert "exchange, feed" in (told.err if code else told.out)
    assert (told.out if code else told.err) == ""
