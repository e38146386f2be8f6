"""Votes: only PASS and NOT_CONFIGURED are open."""

from __future__ import annotations

import pytest

from domain.reasons import GateStatus, Reason
from guards.vote import Vote, fail, unknown


@pytest.mark.parametrize("status", list(GateStatus))
def test_which_votes_are_open(status: GateStatus) -> None:
    assert Vote(status).open is (status in {GateStatus.PASS, GateStatus.NOT_CONFIGURED})


def test_a_closed_vote_names_its_reason() -> None:
    assert fail(Reason.WS_STALE, "late", age_ns=2, limit_ns=1) == Vote(GateStatus.FAIL, Reason.WS_STALE, "late", 2, 1)
    assert unknown(Reason.WS_STALE, "never").status is GateStatus.UNKNOWN
