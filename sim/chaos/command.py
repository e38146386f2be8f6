"""`make chaos`: the demo's processes on real sockets, and what simulation cannot see done to them.

A seed draws the rounds: which fault, at which instant, how long. After each round the exchange simulator's own record
and the daemon's journal are held against the promises; a table at the end shows what was done, how slow the worst
recovery was, and each breach with the command that repeats its round. Real time is not drawn from a seed, so a
repetition does the same things at nearly, not exactly, the same instants. Exit 0 only without a breach.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NoReturn

from sim.chaos.clock import preload
from sim.chaos.disk import mount, unmount
from sim.chaos.faults import MENU
from sim.chaos.scene import Figures, Scene
from sim.chaos.stage import Stage, StageError, copy_sources
from sim.chaos.storm import Storm, StormScene, rank
from sim.local.account import NOBODY
from sim.local.waiting import mono_s

ROUNDS_PER_STAGE_MAX = 6
TERM_LIMIT_S = 15.0


class Options(argparse.ArgumentParser):
    """One clear line for a bad option."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line; exit 2."""
        self.exit(2, f"sim chaos: {message}; see --help\n")


def options() -> Options:
    """Every option with its default."""
    parse = Options(prog="sim chaos", description="Faults on real processes: the simulators and the unchanged daemon.")
    parse.add_argument("--minutes", type=float, default=3.0, help="begin no round after this long")
    parse.add_argument("--seed", type=int, default=1, help="of the order of faults and of all their parameters")
    parse.add_argument("--rounds", type=int, help="end after so many rounds")
    parse.add_argument("--first", type=int, default=1, help="number of the first round (to repeat one: --rounds 1)")
    parse.add_argument("--only", action="append", default=[], metavar="KIND", help="only these kinds (repeatable)")
    parse.add_argument("--report", type=Path, help="write all figures there, as JSON")
    parse.add_argument("--keep", type=Path, help="folder for the stages (default: temporary, kept after a breach)")
    parse.add_argument("--kill-storm", type=int, metavar="KILLS", help="instead: kill the daemon alone, so many times")
    parse.add_argument("--list", action="store_true", help="name the kinds of faults and end")
    return parse


def rounds(seed: int, kinds: list[str], first: int) -> Iterator[tuple[int, str]]:
    """The campaign without its instants: (number, kind), each kind once in every deal, in an order by the seed."""
    deal: list[str] = []
    number = 0
    while True:
        if not deal:
            deal = Random(f"{seed}/{number}/deal").sample(kinds, len(kinds))
        number += 1
        kind = deal.pop()
        if number >= first:
            yield number, kind


def main(argv: list[str]) -> int:
    """Run the campaign; 0 only without a breach, 1 with one, 2 for bad options."""
    parse = options()
    chosen = parse.parse_args(argv)
    if chosen.list:
        sys.stdout.write("\n".join(f"{name:18} {kind.act.__doc__}" for name, kind in MENU.items()) + "\n")
        return 0
    unknown = [name for name in chosen.only if name not in MENU]
    if unknown:
        parse.error(f"--only {unknown[0]}: no such kind (choose from {', '.join(MENU)})")
    return asyncio.run(_campaign(chosen))


async def _campaign(chosen: argparse.Namespace) -> int:
    figures, begun = Figures(), mono_s()
    base = chosen.keep or Path(tempfile.mkdtemp(prefix="ladderd-chaos-"))
    base = base.resolve()
    sources = copy_sources(base / "sources")
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    campaign = Campaign(chosen, base, sources, figures, begun)
    try:
        await campaign.play()
    except asyncio.CancelledError:
        campaign.say("stopped")
    except StageError as problem:
        sys.stderr.write(f"sim chaos: {problem}\n")
        return 1
    finally:
        await campaign.drop()
    sys.stdout.write(table(chosen, figures, mono_s() - begun) + "\n")
    if chosen.report is not None:
        chosen.report.write_text(json.dumps({"seed": chosen.seed, **vars(figures)}, indent=1), encoding="utf-8")
    if not figures.breaches and chosen.keep is None:
        shutil.rmtree(base, ignore_errors=True)
    return 1 if figures.breaches or not figures.rounds else 0


