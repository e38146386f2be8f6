"""Errors by who is at fault. A reject by the exchange is a value, not an error; a broken invariant is an assertion."""

from __future__ import annotations

EX_OK = 0
EX_NOT_OK = 1
EX_USAGE = 2
EX_UNAVAILABLE = 69
EX_CONFIG = 78


class ConfigurationError(Exception):
    """The operator's input is wrong: one readable line that says what, where and what to do. Exit 78."""


class UsageError(ConfigurationError):
    """The value of one option or argument is wrong: one line, as above. Exit 2."""


class UnavailableError(Exception):
    """The exchange or the daemon cannot be reached. Exit 69."""


class ProtocolError(Exception):
    """The other side broke its own grammar; raised once at the boundary and caught once there."""
