"""Token buckets: continuous refill, all or nothing, shards apart."""

from __future__ import annotations

import pytest

from sim.exchange.gateway.buckets import TIERS, Bucket, Meter

S = 1_000_000_000


def test_a_bucket_refills_continuously_up_to_its_capacity() -> None:
    bucket = Bucket(100, 300, 0)
    assert bucket.holds(300, 0)
    bucket.take(300)
    assert not bucket.holds(1, 0)
    assert not bucket.holds(10, S // 10 - 1)
    assert bucket.holds(10, S // 10)
    assert not bucket.holds(301, 1000 * S)


def test_a_batch_that_is_short_of_tokens_costs_nothing() -> None:
    meter = Meter("basic", (0, 2), 0)
    assert not meter.pay_write(101, 0, 0)
    assert meter.pay_write(100, 0, 0)


def test_auto_routing_bills_every_shard_and_an_explicit_one_only_its_own() -> None:
    meter = Meter("basic", (0, 2), 0)
    assert meter.pay_write(60, 0, 2)
    assert not meter.pay_write(50, 0, None)
    assert meter.pay_write(100, 0, 0)


@pytest.mark.parametrize(("tier", "creates"), [("basic", 10), ("advanced", 90)])
def test_how_many_creates_fit_at_once(tier: str, creates: int) -> None:
    assert TIERS[tier].write_capacity // 10 == creates
