"""A checker that has not caught a planted defect is not yet a checker.

A few of the catalogue run here, one for each part of the house; all of them: `make planted`.
"""

from __future__ import annotations

import pytest

from sim.planted.catalogue import CATALOGUE
from sim.planted.run import Defect, Plan, caught_by, clean, planted

QUICK = (
    "freshness passes",
    "young absence buries",
    "fill counts twice",
    "no wait for the disk",
    "orders forgotten",
    "late edges",
    "no failover",
    "place beside unwanted",
    "early close not heard",
    "resume not followed",
    "no limit value_at_risk",
)
BY_NAME = {defect.name: defect for defect in CATALOGUE}


def test_there_are_twenty_defects_and_more_each_with_its_checks() -> None:
    assert len(BY_NAME) == len(CATALOGUE) >= 20
    assert all(defect.checks for defect in CATALOGUE)


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_it_is_caught(name: str) -> None:
    defect = BY_NAME[name]
    found = caught_by(defect)
    assert {catch.name for catch in found} & set(defect.checks), f"{defect.what}: survived ({found})"


@pytest.mark.slow
@pytest.mark.parametrize(
    "plan",
    {BY_NAME[name].plan: None for name in QUICK},
    ids=lambda plan: "-".join(s.kind for s in plan.strikes) or "quiet",
)
def test_the_plan_alone_breaks_nothing(plan: Plan) -> None:
    assert clean(plan) == ()


@pytest.mark.parametrize("defect", CATALOGUE, ids=lambda defect: defect.name)
def test_a_defect_is_gone_afterwards(defect: Defect) -> None:
    patches = defect.plant()
    before = [dict(owner)[name] if isinstance(owner, dict) else getattr(owner, name) for owner, name, _ in patches]
    with planted(patches):
        pass
    after = [dict(owner)[name] if isinstance(owner, dict) else getattr(owner, name) for owner, name, _ in patches]
    assert all(a is b or a == b for a, b in zip(after, before, strict=True))
