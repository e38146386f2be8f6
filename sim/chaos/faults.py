"""The menu of the campaign on real processes: one coroutine for each kind of fault.

Each gets the scene with a daemon that runs (and, where `quoting` is set, with orders that rest), does its harm at an
instant drawn from the round's generator, mends what it broke, and checks what it alone can know. A kind that leaves an
account-wide cancel-all or a lost exchange behind spoils the stage: for a minute nothing could be quoted on it.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from sim.chaos.clock import clock_step, why_no_faketime
from sim.chaos.disk import disk_full, failing_disk, read_only, slow_disk, why_no_disk, why_no_strace
from sim.chaos.hands import hang_up, lost_terminal, root_beside, strangers_cancel, why_no_account
from sim.chaos.links import Link
from sim.chaos.scene import Scene

Act = Callable[[Scene], Awaitable[None]]
HALF = 0.5
USR1_FLAT_LIMIT_S = 3.0
WATCH_LIMIT_MS = 1_500
WATCH_FLAT_LIMIT_S = 6.0
FEED_FLAT_LIMIT_S = 3.0
TERM_LIMIT_S = 20.0
BUSY_PROCESSES = 4


class Kind(NamedTuple):
    """One entry of the menu: what it does, whether orders must rest when it begins, and the ground it needs."""

    act: Act
    quoting: bool = True
    ground: str = "plain"
    why_not: Callable[[], str] = str


# --- the daemon's own process ----------------------------------------------------------------------------------------


async def kill(scene: Scene) -> None:
    """SIGKILL at any instant, and a start after a short or a longer while."""
    await scene.pause(0.0, 2.5)
    await scene.stage.end("daemon")
    await scene.hit()
    await scene.pause(0.0, scene.rng.choice((0.01, 1.0, 3.0)))
    await scene.hit()
    await scene.start_daemon()


async def kill_in_boot(scene: Scene) -> None:
    """SIGKILL, and again while it is starting: before and just after its first records and snapshots."""
    await scene.stage.end("daemon")
    for _ in range(scene.rng.randrange(1, 4)):
        await scene.begin_daemon()
        if scene.rng.random() < HALF:  # half of them in the imports and the reading of the journal
            await scene.pause(0.05, 2.5)
        else:
            await scene.stage.page_open()
            await scene.pause(0.0, 0.6)
        if not scene.stage.alive("daemon"):
            scene.breach("starts again", f"ended by itself: {scene.stage.log()[-300:]!r}")
        await scene.stage.end("daemon")
    await scene.start_daemon()


async def stop(scene: Scene) -> None:
    """SIGSTOP for 0.2 to 8 s: what rests goes by its own expiry; awake, nothing of before is sent late."""
    await scene.pause(0.0, 2.0)
    await _asleep(scene, scene.rng.uniform(0.2, 8.0))


async def _asleep(scene: Scene, for_s: float) -> None:
    scene.stage.signal("daemon", signal.SIGSTOP)
    await asyncio.sleep(for_s)
    scene.stage.signal("daemon", signal.SIGCONT)
    await scene.healthy()


async def stop_watched(scene: Scene) -> None:
    """SIGSTOP with `ladderd watch` beside: it flattens the account, and leaves the daemon alone that has come back."""
    scene.stage.watcher(WATCH_LIMIT_MS)
    await scene.until(scene.watching, 10)
    if not await scene.quoting():
        await scene.stage.end("watch", signal.SIGTERM)
        return
    if scene.stage.log_of("watch").count("cancelling everything"):
        scene.breach("the watcher leaves a healthy daemon alone", scene.stage.log_of("watch")[-600:])
    scene.spoiled = "an account-wide cancel-all by the watcher"
    scene.stage.signal("daemon", signal.SIGSTOP)
    await scene.flat("watcher, from SIGSTOP", WATCH_FLAT_LIMIT_S)
    await scene.pause(0.0, 2.0)
    scene.stage.signal("daemon", signal.SIGCONT)
    await scene.healthy()
    code = await scene.stage.end("watch", signal.SIGTERM)
    if code != 0:
        scene.breach("the watcher ends in order", f"code {code}: {scene.stage.log_of('watch')[-600:]}")


async def kill_watched(scene: Scene) -> None:
    """SIGKILL with `ladderd watch` beside, and no start: the watcher flattens the account."""
    scene.stage.watcher(WATCH_LIMIT_MS)
    await scene.until(scene.watching, 10)
    if await scene.quoting():
        scene.spoiled = "an account-wide cancel-all by the watcher"
        await scene.stage.end("daemon")
        await scene.flat("watcher, from SIGKILL", WATCH_FLAT_LIMIT_S)
        await scene.start_daemon()
    await scene.stage.end("watch", signal.SIGTERM)


async def term(scene: Scene) -> None:
    """SIGTERM at any phase, sometimes several: flat, exit 0, and a start as ever."""
    scene.spoiled = "an account-wide cancel-all at the shutdown"
    await scene.pause(0.0, scene.stage.period_s)
    for _ in range(scene.rng.choice((1, 1, 3))):
        scene.stage.signal("daemon", signal.SIGTERM)
        await asyncio.sleep(0.05)
    await scene.ended("SIGTERM", TERM_LIMIT_S)
    await scene.start_daemon()


async def term_in_boot(scene: Scene) -> None:
    """SIGTERM while it is starting: an orderly end all the same."""
    await scene.stage.end("daemon")
    await scene.begin_daemon()
    # In the very first moments the interpreter itself does not handle signals yet: that is no part of ours.
    await scene.pause(0.4, 3.0)
    scene.spoiled = "an account-wide cancel-all at the shutdown"
    scene.stage.signal("daemon", signal.SIGTERM)
    await scene.ended("SIGTERM in boot", TERM_LIMIT_S)
    await scene.start_daemon()


async def usr1(scene: Scene) -> None:
    """A burst of SIGUSR1: flat at once, paused, and alive."""
    await scene.pause(0.0, 1.0)
    scene.spoiled = "an account-wide cancel-all by SIGUSR1"
    for _ in range(scene.rng.choice((1, 3, 50))):
        scene.stage.signal("daemon", signal.SIGUSR1)
        if scene.rng.random() < HALF:
            await asyncio.sleep(0.001)
    await scene.flat("SIGUSR1", USR1_FLAT_LIMIT_S)
    if scene.rng.random() < HALF:
        # The request is open or just done when the process dies: it is completed and stays in force.
        await scene.pause(0.0, 2.0)
        await scene.stage.end("daemon")
        await scene.start_daemon()
    await scene.healthy()
    picture = await scene.stage.picture()
    if not picture.get("paused"):
        scene.breach("paused after an operator's cancel-all", f"{picture.get('cancel_all')}")


async def cpu(scene: Scene) -> None:
    """Starvation: more busy processes than cores, for some seconds."""
    busy = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", "while True: pass", env=scene.stage.environment)
        for _ in range(BUSY_PROCESSES)
    ]
    try:
        await scene.pause(2.0, 5.0)
    finally:
        for process in busy:
            process.kill()
            await process.wait()
    await scene.healthy()


# --- the servers -----------------------------------------------------------------------------------------------------


async def feed_killed(scene: Scene) -> None:
    """Both hosts of the feed die at once, and come back on their ports: flat in between, and fresh again."""
    await scene.pause(0.0, 1.0)
    await scene.stage.end("feed")
    await scene.flat("both feeds dead", FEED_FLAT_LIMIT_S)
    await scene.pause(0.0, 2.0)
    await scene.stage.start_feed()
    await scene.healthy()


async def exchange_killed(scene: Scene) -> None:
    """The exchange dies with all it knew, and comes back empty: the books differ, and that must stop the quotes."""
    await scene.pause(0.0, 2.0)
    scene.spoiled = "the exchange lost its state"
    await scene.forget_exchange()
    await scene.stage.end("exchange")
    await scene.pause(0.0, 3.0)
    await scene.stage.start_exchange()
    await scene.pause(2.0, 4.0)
    await scene.healthy()


# --- the wires -------------------------------------------------------------------------------------------------------


def _links(scene: Scene, *names: str) -> list[Link]:
    return [scene.stage.links[name] for name in names]


async def _mended(scene: Scene, links: list[Link]) -> None:
    for link in links:
        link.mend()
    await scene.healthy()
    if scene.stage.links["exchange"] in links:
        await scene.same_books()


async def exchange_cut(scene: Scene) -> None:
    """The cable to the exchange is out for 0.3 to 8 s; what was sent arrives late."""
    links = _links(scene, "exchange")
    await scene.pause(0.0, 2.0)
    links[0].hold()
    await scene.hit()
    await scene.pause(0.3, 8.0)
    await scene.hit()
    await _mended(scene, links)


async def exchange_cut_and_kill(scene: Scene) -> None:
    """The cable is out, the daemon is killed and starts into the silence; then the cable is mended."""
    links = _links(scene, "exchange")
    await scene.pause(0.0, 1.0)
    links[0].hold()
    await scene.pause(0.1, 2.0)
    await scene.stage.end("daemon")
    await scene.begin_daemon()
    await scene.stage.page_open()
    await scene.pause(0.0, 3.0)
    await _mended(scene, links)
    await scene.follow(None)


async def exchange_reset(scene: Scene) -> None:
    """Every connection to the exchange is reset, several times."""
    links = _links(scene, "exchange")
    for _ in range(scene.rng.randrange(1, 5)):
        await scene.pause(0.0, 0.8)
        links[0].reset()
        await scene.hit()
    await _mended(scene, links)


async def exchange_refused(scene: Scene) -> None:
    """Connections to the exchange are reset as soon as they come, for some seconds."""
    links = _links(scene, "exchange")
    await scene.pause(0.0, 1.0)
    links[0].refuse()
    await scene.hit()
    await scene.pause(0.5, 5.0)
    await _mended(scene, links)


async def exchange_slow(scene: Scene) -> None:
    """Everything to and from the exchange takes 50 to 600 ms more, for some seconds."""
    links = _links(scene, "exchange")
    links[0].delay_s = scene.rng.uniform(0.05, 0.6)
    await scene.pause(2.0, 6.0)
    await _mended(scene, links)


async def exchange_half_open(scene: Scene) -> None:
    """The open connections never say another word and never close; new ones work."""
    links = _links(scene, "exchange")
    await scene.pause(0.0, 1.0)
    links[0].half_open()
    await scene.hit()
    await scene.pause(1.0, 6.0)
    await _mended(scene, links)


async def feed_cut(scene: Scene) -> None:
    """The cable to one feed, or to both, is out; both: flat."""
    both = scene.rng.random() < HALF
    links = _links(scene, *(("feed", "feed2") if both else (scene.rng.choice(("feed", "feed2")),)))
    await scene.pause(0.0, 1.0)
    for link in links:
        link.hold()
    if both:
        await scene.flat("both feeds silent", FEED_FLAT_LIMIT_S)
    await scene.pause(0.3, 4.0)
    await _mended(scene, links)


async def feed_reset(scene: Scene) -> None:
    """Every connection to both feeds is reset, and some are left half open."""
    links = _links(scene, "feed", "feed2")
    for link in links:
        await scene.pause(0.0, 0.8)
        if scene.rng.random() < HALF:
            link.reset()
        else:
            link.half_open()
    await scene.pause(0.5, 3.0)
    await _mended(scene, links)


MENU: dict[str, Kind] = {
    "kill": Kind(kill),
    "kill in boot": Kind(kill_in_boot, quoting=False),
    "stop": Kind(stop),
    "stop, watched": Kind(stop_watched, quoting=False),
    "kill, watched": Kind(kill_watched, quoting=False),
    "term": Kind(term, quoting=False),
    "term in boot": Kind(term_in_boot, quoting=False),
    "usr1": Kind(usr1),
    "hang-up": Kind(hang_up),
    "lost terminal": Kind(lost_terminal, quoting=False),
    "stranger's cancel": Kind(strangers_cancel),
    "root beside": Kind(root_beside, ground="own account", why_not=why_no_account),
    "cpu": Kind(cpu),
    "feed killed": Kind(feed_killed),
    "exchange killed": Kind(exchange_killed),
    "exchange cut": Kind(exchange_cut),
    "exchange cut, kill": Kind(exchange_cut_and_kill),
    "exchange reset": Kind(exchange_reset),
    "exchange refused": Kind(exchange_refused),
    "exchange slow": Kind(exchange_slow),
    "exchange half open": Kind(exchange_half_open),
    "feed cut": Kind(feed_cut),
    "feed reset": Kind(feed_reset),
    "disk full": Kind(disk_full, ground="small disk", why_not=why_no_disk),
    "disk read-only": Kind(read_only, ground="small disk", why_not=why_no_disk),
    "disk slow": Kind(slow_disk, why_not=why_no_strace),
    "disk fails": Kind(failing_disk, why_not=why_no_strace),
    "clock step": Kind(clock_step, ground="false clock", why_not=why_no_faketime),
}
