"""What a vendor's REST snapshot shows of one index."""

from __future__ import annotations

import msgspec


class Shown(msgspec.Struct, frozen=True):
    """One index in a vendor's REST snapshot: `error` as the vendor says it, else its plan and the value's age."""

    host: str
    symbol: str
    error: str = ""
    timeframe: str = ""
    market_status: str = ""
    age_ms: float | None = None
