"""How long the daemon takes to answer: from the start of its process to the first 200 of /health, wall and CPU.

The simulators stay up, the daemon is killed and started again on the same state directory, so that every start but the
first is also a recovery. The wall figure depends on who else wants the cores; the CPU figure hardly does.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from statistics import median

from sim.chaos.stage import Stage, StageError
from sim.local.setting import ROOT
from sim.local.waiting import mono_s

STARTS = 9
POLL_S = 0.004
LIFE_S = 1.2


def measure() -> dict[str, float]:
    """Medians over some starts, each after a SIGKILL."""
    with tempfile.TemporaryDirectory(prefix="ladderd-bench-") as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> dict[str, float]:
    (folder / "state").mkdir()
    stage = Stage(folder, ROOT, folder / "state", seed=1, period_s=300)
    walls, works = [], []
    try:
        await stage.start()
        for _ in range(STARTS):
            await asyncio.sleep(LIFE_S)
            await stage.end("daemon")
            begun_s = mono_s()
            stage.start_daemon()
            if not await stage.page_open():
                raise StageError(f"the daemon does not start: {stage.log()[-500:]}")
            while not await stage.health():  # noqa: ASYNC110 - another process, asked over HTTP
                await asyncio.sleep(POLL_S)
            walls.append(mono_s() - begun_s)
            works.append(cpu_s(stage.programs.running["daemon"].pid))
    finally:
        await stage.close()
    return {"wall_s": median(walls), "wall_best_s": min(walls), "cpu_s": median(works), "starts": float(STARTS)}


def cpu_s(pid: int) -> float:
    """CPU seconds, user and system, of a process until now (proc(5), stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
