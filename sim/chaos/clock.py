"""A wall clock that jumps under the running daemon, for the campaign on real processes.

libfaketime stands between the daemon and the kernel's clock and reads its offset from a file once a second; monotonic
time stays true, as with a real step of the system's clock.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sim.chaos.scene import Scene

PLACES = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/local/lib/faketime/libfaketime.so.1")
STEP_FLAT_LIMIT_S = 3.0


@cache
def library() -> str:
    """Where libfaketime is; empty when it is not installed."""
    for pattern in PLACES:
        for found in sorted(Path("/").glob(pattern[1:])):
            return str(found)
    return ""


def why_no_faketime() -> str:
    """Why the clock cannot be stepped here; empty when it can."""
    return "" if library() else "libfaketime is not installed"


def preload(offset_file: Path) -> dict[str, str]:
    """Environment that puts the daemon's wall clock into the file's hands."""
    offset_file.write_text("+0\n", encoding="utf-8")
    return {
        "LD_PRELOAD": library(),
        "FAKETIME_TIMESTAMP_FILE": str(offset_file),
        # Without a cache every look at the clock opens the file, and the daemon does little else.
        "FAKETIME_CACHE_DURATION": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


async def clock_step(scene: Scene) -> None:
    """The wall clock jumps by 0.3 to 6 s, forth or back, and after some seconds back again: flat, and no orders."""
    offset = scene.stage.base / "offset"
    step_s = scene.rng.choice((-1, 1)) * scene.rng.uniform(0.3, 6.0)
    scene.spoiled = "quotes stand down for 30 s after a step of the clock"
    await scene.pause(0.0, 1.0)
    offset.write_text(f"{step_s:+.3f}\n", encoding="utf-8")
    await scene.flat(f"clock step {'back' if step_s < 0 else 'forth'}", STEP_FLAT_LIMIT_S)
    await scene.no_new_orders("clock step", 1.0)
    await scene.pause(0.5, 3.0)
    if scene.rng.random() < 0.5:  # noqa: PLR2004 - half of them start anew with a clock that is wrong
        await scene.stage.end("daemon")
        await scene.begin_daemon()
        await scene.stage.page_open()
        await scene.pause(0.5, 2.0)
    offset.write_text("+0\n", encoding="utf-8")
    await scene.healthy()
