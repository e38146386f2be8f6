"""`ladderd watch`: the outside watcher, a small process with a key of its own (belt 4 in another pair of hands)."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import NamedTuple

import msgspec

from daemon.client.living_io import DaemonPage, daemon_pid, page_of
from daemon.client.requests_io import ENDED, MONITORS
from daemon.notify_io import Notifier
from daemon.rescue.cancel_all_io import CancelAllLimits, CancelAllRequest, cancel_everything
from daemon.rescue.stand_in_io import StandIn
from daemon.rescue.watch import Sight, Watcher, WatcherAction
from daemon.rescue.watch_control_io import WatchControl, signal_waits
from daemon.rescue.watch_page_io import WatchPage
from daemon.system_clock import SystemClock
from domain.clock import NS_PER_S, Clock
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


class WatcherLook(NamedTuple):
    """All that the watcher goes by or tells of: progress, kill file, the daemon's process, page and waiting signal."""

    sight: Sight
    kill: KillFile
    living: int
    page: DaemonPage | None
    signal_waits: bool


def look_at(state_dir: Path) -> WatcherLook:
    """One look. Never raises."""
    return WatcherLook(
        sight_of(state_dir),
        read_kill_file(state_dir),
        daemon_pid(state_dir),
        page_of(state_dir),
        signal_waits(state_dir),
    )


class Watched(msgspec.Struct, frozen=True):
    """Whom the watcher watches, with which key, and where it answers: no port, no page; no token, no command."""

    rest_url: str
    key_id: str
    key_pem: bytes
    state_dir: Path
    limit_ms: int
    posture: Posture
    who: WatcherIdentity
    http_port: int | None = None
    token: str | None = None

    def __repr__(self) -> str:
        """Return whom it watches; key and token stay out of every text."""
        return f"Watched({self.state_dir})"


def watch(watched: Watched) -> int:
    """Watch until told to end. Raises ConfigurationError for a bad key or address."""
    load_key(watched.key_pem)
    parse_origin(watched.rest_url, watched.posture)
    return asyncio.run(_watch(watched))


async def _watch(watched: Watched) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    clock, watcher, notifier = SystemClock(), Watcher(watched.limit_ms), Notifier()
    control = WatchControl(watched.state_dir, clock, say)

    def end() -> None:
        stop.set()
        control.wake.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        loop.add_signal_handler(number, end)
    loop.add_signal_handler(signal.SIGUSR1, control.signalled)
    # A lost terminal takes nothing from a watcher: it goes on watching.
    loop.add_signal_handler(signal.SIGHUP, control.wake.set)
    page = WatchPage(watched.who, watched.limit_ms, watched.http_port or 0, clock, watched.token, control.command)
    stand_in = StandIn(page.document, clock, watched.token, control.command, say)
    if watched.http_port is not None:
        say(await page.open())
    notifier.notify("READY=1")
    say(f"watching {watched.state_dir}: flattens the account after {watched.limit_ms} ms without progress")
    while not stop.is_set():
        notifier.notify("WATCHDOG=1")
        control.wake.clear()
        seen = await asyncio.to_thread(look_at, watched.state_dir)
        now = clock.now()
        action = watcher.look(seen.sight, now)
        page.looked(now, watcher.progress_ns, seen.sight, seen.kill)
        await stand_in.look(seen.living, seen.page)
        control.heard(waiting=seen.signal_waits)
        if action is WatcherAction.FLATTEN or control.wanted:
            still_s = watcher.stood_still_ns(now) / NS_PER_S
            why = "the daemon asks for it" if watcher.asked else f"no progress for {still_s:.1f} s"
            await _flatten(watched, control.wanted or why, clock, watcher, control)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_S):
                await control.wake.wait()
    await stand_in.close()
    await page.close()
    notifier.close()
    say("ended")
    return 0


async def _flatten(watched: Watched, why: str, clock: Clock, watcher: Watcher, control: WatchControl) -> None:
    asked = control.wanted
    say(f"{why}: cancelling everything")
    request = CancelAllRequest(
        watched.rest_url,
        watched.key_id,
        watched.key_pem,
        "watcher",
        watched.state_dir,
        watched.posture,
        "watcher",
        limits=LIMITS,
    )
    work = asyncio.ensure_future(cancel_everything(request, clock, say))
    while not work.done():
        # Proving it takes seconds, and a signal that waits meanwhile must outlast the daemon: it is taken at once.
        await asyncio.wait({work}, timeout=LOOK_EVERY_S)
        control.heard(waiting=await asyncio.to_thread(signal_waits, watched.state_dir))
    code = work.result()
    if code == 0:
        watcher.flattened()
        if control.wanted == asked:
            control.wanted = ""
        say("the account is flat; waiting for progress")
    else:
        say(f"not proven flat (code {code}); trying again")
        await asyncio.sleep(RETRY_S)


def say(text: str) -> None:
    """One line on stderr, for the system's journal."""
    sys.stderr.write(f"ladderd watch: {text}\n")
    sys.stderr.flush()
