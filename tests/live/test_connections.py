"""Hundreds of clients that say nothing, or say it slowly: the daemon tells its health all the same, and trades on."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from ops.http.http_guard_io import CONNECTIONS_MAX
from tests.live.stage import Stage, assert_flat_and_maker, playing

CLIENTS = 400
ASKED = 25
LAG_LIMIT_S = 0.05
OTHER_FILES_MAX = 60


@contextlib.contextmanager
def clients(address: str, count: int) -> Iterator[list[socket.socket]]:
    """So many open connections, whatever becomes of them."""
    url = urlsplit(address)
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection((url.hostname, url.port), 5)) for _ in range(count)]


def trickle(slow: list[socket.socket], byte: bytes) -> None:
    """One byte of a head from each that is still connected."""
    for client in slow:
        with contextlib.suppress(OSError):
            client.send(byte)


def test_hundreds_of_idle_and_slow_clients_keep_nobody_from_asking(tmp_path: Path) -> None:
    with playing(Stage(tmp_path)) as stage:
        stage.until_quoting()
        with clients(stage.http, CLIENTS) as opened:
            slow = opened[::2]
            trickle(slow, b"GET /health HTTP/1.1\r\nHost: localhost\r\n")
            for number in range(ASKED):
                trickle(slow, b"X-Slow: " if number == 0 else b"x")
                assert stage.page("/health")[0] == 200
            held = len(list(Path(f"/proc/{stage.processes['daemon'].pid}/fd").iterdir()))
            assert held <= CONNECTIONS_MAX + OTHER_FILES_MAX, "the cap holds"
            seen = stage.metrics()
            prompt = seen["ladderd_loop_lag_seconds_bucket", f'le="{LAG_LIMIT_S}"']
            assert prompt > seen["ladderd_loop_lag_seconds_count", ""] / 2
        assert stage.stop() == 0
        assert_flat_and_maker(stage.truth())
