"""The stage of the campaign on real processes: both simulators, wires that can be cut, and the unchanged daemon.

One stage is one state directory with one exchange; the daemon dies and comes back on it many times. All processes run
from a copy of the sources taken when the campaign began, so that the build is the same from the first run to the
replay, whatever is edited meanwhile. Each process leads a session of its own and carries the stage's folder in its
environment, by which a leaked one is found.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from daemon.system_clock import SystemClock
from journal.snapshot import SnapshotDamaged
from journal.snapshot_io import read_snapshot
from sim.chaos.links import Link
from sim.local.account import RUN, as_account, python_of
from sim.local.child import Child, ChildError
from sim.local.programs import DAEMON, EXCHANGE, FEED, START_LIMIT_S, Programs
from sim.local.setting import ROOT, Setting
from sim.local.waiting import reached

PACKAGES = ("domain", "feeds", "guards", "pricing", "execution", "journal", "ops", "daemon", "sim", "configs")
MARK = "CHAOS_STAGE"
STOP_LIMIT_S = 20.0
ASK_LIMIT_S = 2.0

Truth = dict[str, Any]


class StageError(Exception):
    """The stage itself failed (not the daemon): one line."""


def copy_sources(folder: Path) -> Path:
    """Copy what the processes run to `folder`, and return it."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def utc_ns() -> int:
    """The wall clock in ns."""
    return SystemClock().now().utc_ns


