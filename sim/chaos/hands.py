"""Hands on the running daemon, for the campaign on real processes: hang-ups, lost terminals, a stranger's, root's.

A daemon that lives on after them goes on as before; one that must end does so flat, and nobody is left with orders that
no process minds.
"""

from __future__ import annotations

import asyncio
import os
import pty
import signal
from typing import TYPE_CHECKING

from sim.local.account import NOBODY, python_of

if TYPE_CHECKING:
    from sim.chaos.scene import Scene

ENDED_LIMIT_S = 20.0
NOTICED_LIMIT_S = 7.0
OBEYED_LIMIT_S = 10.0
CREATES_MAX = 20
LOOKED_ON_S = 8.0


async def hang_up(scene: Scene) -> None:
    """SIGHUP to a daemon without a terminal, once or often: log files are reopened, and it quotes on."""
    await scene.pause(0.0, 1.0)
    for _ in range(scene.rng.choice((1, 3, 20))):
        scene.stage.signal("daemon", signal.SIGHUP)
        await scene.pause(0.0, 0.05)
    await scene.healthy()
    picture = await scene.stage.picture()
    if picture.get("paused"):
        scene.breach("a hang-up changes nothing", f"paused: {picture['paused']}")


async def lost_terminal(scene: Scene) -> None:
    """The terminal from which the daemon was started is gone: it ends with 0, flat."""
    await scene.stage.end("daemon")
    master, slave = pty.openpty()
    try:
        await scene.begin_daemon(terminal=slave)
        os.close(slave)
        await scene.follow(None)
        if not await scene.quoting():
            return
        await scene.pause(0.0, 1.0)
        scene.spoiled = "an account-wide cancel-all at the shutdown"
    finally:
        os.close(master)
    await scene.ended("a lost terminal", ENDED_LIMIT_S)
    await scene.start_daemon()


async def strangers_cancel(scene: Scene) -> None:
    """Somebody presses "cancel all" on the exchange's page: few new orders, a pause that says so, and it lives."""
    if await scene.until(scene.several_resting, scene.stage.period_s) is None:
        return
    scene.spoiled = "an account-wide cancel-all by a stranger"
    before = scene.creates()
    await scene.stage.cancel_all_by_hand()

    async def noticed() -> bool:
        picture = await scene.stage.picture()
        return bool(picture.get("paused")) and "unexplained_cancels" in scene.stage.log()

    took = await scene.until(noticed, NOTICED_LIMIT_S)
    if took is None:
        scene.breach("a stranger's cancels pause", f"not named and paused within {NOTICED_LIMIT_S} s")
    else:
        scene.figures.recovery_s["pause after a stranger's cancel"].append(took)
    await asyncio.sleep(LOOKED_ON_S)
    await scene.look()
    if scene.creates() - before > CREATES_MAX:
        scene.breach("few orders after a stranger's cancel", f"{scene.creates() - before} creates")
    await scene.healthy()


async def root_beside(scene: Scene) -> None:
    """The daemon has an account of its own, and root types a note and a cancel-all: obeyed, and it lives."""
    scene.spoiled = "an account-wide cancel-all by root"
    await scene.pause(0.0, 1.0)
    home = ("--state-dir", str(scene.stage.state_dir))
    for words in (("note", "root was here", *home), ("cancel-all", "--reason", "chaos", "--config", _config(scene))):
        code, said = await scene.stage.ladderd(*words)
        if code:
            scene.breach("root's words are taken", f"{words[0]}: {code}: {said[-300:]!r}")
    await scene.flat("root's cancel-all", OBEYED_LIMIT_S)

    async def paused() -> bool:
        return bool((await scene.stage.picture()).get("paused"))

    if await scene.until(paused, OBEYED_LIMIT_S) is None:
        scene.breach("paused after root's cancel-all", f"{(await scene.stage.picture()).get('cancel_all')}")
    await scene.healthy()
    if scene.rng.choice((True, False)):
        # What root has left behind keeps no start from coming up.
        await scene.stage.end("daemon")
        await scene.start_daemon()


def _config(scene: Scene) -> str:
    return str(scene.stage.config)


def why_no_account() -> str:
    """Why no daemon can run under another account here; empty when one can."""
    return "" if python_of(NOBODY) else "needs root, and a Python that another account can start"
