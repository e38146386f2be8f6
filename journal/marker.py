"""The cancel-all marker as a document: who asked, when, why, in which epoch, and whether it is done.

A marker is a request and a fact at once. As a request it lives until somebody has seen the account flat; as a fact it
keeps every process from placing for the tail that the exchange takes after an account-wide cancel-all. What cannot be
read is taken for the strongest thing it can be: an open request, asked when the file was last written.
"""

from __future__ import annotations

from typing import Final

import msgspec

from domain.door import DOCUMENT_BYTES_MAX, Door, Refused
from domain.errors import ConfigurationError

IDENT_CHARS_MAX: Final = 120
UNREADABLE: Final = "unreadable"
UTC_NS_MAX: Final = (1 << 63) - 1


class Marker(msgspec.Struct, frozen=True):
    """One account-wide cancel-all. `ident` is its file's name; `epoch` the boot epoch of who asked, 0 from outside.

    `seen_flat_by`: the program that saw the account flat by requests of its own; empty when the daemon closed it.
    """

    ident: str
    asked_utc_ns: int
    by: str
    reason: str
    epoch: int = 0
    done: bool = False
    done_utc_ns: int = 0
    seen_flat_by: str = ""


_marker: Final = Door(Marker, DOCUMENT_BYTES_MAX)


def parse_marker(text: bytes, ident: str, written_utc_ns: int) -> Marker:
    """Read a marker's file; one that cannot be read is an open request asked at `written_utc_ns`."""
    try:
        marker = _marker.read(text)
    except Refused:
        return unreadable(ident, written_utc_ns)
    if not all(0 <= number <= UTC_NS_MAX for number in (marker.asked_utc_ns, marker.done_utc_ns, marker.epoch)):
        return unreadable(ident, written_utc_ns)
    return msgspec.structs.replace(marker, ident=ident)


def unreadable(ident: str, written_utc_ns: int) -> Marker:
    """What stands for a marker that cannot be read."""
    return Marker(ident, written_utc_ns, UNREADABLE, UNREADABLE)


def checked_ident(ident: str) -> str:
    """The name itself when it can be a file's name. Raises ConfigurationError otherwise."""
    if not ident or len(ident) > IDENT_CHARS_MAX or ident.startswith(".") or not _plain(ident):
        raise ConfigurationError(
            f"cancel-all id {ident!r}: use 1 to {IDENT_CHARS_MAX} letters, digits, '-', '_' or '.', no dot in front"
        )
    return ident


def open_requests(markers: tuple[Marker, ...]) -> tuple[Marker, ...]:
    """The requests that nobody has completed, oldest first."""
    return tuple(marker for marker in markers if not marker.done)


def last_asked_utc_ns(markers: tuple[Marker, ...]) -> int:
    """When an account-wide cancel-all was last sent or asked for; 0 when never. The tail counts from here."""
    return max((max(marker.asked_utc_ns, marker.done_utc_ns) for marker in markers), default=0)


def _plain(ident: str) -> bool:
    return ident.isascii() and ident.replace("-", "").replace("_", "").replace(".", "").isalnum()
