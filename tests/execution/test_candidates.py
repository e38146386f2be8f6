from __future__ import annotations

import pytest

from domain.market import Side
from domain.money import Count, Price
from domain.reasons import RungReason
from execution.candidates import Capacity, candidate, capacity, why_unwanted
from execution.quoter import Candidate, Others
from tests.execution.made import market

ROOM = capacity(Count(100), 5, 20)
FULL = Count(401)
EDGE = 500


def rung(fair: int = 5_000, held: int = 0, window_net: int = 0, room: Capacity = ROOM) -> Candidate:
    return candidate(market(), Price(fair), EDGE, Others(None, None), Count(held), window_net, room)


def sizes(found: Candidate) -> tuple[int, int]:
    return found.bid_count, found.ask_count


def test_limits_lie_the_edge_on_either_side_and_sizes_are_one_order() -> None:
    found = rung()
    assert (found.bid_limit, found.ask_limit) == (4_500, 5_500)
    assert sizes(found) == (100, 100)


@pytest.mark.parametrize(
    ("held", "window_net", "expected"),
    [
        (400, 0, (100, 100)),
        (401, 0, (0, 100)),
        (-400, 0, (100, 100)),
        (-401, 0, (100, 0)),
        (0, 1_900, (100, 100)),
        (0, 1_901, (0, 100)),
        (0, -1_901, (100, 0)),
    ],
)
def test_one_order_more_must_fit_into_its_market_and_its_window(
    held: int, window_net: int, expected: tuple[int, int]
) -> None:
    assert sizes(rung(held=held, window_net=window_net)) == expected


@pytest.mark.parametrize(
    ("fair", "expected"), [(500, (0, 100)), (501, (100, 100)), (9_499, (100, 100)), (9_500, (100, 0))]
)
def test_a_limit_outside_the_prices_closes_its_side(fair: int, expected: tuple[int, int]) -> None:
    assert sizes(rung(fair)) == expected


def test_why_a_side_is_not_wanted() -> None:
    assert why_unwanted(rung(), Side.BID, ROOM, FULL, cooling=True) is RungReason.COOLING
    assert why_unwanted(rung(), Side.BID, ROOM, FULL, cooling=False) is RungReason.EDGE_TOO_SMALL
    assert why_unwanted(rung(500), Side.BID, ROOM, FULL, cooling=False) is RungReason.EDGE_TOO_SMALL
    assert why_unwanted(rung(9_500), Side.ASK, ROOM, FULL, cooling=False) is RungReason.EDGE_TOO_SMALL
    assert why_unwanted(rung(held=401), Side.BID, ROOM, FULL, cooling=False) is RungReason.MARKET_LIMIT
    assert why_unwanted(rung(window_net=1_901), Side.BID, ROOM, Count(0), cooling=False) is RungReason.WINDOW_LIMIT
    none = capacity(Count(0), 5, 20)
    assert why_unwanted(rung(), Side.BID, none, Count(0), cooling=False) is RungReason.FRACTION
    assert ROOM.full(Count(-401))
    assert not ROOM.full(Count(-400))