@dataclass
class Stage:
    """Processes, wires and what is known of them. `state_dir` must exist."""

    base: Path
    sources: Path
    state_dir: Path
    seed: int
    period_s: int = 16
    strict_s: int = 5
    first_open_s: int = 3
    preload: dict[str, str] = field(default_factory=dict)
    account: int | None = None
    links: dict[str, Link] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    http: str = ""
    started_utc_ns: int = 0
    session: aiohttp.ClientSession | None = None

    def __post_init__(self) -> None:
        self.setting = Setting(
            self.base,
            self.state_dir,
            "chaos",
            self.sources,
            self.seed,
            period_s=self.period_s,
            strict_s=self.strict_s,
            first_open_s=self.first_open_s,
            taker_rate_hz=3,
            marks={MARK: str(self.base)},
        )
        self.programs = Programs(self.setting)

    # --- life ----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Simulators, wires, configuration, and the daemon until its page answers."""
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ASK_LIMIT_S))
        self.setting.prepare()
        await asyncio.gather(self.start_exchange(), self.start_feed())
        for name, port in self.ports.items():
            self.links[name] = Link(name, port)
            await self.links[name].start()
        exchange, feed, feed2 = (f"127.0.0.1:{self.links[name].port}" for name in (EXCHANGE, FEED, "feed2"))
        self.setting.write_config(f"http://{exchange}", f"ws://{feed}/indices", f"ws://{feed2}/indices")
        if self.account is not None:
            self._hand_over(self.account)
        self.start_daemon()
        await self.page_open()

    async def start_exchange(self) -> None:
        """Start the exchange, the second time on the port of the first."""
        child = self.programs.start_exchange(self.ports.get(EXCHANGE, 0))
        (self.ports[EXCHANGE],) = await self._ports(child, 1)

    async def start_feed(self) -> None:
        """Start the feed's two hosts, the second time on the ports of the first."""
        child = self.programs.start_feed(self.ports.get(FEED, 0), self.ports.get("feed2", 0))
        self.ports[FEED], self.ports["feed2"] = await self._ports(child, 2)

    @staticmethod
    async def _ports(child: Child, count: int) -> list[int]:
        """The ports that a simulator says it listens on. Raises StageError when it does not."""
        try:
            found = await reached(lambda: child.listening(count), START_LIMIT_S)
        except ChildError as problem:
            raise StageError(str(problem)) from None
        if not found:
            raise StageError(f"the {child.name} did not start in time; see {child.log}")
        return [int(address.split(":")[2].split("/")[0]) for address in found]

    def start_daemon(self, terminal: int | None = None) -> None:
        """Start the daemon on this state directory, from a terminal or none; does not wait for it."""
        self.started_utc_ns = utc_ns()
        environment = self.environment | self.preload
        if self.account is None:
            self.programs.start_daemon(environment=environment, terminal=terminal)
            return
        words = ("-c", RUN, *self.setting.daemon_words()[2:])
        who = {"user": self.account, "group": self.account, "extra_groups": [], "umask": 0o077}
        environment = as_account(environment, self.sources)
        self.programs.start(DAEMON, words, Path("/"), environment=environment, python=python_of(self.account), **who)

    def _hand_over(self, account: int) -> None:
        """Give an account what its daemon needs: the state directory and the key; it may look at the rest."""
        self.state_dir.chmod(0o750)
        for path in (self.state_dir, *self.base.glob("*.pem")):
            os.chown(path, account, account)
        for folder in (self.base, self.base.parent):
            folder.chmod(0o755)  # the campaign's own; a temporary one is closed to other accounts

    def watcher(self, limit_ms: int) -> None:
        """Start `ladderd watch` beside the daemon."""
        self.programs.start("watch", self.setting.watch_words(limit_ms), self.base)

    async def page_open(self) -> bool:
        """Wait until the daemon listens; False when it ended or did not in time."""
        with contextlib.suppress(ChildError):
            self.http = await reached(self.programs.page, START_LIMIT_S) or self.http
            return bool(self.programs.page())
        return False

    async def end(self, name: str, number: int = signal.SIGKILL, limit_s: float = STOP_LIMIT_S) -> int | None:
        """Send a signal and wait for the end: the exit code, None when the process had to be killed."""
        self.signal(name, number)
        code = await self.ended(name, limit_s)
        if code is None:
            await asyncio.to_thread(self.programs.running[name].end, signal.SIGKILL)
        return code

    async def ended(self, name: str, limit_s: float) -> int | None:
        """Wait for a process to end by itself: its exit code, None when it has not in time."""
        child = self.programs.running[name]
        await reached(lambda: not child.alive, limit_s)
        return child.returncode

    def signal(self, name: str, number: int) -> None:
        """Send a signal, if the process still is."""
        self.programs.running[name].send_signal(number)

    def alive(self, name: str) -> bool:
        """Whether a process runs."""
        return name in self.programs.running and self.programs.running[name].alive

    def code(self, name: str) -> int | None:
        """With what a process has ended; None while it runs."""
        return self.programs.running[name].poll()

    async def close(self) -> None:
        """End whatever still runs, hard."""
        for name in tuple(self.programs.running):
            if self.alive(name):
                await self.end(name)
        for link in self.links.values():
            await link.stop()
        if self.session is not None:
            await self.session.close()

    # --- what the parts say --------------------------------------------------------------------------------------

    async def ask(self, url: str) -> tuple[int, bytes]:
        """One GET: status and body; status 0 when nobody answers."""
        assert self.session is not None, "asked before the start"
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with self.session.get(url) as answer:
                return answer.status, await answer.read()
        return 0, b""

    async def truth(self) -> Truth | None:
        """The exchange simulator's own record, not through the wire; None when it does not answer."""
        status, body = await self.ask(f"http://127.0.0.1:{self.ports['exchange']}/sim/state")
        return msgspec.json.decode(body) if status == 200 else None  # noqa: PLR2004 - HTTP's OK

    async def hit(self, order_id: str) -> None:
        """Have somebody take an order of ours now."""
        assert self.session is not None, "asked before the start"
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            url = f"http://127.0.0.1:{self.ports['exchange']}/sim/fill"
            async with self.session.post(url, json={"order_id": order_id}) as answer:
                await answer.read()

    async def cancel_all_by_hand(self) -> None:
        """The owner presses "cancel all" on the exchange's page."""
        assert self.session is not None, "asked before the start"
        async with self.session.post(f"http://127.0.0.1:{self.ports['exchange']}/sim/cancel_all") as answer:
            await answer.read()

    async def picture(self) -> dict[str, Any]:
        """The daemon's picture of itself; empty when it does not answer."""
        status, body = await self.ask(f"{self.http}/picture") if self.http else (0, b"")
        return msgspec.json.decode(body)["picture"] if status == 200 else {}  # noqa: PLR2004 - HTTP's OK

    async def health(self) -> bool:
        """Whether /health says 200."""
        return bool(self.http) and (await self.ask(f"{self.http}/health"))[0] == 200  # noqa: PLR2004 - HTTP's OK

    def held(self) -> tuple[int, dict[str, int]] | None:
        """The daemon's positions in hundredths of a contract by its snapshot, with its instant (UTC ns)."""
        with contextlib.suppress(SnapshotDamaged):
            snapshot = read_snapshot(self.state_dir)
            if snapshot is not None:
                markets = msgspec.json.decode(snapshot.payload)["ledger"]["markets"]
                held = {ticker: market["position"] for ticker, market in markets.items() if market["position"]}
                return snapshot.taken_utc_ns, held
        return None

    async def ladderd(self, *arguments: str, limit_s: float = 120.0) -> tuple[int, str]:
        """Run one command as the operator does: exit code and all it said."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "daemon", *arguments, cwd=self.state_dir, env=self.environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            async with asyncio.timeout(limit_s):
                said, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            return -1, f"no end within {limit_s} s"
        return process.returncode or 0, said.decode(errors="replace").strip()

    def log(self) -> str:
        """What the daemon wrote to its standard streams."""
        return self.log_of("daemon")

    def log_of(self, name: str) -> str:
        """What a process wrote to its log."""
        path = self.base / f"{name}.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    # --- parts ---------------------------------------------------------------------------------------------------

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.setting.config

    @property
    def anchor_s(self) -> int:
        """The first target, in Unix seconds."""
        return self.setting.anchor_s

    @property
    def environment(self) -> dict[str, str]:
        """What the processes have in their environment."""
        return self.setting.environment()
