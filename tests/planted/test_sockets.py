"""Defects below the ports: only a world that speaks real bytes can see them."""

from __future__ import annotations

import pytest

from sim.planted.run import Defect, caught_by, clean, planted
from sim.planted.sockets import WIRE_CATALOGUE

BY_NAME = {defect.name: defect for defect in WIRE_CATALOGUE}
QUICK = ("sent again", "deaf to SIGTERM")


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_it_is_caught_and_its_plan_alone_breaks_nothing(name: str) -> None:
    defect = BY_NAME[name]
    assert clean(defect.plan) == ()
    found = {catch.name for catch in caught_by(defect)}
    assert found & set(defect.checks), f"{defect.what}: survived ({found})"


@pytest.mark.parametrize("defect", WIRE_CATALOGUE, ids=lambda defect: defect.name)
def test_a_defect_is_gone_afterwards(defect: Defect) -> None:
    patches = defect.plant()
    before = [getattr(owner, name) for owner, name, _ in patches]
    with planted(patches):
        assert all(getattr(owner, name) is value for owner, name, value in patches)
    assert all(getattr(owner, name) == one for (owner, name, _), one in zip(patches, before, strict=True))
