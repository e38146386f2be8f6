"""Every breach has an owner, an action, and a section of the runbook that exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.reasons import Breach
from ops.incidents.duties import duty_of

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("breach", Breach)
def test_every_breach_has_its_owner_action_and_a_section_that_is_there(breach: Breach) -> None:
    duty = duty_of(breach)
    assert duty.owner
    assert duty.action
    page, _, section = duty.runbook.partition("#")
    headings = {line[3:] for line in (ROOT / page).read_text().splitlines() if line.startswith("## ")}
    assert not section or section in headings
