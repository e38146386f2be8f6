"""Every breach has an owner, an action, and a section of the runbook that exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.reasons import Breach
from ops.incidents.responses import response_of

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("breach", Breach)
def test_every_breach_has_its_owner_action_and_a_section_that_is_there(breach: Breach) -> None:
    response = response_of(breach)
    assert response.owner
    assert response.action
    page, _, section = response.runbook.partition("#")
    headings = {line[3:] for line in (ROOT / page).read_text().splitlines() if line.startswith("## ")}
    assert not section or section in headings
