"""A cancel-all without a key: the request is left for the live daemon, and its word is waited for.

The daemon takes the marker up within 250 ms, cancels with its own key, and marks the request done when it has seen the
account flat by the exchange's list. Exit: 0 that was seen; 1 a daemon lives and has not proven it; 69 no daemon lives.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from daemon.client.living_io import daemon_pid, nobody_there
from daemon.rescue.cancel_all_io import print_line
from domain.clock import NS_PER_S, Clock, utc_ms
from domain.errors import EX_NOT_OK, EX_OK, EX_UNAVAILABLE, ConfigurationError
from journal.marker import Marker
from journal.marker_io import ask_cancel_all, read_cancel_all

DAEMON_LIMIT_S = 40.0
LOOK_S = 0.1


def ask_the_daemon(state_dir: Path, reason: str, clock: Clock, say: Callable[[str], None] = print_line) -> int:
    """Leave the request and wait; returns the exit code."""
    now = clock.now()
    marker = Marker(f"{utc_ms(now)}-{os.getpid()}", now.utc_ns, "cancel-all", reason)
    nobody = nobody_there(state_dir)
    try:
        if not state_dir.is_dir():
            raise FileNotFoundError(nobody)
        ask_cancel_all(state_dir, marker)
    except (OSError, ConfigurationError) as problem:
        say(f"cancel-all: no request could be left for a daemon: {problem}; orders may rest")
        return EX_UNAVAILABLE
    if nobody:
        say(f"cancel-all: {nobody}: the request is left for the next one, and orders may rest")
        return EX_UNAVAILABLE
    say(f"cancel-all: asked the daemon of {state_dir}, process {daemon_pid(state_dir)}")
    return asyncio.run(_wait(state_dir, marker, clock, say))


async def _wait(state_dir: Path, marker: Marker, clock: Clock, say: Callable[[str], None]) -> int:
    begun_ns = clock.now().mono_ns
    while clock.now().mono_ns - begun_ns < DAEMON_LIMIT_S * NS_PER_S:
        markers = await asyncio.to_thread(read_cancel_all, state_dir, clock.now().utc_ns)
        if any(each.ident == marker.ident and each.done for each in markers):
            took_s = (clock.now().mono_ns - begun_ns) / NS_PER_S
            say(f"cancel-all: the daemon has seen the account flat, after {took_s:.1f} s")
            return EX_OK
        await asyncio.sleep(LOOK_S)
    say(f"cancel-all: the daemon has not proven the account flat within {DAEMON_LIMIT_S:.0f} s; orders may rest")
    return EX_NOT_OK
