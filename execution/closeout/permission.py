"""`CloseOut`: leave to take liquidity, as a value. This file alone makes one, and nothing that quotes imports it.

It is given to one run of `ladderd close-all` that was confirmed, by somebody who says who he is and why, once that
stands in a file which outlives the process. An order that takes cannot be made without it, and not after the instant
that it names.
"""

from __future__ import annotations

from typing import Final

import msgspec

from domain.clock import NS_PER_S, Now

# How long one run may send: as long as the exchange may void what it sends (docs/exchange.md 7).
SENDING_NS: Final = 65 * NS_PER_S


class CloseOut(msgspec.Struct, frozen=True):
    """Leave for the run `ident` to send orders that take and only reduce, until `not_after_mono_ns`."""

    ident: str
    by: str
    cause: str
    not_after_mono_ns: int


class NotPermitted(msgspec.Struct, frozen=True):
    """No leave, and why."""

    why: str


def permit(ident: str, by: str, cause: str, now: Now, *, confirmed: bool, recorded: bool) -> CloseOut | NotPermitted:
    """Give leave from now on. `recorded`: who and why stand where a daemon, this one or the next, will read them."""
    if not confirmed:
        return NotPermitted("nothing is sent without --confirm")
    if not by.strip() or not cause.strip():
        return NotPermitted("who closes and why must be said: --by and --cause")
    if not recorded:
        return NotPermitted("who closes and why could not be written down, so nothing is sent; give --state-dir")
    return CloseOut(ident, by, cause, now.mono_ns + SENDING_NS)