class Campaign:
    """One run of it: rounds on stages, a new stage when the old one is worn out."""

    def __init__(self, chosen: argparse.Namespace, base: Path, sources: Path, figures: Figures, begun_s: float) -> None:
        self.chosen = chosen
        self.base = base
        self.sources = sources
        self.figures = figures
        self.begun_s = begun_s
        self.scene: Scene | None = None
        self.on_stage = 0

    def say(self, text: str) -> None:
        """One line, with the seconds since the beginning."""
        sys.stdout.write(f"{mono_s() - self.begun_s:6.1f} {text}\n")
        sys.stdout.flush()

    async def play(self) -> None:
        """Play rounds until the time or their number is up."""
        if self.chosen.kill_storm:
            await Storm(
                self.chosen.seed, self.chosen.first, self.chosen.kill_storm, self.storm_stage, self.end_stage
            ).play()
            return
        kinds = self.chosen.only or list(MENU)
        for number, kind in rounds(self.chosen.seed, kinds, self.chosen.first):
            last = self.chosen.rounds is not None and self.figures.rounds >= self.chosen.rounds
            if last or mono_s() - self.begun_s >= self.chosen.minutes * 60:
                break
            await self.round(number, kind)
        await self.end_stage()

    async def round(self, number: int, kind: str) -> None:
        """One fault, its mending, and the checks."""
        scene = await self.stage_for(number, kind)
        scene.round, scene.kind, scene.rng = number, kind, Random(f"{self.chosen.seed}/{number}")
        row = MENU[kind]
        why_not = row.why_not()
        if why_not:
            self.figures.skipped[kind] = why_not
            return
        if row.quoting and not await scene.quoting():
            self.say(f"new stage: {scene.spoiled}")
            self.figures.notes.append(f"round {number}: {scene.spoiled}")
            await self.end_stage()
            scene = await self.stage_for(number, kind)
            scene.round, scene.kind, scene.rng = number, kind, Random(f"{self.chosen.seed}/{number}")
            if not await scene.quoting():
                scene.breach("quotes on a fresh stage", scene.spoiled)
                return
        self.say(f"round {number}: {kind}")
        await row.act(scene)
        self.figures.rounds += 1
        self.figures.faults[kind] += 1
        await scene.check()
        if not scene.stage.alive("daemon") and not scene.spoiled:
            code = scene.stage.code("daemon")
            scene.breach("the daemon lives", f"ended with {code}: {scene.stage.log()[-300:].strip()!r}")
        self.on_stage += 1
        if scene.spoiled or not scene.stage.alive("daemon") or self.on_stage >= ROUNDS_PER_STAGE_MAX:
            await self.end_stage()

    async def stage_for(self, number: int, kind: str) -> Scene:
        """The stage in use if it has the ground that this kind needs, or a new one."""
        ground = MENU[kind].ground
        if self.scene is not None and self.scene.ground != ground:
            await self.end_stage()
        if self.scene is None:
            self.figures.stages += 1
            base = self.base / f"stage-{number}-{self.figures.stages}"
            (base / "state").mkdir(parents=True)
            stage = Stage(base, self.sources, base / "state", self.chosen.seed)
            if ground == "small disk":
                mount(stage.state_dir)
            if ground == "own account":
                stage.account = NOBODY
            if ground == "false clock":
                stage.preload = preload(base / "offset")
            self.scene = Scene(stage, self.figures, self.say)
            self.scene.ground = ground
            self.on_stage = 0
            self.figures.starts += 1
            await stage.start()
            if not stage.alive("daemon"):
                raise StageError(f"the daemon does not start: {stage.log()[-500:]}")
            self.scene.open_eye()
        return self.scene

    async def storm_stage(self, number: int) -> StormScene:
        """A stage for kills, whose daemon is dead."""
        self.figures.stages += 1
        base = self.base / f"storm-{number}"
        (base / "state").mkdir(parents=True)
        stage = Stage(base, self.sources, base / "state", self.chosen.seed)
        self.scene = scene = StormScene(stage, self.figures, self.say)
        self.figures.starts += 1
        await stage.start()
        await stage.end("daemon")
        scene.open_eye()
        return scene

    async def end_stage(self) -> None:
        """SIGTERM for the daemon, which must end flat with 0; then the last checks."""
        scene = self.scene
        if scene is None:
            return
        stage = scene.stage
        if stage.alive("daemon"):
            begun = mono_s()
            code = await stage.end("daemon", signal.SIGTERM, TERM_LIMIT_S)
            self.figures.recovery_s["orderly end"].append(mono_s() - begun)
            truth = await scene.look()
            if code != 0:
                said = f"{stage.log()[-300:].strip()!r}"
                scene.breach("SIGTERM ends flat with 0", f"code {code} (None: not within {TERM_LIMIT_S} s): {said}")
            if truth is not None and truth["resting"]:
                scene.breach("SIGTERM ends flat with 0", f"{len(truth['resting'])} rest after the end")
        await scene.check()
        await scene.check_end()
        await self.drop()
        await scene.check_leaks()

    async def drop(self) -> None:
        """End the stage's processes, hard."""
        scene, self.scene = self.scene, None
        if scene is not None:
            await scene.close_eye()
            await scene.stage.close()
            unmount(scene.stage.state_dir)


def table(chosen: argparse.Namespace, figures: Figures, took_s: float) -> str:
    """What was done and what was found, for one screen."""
    rows = [
        "",
        f"seed {chosen.seed}   {took_s:.0f} s   rounds {figures.rounds}   stages {figures.stages}",
        f"starts {figures.starts}   windows {figures.windows}   orders {figures.orders}   fills {figures.fills}",
        f"steps replayed {figures.steps_replayed}",
        "faults     " + (", ".join(f"{name} {count}" for name, count in sorted(figures.faults.items())) or "none"),
    ]
    rows += [f"skipped    {name}: {why}" for name, why in figures.skipped.items()]
    rows.append(f"{'seconds':36}{'count':>6}{'p50':>9}{'p99':>9}{'slowest':>9}")
    for title, kept in (("recovery to", figures.recovery_s), ("flat after", figures.flat_s)):
        rows += [
            f"{title + ' ' + name:36}{len(seen):6}{rank(seen, 50):9.2f}{rank(seen, 99):9.2f}{max(seen):9.2f}"
            for name, seen in sorted(kept.items())
        ]
    rows += [f"note       {note}" for note in figures.notes]
    for breach in figures.breaches:
        rows.append(f"BREACH     {breach['promise']} (round {breach['round']}, {breach['kind']}): {breach['what']}")
        rows.append(f'           state kept in {breach["stage"]}; repeat: make chaos ARGS="{_again(chosen, breach)}"')
    rows.append(f"breaches   {len(figures.breaches)}")
    return "\n".join(rows)


def _again(chosen: argparse.Namespace, breach: dict[str, object]) -> str:
    again = f"--seed {chosen.seed} --first {breach['round']}"
    if chosen.kill_storm:
        return f"{again} --kill-storm 5"
    return f"{again} --rounds 1" + "".join(f" --only '{name}'" for name in chosen.only)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
