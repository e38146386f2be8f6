"""`ladderd watch`: the outside watcher, a small process with a key of its own (belt 4 in another pair of hands)."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

from daemon.client.requests_io import ENDED, MONITORS
from daemon.notify_io import Notifier
from daemon.rescue.cancel_all_io import CancelAllLimits, CancelAllRequest, cancel_everything
from daemon.rescue.watch import Duty, Sight, Watcher
from daemon.rescue.watch_page_io import WatchPage
from daemon.system_clock import SystemClock
from domain.clock import NS_PER_S
from domain.hosts import Posture
from execution.http.http_client_io import parse_origin
from execution.kalshi.sign import load_key
from journal.marker_io import KillFile, read_kill_file
from journal.reader_io import segment_paths
from journal.watcher_request_io import read_request
from ops.watcher_status import WatcherIdentity

LOOK_EVERY_S = 0.5
RETRY_S = 1.0
# Each try is short, so that the service manager's watchdog is fed between two of them.
LIMITS = CancelAllLimits(give_up_after_ms=8_000)


def sight_of(state_dir: Path) -> Sight:
    """Look at the journal's newest segment, at the last run's goodbye, and at what the daemon asks of us."""
    ended, asked_utc_ns = (state_dir / MONITORS / ENDED).exists(), read_request(state_dir)
    try:
        newest = segment_paths(state_dir)[-1]
        return Sight(newest.name, newest.stat().st_size, ended, asked_utc_ns)
    except (IndexError, OSError):
        return Sight("", 0, ended, asked_utc_ns)


def look_at(state_dir: Path) -> tuple[Sight, KillFile]:
    """One look at all that the watcher goes by or tells of. Never raises."""
    return sight_of(state_dir), read_kill_file(state_dir)


def watch(
    rest_url: str,
    key_id: str,
    key_pem: bytes,
    state_dir: Path,
    limit_ms: int,
    posture: Posture,
    *,
    who: WatcherIdentity | None = None,
    http_port: int | None = None,
) -> int:
    """Watch until told to end; answer `/ops/status` on a loopback port where one is given, 0 for a free one.

    Raises ConfigurationError for a bad key or address.
    """
    load_key(key_pem)
    parse_origin(rest_url, posture)
    page = None if who is None or http_port is None else WatchPage(who, limit_ms, http_port, SystemClock())
    return asyncio.run(_watch(rest_url, key_id, key_pem, state_dir, limit_ms, posture, page))


async def _watch(
    rest_url: str,
    key_id: str,
    key_pem: bytes,
    state_dir: Path,
    limit_ms: int,
    posture: Posture,
    page: WatchPage | None,
) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    clock, watcher, notifier = SystemClock(), Watcher(limit_ms), Notifier()
    if page is not None:
        say(await page.open())
    notifier.notify("READY=1")
    say(f"watching {state_dir}: flattens the account after {limit_ms} ms without progress")
    while not stop.is_set():
        notifier.notify("WATCHDOG=1")
        sight, kill = await asyncio.to_thread(look_at, state_dir)
        now = clock.now()
        duty = watcher.look(sight, now)
        if page is not None:
            page.looked(now, watcher.progress_ns, sight, kill)
        if duty is Duty.FLATTEN:
            still_s = watcher.stood_still_ns(now) / NS_PER_S
            why = "the daemon asks for it" if watcher.asked else f"no progress for {still_s:.1f} s"
            say(f"{why}: cancelling everything")
            request = CancelAllRequest(
                rest_url, key_id, key_pem, "watcher", state_dir, posture, "watcher", limits=LIMITS
            )
            code = await cancel_everything(request, clock, say)
            if code == 0:
                watcher.flattened()
                say("the account is flat; waiting for progress")
            else:
                say(f"not proven flat (code {code}); trying again")
                await asyncio.sleep(RETRY_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_S):
                await stop.wait()
    if page is not None:
        await page.close()
    notifier.close()
    say("ended")
    return 0


def say(text: str) -> None:
    """One line on stderr, for the system's journal."""
    sys.stderr.write(f"ladderd watch: {text}\n")
    sys.stderr.flush()
