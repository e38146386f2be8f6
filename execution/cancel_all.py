"""The account-wide cancel-all: whether one is under way, how far it is, and until when its tail kills new orders.

A request asks (or, with nothing that may be live, only looks). It is sent, and sent again until the exchange
acknowledges it. What a later listing still shows has outlived it, so it is asked for again. Two empty listings prove
it.
After one was sent the exchange may go on killing new orders for a minute, whoever sent it: that is the tail.
"""

from __future__ import annotations

import enum
from typing import Final


class Scope(enum.Enum):
    """What a flattening covers when it is not one series."""

    ACCOUNT = "all"


class Stage(enum.StrEnum):
    """How far it is."""

    NEVER = "never"
    LOOKING = "looking"
    ASKED = "asked"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    PROVEN = "proven"


class Happened(enum.Enum):
    """What moves it on."""

    ASK = "ask"
    LOOK = "look"
    SEND = "send"
    ACKNOWLEDGE = "acknowledge"
    OUTLIVED = "outlived"
    PROVE = "prove"


N, L, A, S, K, P = (
    Stage.NEVER, Stage.LOOKING, Stage.ASKED, Stage.SENT, Stage.ACKNOWLEDGED, Stage.PROVEN,
)  # fmt: skip
# Every stage and whatever can happen in it; None is impossible, and asserted.
TABLE: Final[dict[tuple[Stage, Happened], Stage | None]] = {
    (N, Happened.ASK): A,
    (N, Happened.LOOK): L,
    (N, Happened.SEND): None,
    (N, Happened.ACKNOWLEDGE): N,
    (N, Happened.OUTLIVED): N,
    (N, Happened.PROVE): None,
    # A look sends nothing, so no answer is its own; what a listing shows all the same is cancelled.
    (L, Happened.ASK): A,
    (L, Happened.LOOK): L,
    (L, Happened.SEND): None,
    (L, Happened.ACKNOWLEDGE): L,
    (L, Happened.OUTLIVED): A,
    (L, Happened.PROVE): P,
    # An answer may be that of an earlier request: the exchange has emptied the account, whoever asked.
    (A, Happened.ASK): A,
    (A, Happened.LOOK): A,
    (A, Happened.SEND): S,
    (A, Happened.ACKNOWLEDGE): K,
    (A, Happened.OUTLIVED): A,
    (A, Happened.PROVE): P,
    (S, Happened.ASK): S,
    (S, Happened.LOOK): S,
    (S, Happened.SEND): S,
    (S, Happened.ACKNOWLEDGE): K,
    (S, Happened.OUTLIVED): S,
    (S, Happened.PROVE): P,
    # A request that comes now joins: what was acknowledged will do, if the proof is asked for after it.
    (K, Happened.ASK): K,
    (K, Happened.LOOK): K,
    (K, Happened.SEND): None,
    (K, Happened.ACKNOWLEDGE): K,
    (K, Happened.OUTLIVED): A,
    (K, Happened.PROVE): P,
    (P, Happened.ASK): A,
    (P, Happened.LOOK): L,
    (P, Happened.SEND): None,
    (P, Happened.ACKNOWLEDGE): P,
    (P, Happened.OUTLIVED): P,
    (P, Happened.PROVE): None,
}
AT_REST: Final = frozenset({N, P})
WAITING: Final = frozenset({L, K})


class CancelAllProgress:
    """The one of this account. `reason`: why it is under way, or nothing; `completed`: requests that ended flat."""

    __slots__ = ("completed", "failures", "marked_ns", "reason", "stage", "tail_until_utc_ns")

    def __init__(self) -> None:
        self.stage = Stage.NEVER
        self.reason = ""
        self.failures = 0
        self.marked_ns = 0
        self.tail_until_utc_ns = 0
        self.completed = 0

    @property
    def under_way(self) -> bool:
        """Whether one is."""
        return self.stage not in AT_REST

    @property
    def to_send(self) -> bool:
        """Whether the exchange has still to be asked."""
        return self.stage not in AT_REST and self.stage not in WAITING

    def apply(self, happened: Happened) -> None:
        """Move on by the table."""
        follower = TABLE[self.stage, happened]
        assert follower is not None, f"cancel-all: {happened} while {self.stage}"
        if self.stage in AT_REST and follower not in AT_REST:
            self.failures = 0
        self.stage = follower
        if follower is Stage.PROVEN:
            self.reason = ""

    def extend_tail(self, until_utc_ns: int) -> None:
        """The exchange may kill new orders until then; a tail never grows shorter."""
        self.tail_until_utc_ns = max(self.tail_until_utc_ns, until_utc_ns)

    def in_tail(self, utc_ns: int) -> bool:
        """Whether the exchange may still kill new orders."""
        return utc_ns < self.tail_until_utc_ns
