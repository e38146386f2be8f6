"""Every line of `.env.local` is a setting, a comment, or refused: none is passed over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.settings.env_file import Assignment, parse_env
from domain.errors import ConfigurationError


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("LADDERD_A=1", "1"),
        ("  export LADDERD_A = 1  ", "1"),
        ("LADDERD_A=", ""),
        ("LADDERD_A=one two # three", "one two"),
        ("LADDERD_A=one#two", "one#two"),
        ("LADDERD_A= # nothing", ""),
        ("LADDERD_A='it''", None),
        ("LADDERD_A='$X \\n #'", "$X \\n #"),
        ('LADDERD_A="a\\n\\"b\\" \\$c \\\\"  # d', 'a\n"b" $c \\'),
        ("LADDERD_A='one\ntwo'", "one\ntwo"),
        ("ladderd_a=1", "1"),
        ('LADDERD_A={"x": "y"}', '{"x": "y"}'),
    ],
)
def test_a_value_is_what_stands_there(line: str, value: str | None) -> None:
    if value is None:
        with pytest.raises(ConfigurationError, match=r"f:1: LADDERD_A"):
            parse_env(line, "f")
        return
    assert {name: one.value for name, one in parse_env(line, "f").items()} == {"LADDERD_A": value}


def test_lines_are_counted_over_values_of_several_lines() -> None:
    found = parse_env("# 1\r\nLADDERD_A='2\r\n3'\r\n\r\nLADDERD_B=5\r\n", "f")
    assert {name: one.line for name, one in found.items()} == {"LADDERD_A": 2, "LADDERD_B": 5}
    with pytest.raises(ConfigurationError, match="f:4"):
        parse_env("# 1\nLADDERD_A='2\n3'\nnonsense\n", "f")


LINES = st.text(alphabet="LADERD_AB=:'\"\\ #\n\t0az-", max_size=40)


@given(before=LINES, after=LINES)
def test_no_line_is_dropped(before: str, after: str) -> None:
    text = f"{before}\nLADDERD_SENTINEL=1\n{after}"
    found: dict[str, Assignment] = {}
    said = ""
    try:
        found = parse_env(text, "f")
    except ConfigurationError as problem:
        said = str(problem)
    if said:
        assert said.startswith("f:")
        assert "\n" not in said
        return
    bare = [line for line in text.split("\n") if line.strip() and not line.strip().startswith("#")]
    told = sum(one.value.count("\n") for one in found.values()) + len(found)
    assert len(bare) <= told, "a line stands in no value"
    assert "LADDERD_SENTINEL" in found or any("SENTINEL" in one.value for one in found.values())


@given(value=st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\0'"), max_size=40))
def test_a_quoted_value_comes_back_as_it_was(value: str) -> None:
    assert parse_env(f"LADDERD_A='{value}'\n", "f")["LADDERD_A"].value == value
