"""The list of controls: each named once, with what proves it and how to have it proven."""

from __future__ import annotations

from pathlib import Path

from daemon.preflight import rehearsal
from guards.evidence.controls import CONTROLS, HANDS, NAMED, REHEARSED

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "controls.md").read_text(encoding="utf-8")


def test_each_control_stands_once_and_says_what_it_does_and_how_it_is_drilled() -> None:
    assert len(NAMED) == len(CONTROLS) >= 12
    assert all(control.does and control.drill for control in CONTROLS)
    assert set(REHEARSED).isdisjoint(HANDS)


def test_what_is_to_be_rehearsed_is() -> None:
    assert tuple(rehearsal.CONTROLS) == REHEARSED


def test_the_page_of_controls_has_a_row_for_each() -> None:
    for control in CONTROLS:
        assert f"| `{control.name}` | {control.does} | {control.by} | " in PAGE, control.name
