"""The demo's page gets its usual port where that is free; a whole demo runs in tests/live/test_windows.py."""

from __future__ import annotations

import socket

from sim.demo import is_free


def test_a_port_that_another_server_has_is_not_free() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)
