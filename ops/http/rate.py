"""A limit on how often one client may ask: at most `limit` grants in any stretch of `span_ns`, exactly.

The times of the last grants are kept per client, and of at most CLIENTS_MAX clients; the one not heard of for longest
is forgotten first. A refused request costs the client nothing.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from domain.clock import NS_PER_S

CLIENTS_MAX = 1024


class RateLimit:
    """Sliding window per client."""

    def __init__(self, limit: int = 60, span_ns: int = 60 * NS_PER_S) -> None:
        self._limit = limit
        self._span_ns = span_ns
        self._grants: OrderedDict[str, deque[int]] = OrderedDict()

    def ask(self, client: str, mono_ns: int) -> int:
        """0 when granted; otherwise the whole seconds, at least 1, after which asking again will be granted."""
        grants = self._grants.setdefault(client, deque())
        self._grants.move_to_end(client)
        if len(self._grants) > CLIENTS_MAX:
            self._grants.popitem(last=False)
        while grants and mono_ns - grants[0] >= self._span_ns:
            grants.popleft()
        if len(grants) < self._limit:
            grants.append(mono_ns)
            return 0
        return max(1, -(-(grants[0] + self._span_ns - mono_ns) // NS_PER_S))
