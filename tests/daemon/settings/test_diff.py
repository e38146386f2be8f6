"""Every key that differs is named, whatever its kind; a secret is no difference."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.settings.diff import differences
from daemon.settings.tree import Settings, shown


def told(theirs: dict[str, Any] | None = None, **tree: Any) -> list[tuple[str, str, str]]:  # noqa: ANN401 - any setting
    found = differences(shown(Settings(**tree)), shown(Settings()) if theirs is None else theirs)
    return [(one.key, one.ours, one.theirs) for one in found]


@pytest.mark.parametrize(
    ("tree", "difference"),
    [
        ({"risk": {"per_day_dollars": 50}}, ("risk.per_day_dollars", "50", "1000")),
        ({"windows": {"series": ["INXU"]}}, ("windows.series", '["INXU"]', '["INXU","NASDAQ100U"]')),
        ({"state_dir": "x"}, ("state_dir", '"x"', '"state"')),
        ({"controls": {"drill_cancel_all": False}}, ("controls.drill_cancel_all", "false", "none")),
    ],
    ids=str,
)
def test_one_changed_key_is_one_difference(tree: dict[str, Any], difference: tuple[str, str, str]) -> None:
    assert told(**tree) == [difference]


def test_nothing_changed_and_a_secret_set_are_no_difference() -> None:
    assert not told()
    assert not told(exchange={"api_key_id": "k", "private_key": "PEM", "private_key_file": "/k.pem"})


def test_a_section_that_is_left_out_differs_by_its_keys() -> None:
    keys = [key for key, _, _ in told(feeds={"secondary": None})]
    assert "feeds.secondary.url" in keys


def test_a_key_that_only_one_side_has_differs() -> None:
    kept = shown(Settings())
    del kept["risk"]["markets_max"]
    kept["risk"]["gone"] = 3
    assert told(kept) == [("risk.gone", "none", "3"), ("risk.markets_max", "10", "none")]
