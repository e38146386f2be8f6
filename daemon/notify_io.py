"""What the service manager is told: one datagram a message, as `sd_notify(3)` says.

A manager that cannot be reached is no reason to stop: systemd itself ends a daemon whose READY or WATCHDOG it misses.
So nothing here raises or waits; a full queue loses the message, and the next WATCHDOG makes up for it.
"""

from __future__ import annotations

import os
import socket


class Notifier:
    """Sends messages to the socket that the service manager named, or nowhere when it named none."""

    def __init__(self, address: str | None = None) -> None:
        """Take `address`, or NOTIFY_SOCKET when none is given; a leading `@` means Linux's abstract names."""
        given = os.environ.get("NOTIFY_SOCKET", "") if address is None else address
        self._address = "\0" + given[1:] if given.startswith("@") else given
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def notify(self, message: str) -> bool:
        """Send one message such as `READY=1`; says whether the manager's socket took it."""
        if not self._address:
            return False
        try:
            self._socket.sendto(message.encode(), socket.MSG_DONTWAIT, self._address)
        except OSError:  # nobody listens, or the queue is full
            return False
        return True

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()
