"""The page of the rates is what the breakers do, and its figures are those that are promised."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from guards.model.breakers import Breakers, BreakerSettings
from sim.breakers.page import FEW_SEEDS, FEW_SESSIONS, page
from sim.breakers.rates import TOO_LOW, caught, rates, table

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "breakers.md").read_text("utf-8")
MANY = re.search(r"Seeds 0 to (\d+), a right model over 250 .*?\n\n(?=The same)", PAGE, re.DOTALL)


@pytest.mark.step("K20")
def test_the_page_is_what_a_few_seeds_count_again() -> None:
    assert MANY is not None
    assert page(MANY[0].removesuffix("\n")) == PAGE, "run `make breakers`"


@pytest.mark.step("K20")
def test_the_rates_over_many_seeds_are_those_that_are_promised() -> None:
    assert MANY is not None
    seeds = int(MANY[1]) + 1
    assert seeds >= 40
    false = re.search(r"a right model trips \| ([\d.]+) times in 250", MANY[0])
    assert false is not None
    assert float(false[1]) < 1.0
    low, warned = (int(n) for n in re.findall(r"(?:trips within 60|warns within 240) events \| (\d+) of", MANY[0]))
    assert low >= 0.9 * seeds
    assert warned >= 0.9 * seeds


@pytest.mark.step("K20")
def test_a_volatility_too_low_is_caught_within_sixty_events_over_a_hundred_seeds() -> None:
    seeds = 100
    found = sum(bool(caught(seed, TOO_LOW, 60).tripped) for seed in range(seeds))
    assert found >= 0.9 * seeds


def test_the_same_seeds_count_the_same() -> None:
    assert table(rates(1, 5)) == table(rates(1, 5))
    assert rates(FEW_SEEDS, FEW_SESSIONS).seeds == FEW_SEEDS


def test_what_is_counted_is_the_shipped_breakers() -> None:
    assert caught(0, 1.0, 2).settings == Breakers().settings == BreakerSettings()
