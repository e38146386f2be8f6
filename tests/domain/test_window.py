from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clock import NS_PER_S
from domain.window import Phase, Window

S = NS_PER_S
T = 10_000 * S
W = Window("hourly-1000", "hourly", ("INXU",), T - 1200 * S, T - 900 * S, T - 60 * S, T - 2 * S, T)
LEAD = 1_500_000_000


@pytest.mark.parametrize(
    ("instant", "phase"),
    [
        (T - 1200 * S - 1, Phase.CLOSED), (T - 1200 * S, Phase.PREFLIGHT),
        (T - 900 * S - 1, Phase.PREFLIGHT), (T - 900 * S, Phase.QUOTING),
        (T - 60 * S - 1, Phase.QUOTING), (T - 60 * S, Phase.STRICT),
        (T - 2 * S - LEAD - 1, Phase.STRICT), (T - 2 * S - LEAD, Phase.FLATTENING),
        (T - 2 * S - 1, Phase.FLATTENING), (T - 2 * S, Phase.FROZEN),
        (T, Phase.FROZEN), (T + 1, Phase.CLOSED),
    ],
)  # fmt: skip
def test_every_edge_is_exact(instant: int, phase: Phase) -> None:
    assert W.phase(instant, LEAD) is phase


@given(st.integers(0, 1300 * S), st.integers(0, 15 * S))
def test_the_phase_changes_at_an_edge_and_nowhere_else(before: int, lead: int) -> None:
    instant = T + 10 * S - before
    changes = W.phase(instant, lead) is not W.phase(instant - 1, lead)
    assert not changes or instant in W.edges(lead)


def test_a_long_lead_begins_to_flatten_before_the_final_minute() -> None:
    assert W.phase(T - 70 * S, 100 * S) is Phase.FLATTENING


def test_edges_ascend() -> None:
    assert list(W.edges(LEAD)) == sorted(W.edges(LEAD))
    assert W.edges(LEAD)[-1] == T + 1
