from __future__ import annotations

from pathlib import Path

import pytest

from journal.schema import page

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.step("O05")
def test_the_page_of_events_is_what_the_structs_say() -> None:
    assert (ROOT / "docs" / "events.md").read_text("utf-8") == page(), "stale: run `make events`"


def test_a_key_that_may_be_missing_is_marked_as_such() -> None:
    rows = page().split("## risk_decision\n")[1].split("##")[0]
    assert "| `reason` | str |  |" in rows
    assert "| `series` | Named | may be missing |" in rows
