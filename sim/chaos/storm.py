"""The kill storm: exchange and feed stay up, the daemon alone is killed at a random instant, again and again.

Each kill has a kind, drawn from the seed as its instant is: while the daemon boots, just after its page opened, with
orders resting, with a fill on its way, at an edge of the window, while the journal begins a new segment, with a
cancel-all under way and in the tail after it. After each start the daemon must know what the exchange knows, within the
limit from its first /health 200, and what it remembers must not have been reset: pauses, trips, limits, write tokens.
How long a start took is kept from the process's first instant, and from /health.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from domain.clock import NS_PER_MS, NS_PER_S
from journal.layout import journal_dir, segment_name
from journal.marker import Marker, open_requests
from journal.marker_io import ask_cancel_all, read_cancel_all
from journal.reader_io import segment_paths
from journal.snapshot import SnapshotDamaged
from journal.snapshot_io import read_snapshot
from sim.chaos.scene import HEALTH_LIMIT_S, RECONCILED_LIMIT_S, SHOWN_LATE_S, Scene
from sim.chaos.stage import Stage, utc_ns
from sim.local.waiting import POLL_S, mono_s, utc_s

KILLS_PER_STAGE = 40
TAIL_KILLS = 3
BOOKS_LIMIT_S = 2.0
BOOT_S = 2.0
SETTLED_MS = 1000
HALF = 0.5
EDGE_AHEAD_S = 3.5
EDGE_AROUND_S = 0.3
QUOTES_LIMIT_S = 2.5
SEGMENT_LIMIT_S = 8.0
LOOK_S = 0.001
# Flat is proven by two lists that are asked SETTLE after the last act; a busy machine teaches a SETTLE of up to 8 s.
EMPTIED_LIMIT_S = 12.0
FILLED = b'"kind":"order_filled"'
YESTERDAY = "2000-01-01"
EDGE_NEAR_S = 0.5
KINDS = ("boot", "boot", "boot", "rotation", "young", "quoting", "quoting", "quoting", "fill", "fill")
NS_PER_MILLI_TOKEN_S = NS_PER_S // 1000


class Booked:
    """What the daemon has booked, told by its journal as it grows: hundredths of a contract filled, by market."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._read: Counter[int] = Counter()
        self._filled: Counter[str] = Counter()

    def read(self) -> Counter[str]:
        """Read on to the last whole line; everything so far."""
        for path in segment_paths(self._state_dir):
            first = int(path.name.split(".")[1])  # a segment's day may change here, its number never
            with path.open("rb") as file:
                file.seek(self._read[first])
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._read[first] += len(line)
                    record: dict[str, Any] = msgspec.json.decode(line) if FILLED in line else {}
                    for action in record.get("payload", {}).get("actions", ()):
                        if action["kind"] == "order_filled":
                            self._filled[action["ticker"]] += action["fill_count"]
        return Counter(self._filled)


