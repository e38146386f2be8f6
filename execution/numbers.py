"""Running numbers: request ids, and client order ids that are never used twice."""

from __future__ import annotations

from domain.ids import ClientOrderId, RequestId, client_order_id


class Numbers:
    """Counters of one run; the boot epoch keeps client order ids apart from those of every other run."""

    __slots__ = ("epoch", "orders", "requests")

    def __init__(self) -> None:
        self.epoch = 0
        self.orders = 0
        self.requests = 0

    def request(self) -> RequestId:
        """A new request id."""
        self.requests += 1
        return RequestId(self.requests)

    def order(self) -> ClientOrderId:
        """A new client order id. The epoch must be known: the run has started."""
        assert self.epoch, "client order id asked for before the run started"
        self.orders += 1
        return client_order_id(self.epoch, self.orders)
