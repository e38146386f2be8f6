"""Token buckets of a member: read and write apart, one pair per shard.

A bucket refills continuously and never holds more than its capacity; a request that costs more than is there is refused
whole and costs nothing (batches too: all or nothing). Shard billing: an explicit shard of 1 or more bills that shard's
bucket, 0 and batches bill the unscoped one (shard 0 here), auto-routing bills every shard's.
"""

from __future__ import annotations

from dataclasses import dataclass

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Tier:
    """Tokens a second and bucket capacities of one usage tier."""

    read: int
    write: int
    read_capacity: int
    write_capacity: int


TIERS = {
    "basic": Tier(200, 100, 600, 100),
    "advanced": Tier(300, 300, 900, 900),
    "expert": Tier(600, 600, 600, 1800),
    "premier": Tier(1200, 1200, 1200, 3600),
    "paragon": Tier(2400, 2400, 2400, 7200),
    "prime": Tier(4800, 4800, 4800, 14_400),
    "prestige": Tier(12_000, 9600, 12_000, 28_800),
    # Not a tier of the exchange: for benches that measure something else.
    "unmetered": Tier(10**9, 10**9, 10**9, 10**9),
}


class Bucket:
    """Integer arithmetic in token-nanoseconds, so that nothing drifts."""

    __slots__ = ("at_ns", "capacity", "level", "rate")

    def __init__(self, rate: int, capacity: int, now_ns: int) -> None:
        self.rate = rate
        self.capacity = capacity * NS
        self.level = self.capacity
        self.at_ns = now_ns

    def _refill(self, now_ns: int) -> None:
        if now_ns > self.at_ns:
            self.level = min(self.capacity, self.level + (now_ns - self.at_ns) * self.rate)
            self.at_ns = now_ns

    def holds(self, cost: int, now_ns: int) -> bool:
        """Whether `cost` tokens are there."""
        self._refill(now_ns)
        return self.level >= cost * NS

    def take(self, cost: int) -> None:
        """Take tokens that `holds` has found."""
        self.level -= cost * NS
        assert self.level >= 0, "take only what holds() found"


class Meter:
    """The buckets of one member."""

    def __init__(self, tier: str, shards: tuple[int, ...], now_ns: int) -> None:
        self.tier = tier
        limits = TIERS[tier]
        self.limits = limits
        self.read = Bucket(limits.read, limits.read_capacity, now_ns)
        self.write = {shard: Bucket(limits.write, limits.write_capacity, now_ns) for shard in shards}

    def pay_read(self, cost: int, now_ns: int) -> bool:
        """Take read tokens; False leaves the bucket as it was."""
        if not self.read.holds(cost, now_ns):
            return False
        self.read.take(cost)
        return True

    def pay_write(self, cost: int, now_ns: int, shard: int | None) -> bool:
        """Take write tokens from one shard's bucket, or (None) from every shard's; all or nothing."""
        chosen = list(self.write.values()) if shard is None else [self.write.get(shard, self.write[0])]
        if not all(bucket.holds(cost, now_ns) for bucket in chosen):
            return False
        for bucket in chosen:
            bucket.take(cost)
        return True
