"""Disks that fill up, turn read-only, fail or take their time, for the campaign on real processes.

The state directory stands on a small tmpfs where this machine lets us mount one. Slowness and failures are put in by
strace, which holds or refuses every sync of the running daemon; nothing of the daemon's is replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

from sim.chaos.scene import Scene

# What a preflight asks for, which costs nothing until it is written; and what is left of it when the disk gets full.
SIZE_MB = 3 * 1_024
FULL_SIZE_MB = 48
FULL_FLAT_LIMIT_S = 4.0
FULL_END_LIMIT_S = 10.0
START_REFUSED_LIMIT_S = 20.0
EX_NOT_OK = 1
HALF = 0.5


def mount(place: Path, size_mb: int = SIZE_MB) -> str:
    """Mount a small tmpfs; what went wrong, or an empty string."""
    program = shutil.which("mount")
    if os.geteuid() != 0 or program is None:
        return "mounting a small disk needs root"
    made = subprocess.run(  # noqa: S603 - the system's own mount
        [program, "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(place)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return made.stderr.strip() if made.returncode else ""


def unmount(place: Path) -> None:
    """Take it away, at the latest when its last file is closed."""
    if os.path.ismount(place):
        program = shutil.which("umount") or "umount"
        subprocess.run([program, "-l", str(place)], check=False, capture_output=True)  # noqa: S603 - the system's own


@cache
def why_no_disk() -> str:
    """Why no small disk can be mounted here; empty when it can."""
    with tempfile.TemporaryDirectory() as place:
        why = mount(Path(place), 1)
        unmount(Path(place))
    return why


@cache
def why_no_strace() -> str:
    """Why syncs cannot be slowed here; empty when they can."""
    program, true = shutil.which("strace"), shutil.which("true")
    if program is None or true is None:
        return "strace is not installed"
    command = [program, "-o", "/dev/null", true]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - Debian's own
    return f"strace may not trace here: {done.stderr.strip()[:80]}" if done.returncode else ""


def _remount(place: Path, how: str) -> str:
    done = subprocess.run(  # noqa: S603 - the system's own mount
        [shutil.which("mount") or "mount", "-o", f"remount,{how}", str(place)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stderr.strip() if done.returncode else ""


async def disk_full(scene: Scene) -> None:
    """The disk fills up: quotes are pulled first, then the daemon ends flat with 1 and says why; room, and a start."""
    filler = scene.stage.state_dir / "filler"
    await scene.pause(0.0, 1.0)
    scene.spoiled = "the journal met a full disk"
    problem = _remount(scene.stage.state_dir, f"size={FULL_SIZE_MB}m")
    assert not problem, problem
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 65_536)
    if await ends_flat(scene, "full disk") is not None and scene.rng.random() < HALF:
        await refused_start(scene, "full")
    filler.unlink()
    _remount(scene.stage.state_dir, f"size={SIZE_MB}m")
    await scene.start_daemon()


async def ends_flat(scene: Scene, disk: str) -> int | None:
    """The journal cannot be written: flat at once, no order any more, and an end with 1 that says so."""
    await scene.flat(disk, FULL_FLAT_LIMIT_S)
    code = await scene.stage.ended("daemon", FULL_END_LIMIT_S)
    await scene.no_new_orders(disk, 0.5)
    if code != EX_NOT_OK or "journal" not in scene.stage.log()[-1500:]:
        scene.breach(f"a {disk} ends it flat with 1", f"code {code}: {scene.stage.log()[-600:].strip()!r}")
    if code is None:
        await scene.stage.end("daemon")
    return code


async def refused_start(scene: Scene, disk: str) -> None:
    """A start on such a disk is refused: one clear line, and no zero."""
    before = len(scene.stage.log())
    await scene.begin_daemon()
    code = await scene.stage.ended("daemon", START_REFUSED_LIMIT_S)
    said = scene.stage.log()[before:].strip()
    if code in {None, 0} or "Traceback" in said or len(said.splitlines()) != 1:
        scene.breach("a start without a disk is one clear line", f"{disk}: code {code}: {said[-700:]!r}")


async def read_only(scene: Scene) -> None:
    """A start on a read-only disk is one clear line and no zero; writable again, it starts as ever."""
    await scene.stage.end("daemon")
    problem = _remount(scene.stage.state_dir, "ro")
    if problem:
        scene.figures.skipped["disk read-only"] = problem
    else:
        await refused_start(scene, "read-only")
        _remount(scene.stage.state_dir, "rw")
    if scene.stage.alive("daemon"):
        await scene.stage.end("daemon")
    await scene.start_daemon()


@contextlib.asynccontextmanager
async def injected(scene: Scene, what: str) -> AsyncIterator[None]:
    """Have strace do something to every sync of the running daemon."""
    daemon = scene.stage.programs.running["daemon"]
    strace = await asyncio.create_subprocess_exec(
        shutil.which("strace") or "strace", "-f", "-o", "/dev/null", "-p", str(daemon.pid),
        "-e", "trace=fdatasync,fsync", "-e", f"inject=fdatasync,fsync:{what}",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, env=scene.stage.environment,
    )  # fmt: skip
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            strace.send_signal(signal.SIGINT)
        try:
            async with asyncio.timeout(10):
                await strace.wait()
        except TimeoutError:
            strace.kill()
            await strace.wait()


async def slow_disk(scene: Scene) -> None:
    """Every sync takes 0.1 to 1.5 s: orders wait for their intent, cancels do not."""
    async with injected(scene, f"delay_enter={int(scene.rng.uniform(0.1, 1.5) * 1e6)}"):
        await scene.pause(3.0, 7.0)
    await scene.healthy()


async def failing_disk(scene: Scene) -> None:
    """Every sync fails: quotes are pulled first, then the daemon ends flat with 1 and says why; mended, it starts."""
    await scene.pause(0.0, 1.0)
    scene.spoiled = "the journal met a failing disk"
    async with injected(scene, "error=EIO"):
        await ends_flat(scene, "failing disk")
    await scene.start_daemon()
