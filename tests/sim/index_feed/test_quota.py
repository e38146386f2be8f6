"""Over the limit somebody goes; who, depends on the rule."""

from __future__ import annotations

import random

import pytest

from sim.index_feed.quota import Evict, Quota


@pytest.mark.parametrize(("rule", "victims"), [(Evict.OLDEST, [(), (1,), (2,)]), (Evict.NEWEST, [(), (2,), (3,)])])
def test_one_connection_per_account(rule: Evict, victims: list[tuple[int, ...]]) -> None:
    quota = Quota(1, rule, random.Random(1))
    assert [quota.admit(ident) for ident in (1, 2, 3)] == victims
    assert len(quota.held) == 1


def test_a_place_is_free_again_when_its_holder_goes() -> None:
    quota = Quota(2, Evict.OLDEST, random.Random(1))
    quota.admit(1)
    quota.admit(2)
    quota.release(1)
    quota.release(1)
    assert quota.admit(3) == ()
    assert quota.held == (2, 3)


def test_random_eviction_is_repeatable_by_seed_and_takes_either() -> None:
    def victims(seed: int) -> list[tuple[int, ...]]:
        quota = Quota(1, Evict.RANDOM, random.Random(seed))
        return [quota.admit(ident) for ident in range(30)]

    assert victims(4) == victims(4)
    newest = [gone == (ident,) for ident, gone in enumerate(victims(4)) if gone]
    assert {True, False} == set(newest)