class StormScene(Scene):
    """A scene that compares what was remembered before a kill with what is remembered after the start."""

    def __init__(self, stage: Stage, *rest: Any) -> None:  # noqa: ANN401 - handed on as they are
        super().__init__(stage, *rest)
        self.booked = Booked(stage.state_dir)
        self.before: dict[str, Any] = {}
        self.asked: Marker | None = None
        self.sent_before_tail: set[str] = set()

    async def until(
        self, what: Callable[[], Awaitable[object]], limit_s: float, look_s: float = POLL_S
    ) -> float | None:
        """As in any scene, and no longer than a daemon lives that was alive at the beginning."""
        alive = self.stage.alive("daemon")

        async def over() -> bool:
            return bool(await what()) or self.stage.alive("daemon") is not alive

        took = await super().until(over, limit_s, look_s)
        return took if self.stage.alive("daemon") is alive else None

    # --- instants ------------------------------------------------------------------------------------------------

    async def boot(self) -> None:
        """While the interpreter starts, imports, reads the journal, opens the page."""
        await self.pause(0.0, BOOT_S)

    async def rotation(self) -> None:
        """At the moment that the journal's new segment is there."""
        state_dir = self.stage.state_dir
        known = set(segment_paths(state_dir))

        async def begun() -> bool:
            return not set(segment_paths(state_dir)) <= known

        await self.until(begun, SEGMENT_LIMIT_S, LOOK_S)
        await self.pause(0.0, 0.01)

    async def young(self) -> None:
        """Just after the page opened: books are being read, the first snapshot is written."""
        await self.pause(0.0, 0.6)

    async def deep(self) -> None:
        """With orders resting, if the window has any."""
        await self.until(self._resting, QUOTES_LIMIT_S)
        await self.pause(0.0, 1.0)

    async def fill(self) -> None:
        """With a fill on its way."""
        await self.until(self._resting, QUOTES_LIMIT_S)
        await self.hit()
        await self.pause(0.0, 0.15)

    async def edge(self, instant_s: float) -> None:
        """Around an edge of the window."""
        await asyncio.sleep(max(0.0, instant_s - utc_s() + self.rng.uniform(-EDGE_AROUND_S, EDGE_AROUND_S)))

    def next_edge_s(self) -> float | None:
        """The next of a window's edges (open, strict, flattening, freeze, target) that is near; None when none is."""
        stage, now_s = self.stage, utc_s()
        target_s = stage.anchor_s + (int(now_s - stage.anchor_s) // stage.period_s + 1) * stage.period_s
        edges = (target_s - stage.period_s + 1, target_s - stage.strict_s, target_s - 3.5, target_s - 2, target_s)
        return min((edge for edge in edges if EDGE_NEAR_S < edge - now_s < EDGE_AHEAD_S), default=None)

    def age_segment(self) -> None:
        """Give the newest segment the name of an old day, so that the next run begins a new one."""
        paths = segment_paths(self.stage.state_dir)
        if paths and paths[-1].stat().st_size:
            first = int(paths[-1].name.split(".")[1])
            paths[-1].rename(journal_dir(self.stage.state_dir) / segment_name(YESTERDAY, first))

    # --- before and after ----------------------------------------------------------------------------------------

    async def kill(self) -> None:
        """SIGKILL now, and what the last snapshot says."""
        if not self.stage.alive("daemon"):
            code = self.stage.code("daemon")
            self.breach("the daemon lives", f"ended with {code}: {self.stage.log()[-300:].strip()!r}")
        await self.stage.end("daemon")
        self.before = self.remembered(0) or self.before

    def remembered(self, since_ns: int) -> dict[str, Any]:
        """What the snapshot says if it is not older than this; empty otherwise."""
        with contextlib.suppress(SnapshotDamaged):
            snapshot = read_snapshot(self.stage.state_dir)
            if snapshot is not None and snapshot.taken_utc_ns >= since_ns:
                memory: dict[str, Any] = msgspec.json.decode(snapshot.payload)
                return memory
        return {}

    async def recover(self, begun_s: float) -> bool:
        """Follow a started daemon until its books are the exchange's; False when it ended by itself."""
        self.snapshot_since_ns = self.stage.started_utc_ns
        kept = self.figures.recovery_s
        if not await self.stage.page_open():
            code = self.stage.code("daemon")
            self.breach("starts again", f"the daemon ended with {code}: {self.stage.log()[-300:].strip()!r}")
            return False
        if await self.until(self.stage.health, HEALTH_LIMIT_S) is None:
            self.breach("healthy again", f"/health not 200 within {HEALTH_LIMIT_S} s of the page")
            return False
        health_s = mono_s()
        if await self.until(self.books_equal, BOOKS_LIMIT_S) is None:
            self.breach("books equal within 2 s of /health", await self.why_not_equal())
            await self.until(self.books_equal, HEALTH_LIMIT_S)
        books_s = mono_s()
        if await self.until(self.reconciled, RECONCILED_LIMIT_S) is None:
            gates = [g for g in (await self.stage.picture()).get("gates", ()) if g["status"] in {"FAIL", "UNKNOWN"}]
            self.breach("reconciled again", f"not within {RECONCILED_LIMIT_S} s: {gates}")
        for since, from_s in (("process start", begun_s), ("/health", health_s)):
            kept[f"books, from {since}"].append(books_s - from_s)
            kept[f"its own proof, from {since}"].append(mono_s() - from_s)
        kept["health, from process start"].append(health_s - begun_s)
        if await self.until(self.equal, BOOKS_LIMIT_S + SHOWN_LATE_S) is None:
            self.breach("positions equal", await self._difference())
        self.compare()
        self.say(f"  books after {kept['books, from process start'][-1]:.2f} s")
        return True

    async def books_equal(self) -> bool:
        """Whether the daemon has booked every fill, knows every resting order, and believes in no other."""
        return not await self.why_not_equal()

    async def why_not_equal(self) -> str:
        """What differs; empty when nothing does."""
        truth = await self.look()
        picture = await self.stage.picture()
        if truth is None or not picture:
            return "no answer"
        resting = {order["client_order_id"] for order in truth["resting"]}
        live = {order["client_order_id"] for order in picture["orders"]}
        held = {o["client_order_id"] for o in picture["orders"] if o["state"] == "open" and o["age_ms"] > SETTLED_MS}
        filled: Counter[str] = Counter()
        for fill in truth["fills"]:
            filled[fill["ticker"]] += round(float(fill["count_fp"]) * 100)
        booked = await asyncio.to_thread(self.booked.read)
        wrong = {"filled": filled - booked, "booked": booked - filled, "rests": resting - live, "gone": held - resting}
        return ", ".join(f"{what}: {which}" for what, which in wrong.items() if which)

    def compare(self) -> None:
        """What was remembered before the kill is still so: nothing that limits us was reset."""
        was, now = self.before, self.remembered(self.stage.started_utc_ns)
        if not was or not now:
            return
        wrong = [f"{key} {was[key]!r} -> {now[key]!r}" for key in ("paused",) if was[key] and now[key] != was[key]]
        wrong += [f"{key} fell" for key in ("tail_until_utc_ns", "epoch") if now[key] < was[key]]
        wrong += [f"counter {k} fell" for k, count in was["counts"].items() if now["counts"].get(k, 0) < count]
        if was["kill"]["latched"] and not now["kill"]["latched"]:
            wrong.append("the kill latch opened")
        if was["risk"]["session"] == now["risk"]["session"]:
            kept = ("equity", "realised_before")
            wrong += [f"risk {key} changed" for key in kept if was["risk"][key] != now["risk"][key]]
            if not set(was["risk"]["signals"]) <= set(now["risk"]["signals"]):
                wrong.append("signals were forgotten")
        for name, sentry in was["sentries"].items():
            after = now["sentries"][name]
            forgot = (after["trips"], after["frozen"]) < (sentry["trips"], sentry["frozen"])
            if forgot and sentry["session"] == after["session"]:
                wrong.append(f"{name}: trips were forgotten")
        had, has = was.get("budget"), now.get("budget")
        if had and has:
            flowed = (has["utc_ns"] - had["utc_ns"]) * had["refill_per_s"] // NS_PER_MILLI_TOKEN_S
            if has["tokens_milli"] > had["tokens_milli"] + flowed + 1000:
                wrong.append(f"write tokens came back: {had} -> {has}")
        if wrong:
            self.breach("nothing is reset by a restart", "; ".join(wrong))

    # --- a cancel-all under way ----------------------------------------------------------------------------------

    async def ask_for_cancel_all(self) -> None:
        """By signal, or by a durable request as another program leaves it; then some time, or none."""
        await self.until(self._resting, QUOTES_LIMIT_S)
        if self.rng.random() < HALF:
            self.stage.signal("daemon", signal.SIGUSR1)
        else:
            now_ns = utc_ns()
            self.asked = Marker(f"storm-{now_ns // NS_PER_MS}", now_ns, "storm", "operator_cli")
            await asyncio.to_thread(ask_cancel_all, self.stage.state_dir, self.asked)
        await self.pause(0.0, self.rng.choice((0.02, 0.3, 1.0)))

    def requests(self) -> tuple[Marker, ...]:
        """The cancel-all requests on disk."""
        return read_cancel_all(self.stage.state_dir, utc_ns())

    async def cancel_all_done(self) -> None:
        """What was asked durably is completed after the start, and the account is flat."""
        if not self.requests():
            return  # killed before the signal's request was written: nobody was told that it counts

        async def done() -> bool:
            return not open_requests(await asyncio.to_thread(self.requests)) and await self._flat()

        took = await self.until(done, EMPTIED_LIMIT_S)
        if took is None:
            left = open_requests(self.requests())
            self.breach("an open cancel-all is completed", f"{len(self.truth['resting'])} rest, open {left}")
        else:
            self.figures.flat_s["open cancel-all, from /health"].append(took)

    async def check_tail(self) -> None:
        """Nothing new comes to rest while the exchange would still kill it."""
        await self.look()
        fresh = set(self.sent) - self.sent_before_tail
        if self.requests() and fresh:
            self.breach("no place in the tail of a cancel-all", f"{sorted(fresh)[:5]}")


Make = Callable[[int], Awaitable[StormScene]]


class Storm:
    """So many kills, on stage after stage. `make` gives a stage that plays; `end` ends it in order."""

    def __init__(self, seed: int, first: int, kills: int, make: Make, end: Callable[[], Awaitable[None]]) -> None:
        self.seed = seed
        self.first = first
        self.left = kills
        self.number = first
        self._make = make
        self._end = end

    async def play(self) -> None:
        """All kills; each stage ends with those of a cancel-all and its tail."""
        while self.left > 0:
            scene = await self._make(self.number)
            for nth in range(min(KILLS_PER_STAGE, self.left)):
                last = min(KILLS_PER_STAGE, self.left + nth) - TAIL_KILLS - 1
                await self._one(scene, "cancel-all" if nth == last else "tail" if nth > last else "")
                if scene.spoiled:
                    break
            if await self._start(scene):
                await scene.check_tail()
            await self._end()

    async def _one(self, scene: StormScene, kind: str) -> None:
        rng = Random(f"{self.seed}/{self.number}")
        kind = kind or rng.choice(KINDS)
        scene.round, scene.rng = self.number, rng
        self.number += 1
        self.left -= 1
        if kind == "rotation":
            scene.age_segment()
        begun_s = mono_s()
        await scene.begin_daemon()
        if kind in {"boot", "rotation"}:
            scene.kind = kind
            await (scene.boot() if kind == "boot" else scene.rotation())
        else:
            kind = await self._follow(scene, kind, begun_s)
        scene.say(f"kill {scene.round}: {kind}")
        await scene.kill()
        scene.figures.rounds += 1
        scene.figures.faults[kind] += 1
        await scene.check()

    async def _follow(self, scene: StormScene, kind: str, begun_s: float) -> str:
        """Measure the start, then wait for the kill's instant; the kind as it came out."""
        edge_s = None
        scene.kind = kind
        if not await scene.recover(begun_s):
            scene.spoiled = "the daemon does not start"
            return kind
        if kind == "tail":
            await scene.cancel_all_done()
            await scene.check_tail()
        elif kind not in {"young", "cancel-all"}:
            edge_s = scene.next_edge_s()
        if edge_s is not None:
            await scene.edge(edge_s)
            return "edge"
        if kind == "cancel-all":
            await scene.ask_for_cancel_all()
            await scene.look()
            scene.sent_before_tail = set(scene.sent)
        elif kind == "fill":
            await scene.fill()
        elif kind == "quoting":
            await scene.deep()
        else:
            await scene.young()
        return kind

    async def _start(self, scene: StormScene) -> bool:
        """The last start of a stage, which nothing kills."""
        scene.kind = "last start"
        begun_s = mono_s()
        await scene.begin_daemon()
        return await scene.recover(begun_s)


def rank(seen: list[float], per_cent: int) -> float:
    """The value that so many per cent do not exceed (nearest rank)."""
    return sorted(seen)[max(0, -(-len(seen) * per_cent // 100) - 1)]
