"""What one round of the campaign sees and what it holds against the daemon.

The eye is a poll of the exchange simulator's own record a few times a second, past the spoiled wires: every order and
fill it ever showed is remembered by client order id, because an order at the exchange is an acknowledgement that its
intent was on the disk before. What does not hold is a breach, kept with its round.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from domain.records import OrderCreatedEntry
from journal.facts import told_in
from journal.reader_io import read_records, verify_state
from sim.chaos.stage import MARK, Stage, Truth, utc_ns
from sim.local.waiting import POLL_S, mono_s

EYE_S = 0.15
EQUAL_LIMIT_S = 2.0
# The snapshot that shows the daemon's positions is written once a second, and beside the page's opening it takes one
# look more to see it.
SHOWN_LATE_S = 1.3
HEALTH_LIMIT_S = 10.0
RECONCILED_LIMIT_S = 10.0
MENDED_LIMIT_S = 10.0
LEAK_LIMIT_S = 8.0
FOLLOWED = ("page", "health", "positions equal", "reconciled")
LOG_SIGNS = ("Traceback (most recent call last)", "Task exception was never retrieved", "background work failed")


@dataclass
class Figures:
    """All that the table at the end shows."""

    rounds: int = 0
    faults: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    starts: int = 0
    stages: int = 0
    windows: int = 0
    orders: int = 0
    fills: int = 0
    steps_replayed: int = 0
    recovery_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    flat_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    breaches: list[dict[str, Any]] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Scene:
    """One stage under the eye. `rng` is the round's own."""

    def __init__(self, stage: Stage, figures: Figures, say: Callable[[str], None]) -> None:
        self.stage = stage
        self.figures = figures
        self.say = say
        self.rng = Random(0)
        self.round = 0
        self.kind = ""
        self.spoiled = ""
        self.ground = "plain"
        self.truth: Truth = {}
        self.sent: dict[str, int] = {}
        self.fills: dict[str, str] = {}
        self.head_seq = 0
        self.log_read = 0
        self.snapshot_since_ns = 0
        self._eye: asyncio.Task[None] | None = None

    def breach(self, promise: str, what: str) -> None:
        """Write down that something does not hold."""
        row = {"round": self.round, "kind": self.kind, "promise": promise, "what": what, "stage": str(self.stage.base)}
        if row not in self.figures.breaches:
            self.figures.breaches.append(row)
            self.say(f"BREACH {promise}: {what}")

    # --- the eye -------------------------------------------------------------------------------------------------

    def open_eye(self) -> None:
        """Begin to look."""
        self._eye = asyncio.create_task(self._look_on())

    async def close_eye(self) -> None:
        """Look no more."""
        if self._eye is not None:
            self._eye.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._eye

    async def _look_on(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(EYE_S)

    async def look(self) -> Truth | None:
        """One look at the exchange's record; None when it does not answer."""
        truth = await self.stage.truth()
        if truth is not None:
            self.truth = truth
            for order in truth["resting"]:
                self.sent.setdefault(order["client_order_id"], self.round)
            for fill in truth["fills"]:
                self.sent.setdefault(fill["client_order_id"], self.round)
                self.fills[fill["trade_id"]] = fill["client_order_id"]
        return truth

    async def until(
        self, what: Callable[[], Awaitable[object]], limit_s: float, look_s: float = POLL_S
    ) -> float | None:
        """Seconds until `what` gives something true; None when it does not within the limit."""
        begun = mono_s()
        while not await what():
            if mono_s() - begun >= limit_s:
                return None
            await asyncio.sleep(look_s)
        return mono_s() - begun

    async def pause(self, low_s: float, high_s: float) -> float:
        """Let a drawn time pass."""
        drawn = self.rng.uniform(low_s, high_s)
        await asyncio.sleep(drawn)
        return drawn

    # --- waiting for the daemon ----------------------------------------------------------------------------------

    async def _resting(self) -> bool:
        truth = await self.look()
        return truth is not None and len(truth["resting"]) > 0

    async def _flat(self) -> bool:
        truth = await self.look()
        return truth is not None and not truth["resting"]

    async def several_resting(self) -> bool:
        """Whether at least two orders of ours rest."""
        truth = await self.look()
        return truth is not None and len(truth["resting"]) > 1

    def creates(self) -> int:
        """How many orders the exchange was asked to make, by its own count."""
        asked: dict[str, int] = self.truth.get("requests", {})
        return asked.get("create_order", 0)

    async def quoting(self) -> bool:
        """Wait, over the window's edge if need be, until orders of ours rest; False with the stage spoiled."""
        if await self.until(self._resting, self.stage.period_s + 6) is not None:
            return True
        picture = await self.stage.picture()
        reasons = {s["name"]: s["reasons"] for s in picture.get("series", ())}
        self.spoiled = f"no quotes for a whole window: {reasons or 'no answer'}"
        return False

    async def flat(self, trigger: str, limit_s: float) -> None:
        """Wait until nothing of ours rests at the exchange; keep how long it took since now."""
        if not self.truth.get("resting"):
            await self.look()
        had = bool(self.truth.get("resting"))
        took = await self.until(self._flat, limit_s)
        if took is None:
            self.breach("flat in time", f"{trigger}: still {len(self.truth['resting'])} resting after {limit_s} s")
        elif had:
            self.figures.flat_s[trigger].append(took)

    async def no_new_orders(self, why: str, for_s: float) -> None:
        """Nothing may come to rest for so long."""
        await self.look()
        before = set(self.sent)
        await asyncio.sleep(for_s)
        await self.look()
        if set(self.sent) - before:
            self.breach("no order while the gate is red", f"{why}: {len(set(self.sent) - before)} came to rest")

    async def watching(self) -> bool:
        """Whether the watcher has begun."""
        return "watching" in self.stage.log_of("watch")

    async def healthy(self) -> None:
        """Wait until /health says 200 again."""
        took = await self.until(self.stage.health, HEALTH_LIMIT_S)
        if took is None:
            code = self.stage.code("daemon")
            self.breach("healthy again", f"/health not 200 within {HEALTH_LIMIT_S} s; ended: {code}")
        else:
            self.figures.recovery_s["health, same process"].append(took)

    async def hit(self) -> None:
        """Have an order of ours filled at this instant, if one rests: news that the daemon may be unable to hear."""
        truth = await self.look()
        if truth is not None and truth["resting"]:
            await self.stage.hit(self.rng.choice(truth["resting"])["order_id"])

    async def same_books(self) -> None:
        """After a wire was mended: the daemon's positions are the exchange's again, without a restart."""
        self.snapshot_since_ns = utc_ns()
        took = await self.until(self.equal, MENDED_LIMIT_S)
        if took is None:
            self.breach("positions equal after a reconnect", await self._difference())
        else:
            self.figures.recovery_s["positions, same process"].append(took)

    async def ended(self, trigger: str, limit_s: float) -> None:
        """Wait until the daemon has ended: in time, with 0, and flat by the exchange's record."""
        begun = mono_s()
        code = await self.stage.ended("daemon", limit_s)
        self.figures.recovery_s[f"end by {trigger}"].append(mono_s() - begun)
        truth = await self.look()
        if code != 0:
            what = f"code {code} (None: not within {limit_s} s)"
            self.breach("SIGTERM ends flat with 0", f"{trigger}: {what}: {self.stage.log()[-300:].strip()!r}")
        if truth is not None and truth["resting"]:
            self.breach("SIGTERM ends flat with 0", f"{trigger}: {len(truth['resting'])} rest after the end")
        if self.stage.alive("daemon"):
            await self.stage.end("daemon")

    async def forget_exchange(self) -> None:
        """The exchange is about to lose all it knew: take the last word of it."""
        await self.check()

    async def begin_daemon(self, terminal: int | None = None) -> None:
        """Start the daemon without waiting for anything; with a terminal (its descriptor), it is started from there."""
        self.stage.start_daemon(terminal)
        self.figures.starts += 1

    async def start_daemon(self) -> bool:
        """Start the daemon and follow it until it is as it was: page, health, positions, reconciled."""
        begun = mono_s()
        await self.begin_daemon()
        return await self.follow(begun)

    async def follow(self, begun_s: float | None) -> bool:
        """Wait for a started daemon, and measure from `begun_s` if given. False when it ended by itself."""
        self.snapshot_since_ns = self.stage.started_utc_ns
        kept = self.figures.recovery_s if begun_s is not None else defaultdict[str, list[float]](list)
        begun_s = mono_s() if begun_s is None else begun_s
        if not await self.stage.page_open():
            code = self.stage.code("daemon")
            self.breach("starts again", f"the daemon ended with {code}: {self.stage.log()[-300:].strip()!r}")
            return False
        kept["page"].append(mono_s() - begun_s)
        if await self.until(self.stage.health, HEALTH_LIMIT_S) is None:
            self.breach("healthy again", f"/health not 200 within {HEALTH_LIMIT_S} s of the page")
            return False
        health_s = mono_s()
        kept["health"].append(health_s - begun_s)
        if await self.until(self.equal, EQUAL_LIMIT_S + SHOWN_LATE_S) is None:
            self.breach("positions equal within 2 s", await self._difference())
            await self.until(self.equal, RECONCILED_LIMIT_S)
        kept["positions equal"].append(mono_s() - begun_s)
        if await self.until(self.reconciled, RECONCILED_LIMIT_S) is None:
            picture = await self.stage.picture()
            gates = [g for g in picture.get("gates", ()) if g["status"] in {"FAIL", "UNKNOWN"}]
            self.breach("reconciled again", f"not within {RECONCILED_LIMIT_S} s: {gates}")
            return True
        kept["reconciled"].append(mono_s() - begun_s)
        said = ", ".join(f"{name} {seen[-1]:.2f}" for name, seen in kept.items() if name in FOLLOWED)
        self.say(f"  back after {said} s")
        return True

    async def reconciled(self) -> bool:
        """Whether the daemon says that its books agree with the exchange's."""
        return bool((await self.stage.picture()).get("reconciled"))

    async def equal(self) -> bool:
        """Whether the daemon's positions in markets not yet settled are the exchange's, by a snapshot of this run."""
        theirs, ours = await self._both()
        return ours is not None and theirs == ours

    async def _both(self) -> tuple[dict[str, int], dict[str, int] | None]:
        held = await asyncio.to_thread(self.stage.held)
        truth = await self.look()
        if truth is None or held is None or held[0] < self.snapshot_since_ns:
            return {}, None
        gone = tuple(window["event_ticker"] for window in truth["windows"] if window["settled_time"])
        theirs = {t: round(float(c) * 100) for t, c in truth["positions"].items() if not t.startswith(gone)}
        ours = {ticker: count for ticker, count in held[1].items() if not ticker.startswith(gone)}
        return theirs, ours

    async def _difference(self) -> str:
        theirs, ours = await self._both()
        return f"exchange {theirs}, daemon {ours}"

    # --- after each round ----------------------------------------------------------------------------------------

    async def check(self) -> None:
        """What must hold after every round."""
        await self.look()
        self._check_exchange()
        self._check_log()
        await self._check_journal()

    def _check_exchange(self) -> None:
        truth = self.truth
        if not truth:
            return
        over = [window for window in truth["windows"] if window["freeze_time_ms"] <= truth["now_ms"]]
        for window in over:
            if window["resting_after_freeze_max"]:
                self.breach("nothing rests from T-2 s on", f"{window}")
        for fill in truth["fills"]:
            if fill["is_taker"]:
                self.breach("never a taker", f"{fill}")

    def _check_log(self) -> None:
        text = self.stage.log()
        fresh, self.log_read = text[self.log_read :], len(text)
        for sign in LOG_SIGNS:
            if sign in fresh:
                self.breach("no bug shows", fresh[fresh.index(sign) :][:1500])
                return

    async def _check_journal(self) -> None:
        state_dir = self.stage.state_dir
        verdict = await asyncio.to_thread(verify_state, state_dir)
        if not verdict.ok:
            self.breach("journal whole", f"{verdict.first_fault}")
        elif verdict.head.seq < self.head_seq:
            self.breach("no record lost", f"the journal ends at {verdict.head.seq}, was at {self.head_seq} before")
        self.head_seq = max(self.head_seq, verdict.head.seq)
        if not self.sent:
            return
        sent, seen = set(self.sent), await self.look()
        intents = await asyncio.to_thread(_intents, state_dir)
        lost = sent - set(intents)
        if lost and seen is not None:
            self.breach("no acknowledged record lost", f"at the exchange, but not in the journal: {sorted(lost)[:5]}")
        twice = [name for name, count in intents.items() if count > 1]
        if twice:
            self.breach("an id is used once", f"{twice[:5]}")

    async def check_end(self) -> None:
        """When the stage is over and the daemon has ended: replay, and leaked processes."""
        code, said = await self.stage.ladderd("replay", "--state-dir", str(self.stage.state_dir), "--json")
        if code:
            self.breach("replay equal", said[-1500:])
        else:
            self.figures.steps_replayed += int(json.loads(said)["steps"])
        truth = self.truth
        self.figures.windows += sum(
            1 for w in truth.get("windows", ()) if w["last_resting_ms"] and w["freeze_time_ms"] <= truth["now_ms"]
        )
        self.figures.orders += len(self.sent)
        self.figures.fills += len(self.fills)

    async def check_leaks(self) -> None:
        """No process of this stage is left once all that we started have ended."""

        async def gone() -> bool:
            return not leaked(self.stage.base)

        if await self.until(gone, LEAK_LIMIT_S) is None:
            self.breach("no process leaked", "; ".join(leaked(self.stage.base)))


def _intents(state_dir: Path) -> dict[str, int]:
    """How often each client order id stands in the journal as a placed order's intent."""
    mark, found = b'"kind":"order_created"', defaultdict[str, int](int)
    for fact in told_in(read_records(state_dir, skip=lambda line: mark not in line)):
        if isinstance(fact.entry, OrderCreatedEntry):
            found[fact.entry.client_order_id] += 1
    return found


def leaked(base: Path) -> list[str]:
    """Processes that carry this stage's mark in their environment, other than ourselves."""
    found, mark = [], f"{MARK}={base}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                if line:
                    found.append(f"{entry.name} {line}")
    return found
