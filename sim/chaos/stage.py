"""The stage of the campaign on real processes: both simulators, wires that can be cut, and the unchanged daemon.

One stage is one state directory with one exchange; the daemon dies and comes back on it many times. All processes run
from a copy of the sources taken when the campaign began, so that the build is the same from the first run to the
replay, whatever is edited meanwhile. Each process leads a session of its own and carries the stage's folder in its
environment, by which a leaked one is found.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from daemon.system_clock import SystemClock
from domain.clock import NS_PER_S
from journal.snapshot import SnapshotDamaged
from journal.snapshot_io import read_snapshot
from sim.chaos.links import Link

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("domain", "feeds", "guards", "pricing", "execution", "journal", "ops", "daemon", "sim", "configs")
MARK = "CHAOS_STAGE"
KEY_ID, FEED_KEY = "chaos-key", "chaos-feed-key"
START_LIMIT_S = 30.0
STOP_LIMIT_S = 20.0
POLL_S = 0.02
ASK_LIMIT_S = 2.0

Truth = dict[str, Any]


class StageError(Exception):
    """The stage itself failed (not the daemon): one line."""


def copy_sources(folder: Path) -> Path:
    """Copy what the processes run to `folder`, and return it."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def mono_s() -> float:
    """The monotonic clock in seconds."""
    return SystemClock().now().mono_ns / NS_PER_S


def utc_ns() -> int:
    """The wall clock in ns."""
    return SystemClock().now().utc_ns


def utc_s() -> float:
    """The wall clock in Unix seconds."""
    return utc_ns() / NS_PER_S


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
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    anchor_s: int = 0
    http: str = ""
    started_utc_ns: int = 0
    session: aiohttp.ClientSession | None = None

    # --- life ----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Simulators, wires, configuration, and the daemon until its page answers."""
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ASK_LIMIT_S))
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("LADDERD_")}
        self.environment |= {
            "LADDERD_EXCHANGE__API_KEY_ID": KEY_ID,
            "LADDERD_EXCHANGE__PRIVATE_KEY_FILE": str(self._key()),
            "LADDERD_FEEDS__API_KEY": FEED_KEY,
            "PYTHONPATH": str(self.sources),
            MARK: str(self.base),
        }
        self.anchor_s = int(utc_s()) + self.period_s - 1 + self.first_open_s
        await asyncio.gather(self.start_exchange(), self.start_feed())
        for name, port in self.ports.items():
            self.links[name] = Link(name, port)
            await self.links[name].start()
        self.config.write_text(self._config(), encoding="utf-8")
        await self.start_daemon()
        await self.page_open()

    async def start_exchange(self) -> None:
        """Start the exchange, the second time on the port of the first."""
        await self._spawn(
            "exchange", "-m", "sim", "exchange", "--port", str(self.ports.get("exchange", 0)),
            "--api-key-id", KEY_ID, "--public-key", str(self.base / "key.pub"), "--seed", str(self.seed),
            "--period-s", str(self.period_s), "--anchor-s", str(self.anchor_s),
            "--settle-delay-s", "1", "--taker-rate-hz", "3",
        )  # fmt: skip
        self.ports["exchange"] = await self._listening("exchange")

    async def start_feed(self) -> None:
        """Start the feed's two hosts, the second time on the ports of the first."""
        first, second = self.ports.get("feed", 0), self.ports.get("feed2", 0)
        await self._spawn(
            "feed", "-m", "sim", "feed", "--port", str(first), "--port2", str(second), "--api-key", FEED_KEY,
            "--seed", str(self.seed), "--cadence-ms", "250", "--quota", "2",
        )  # fmt: skip
        self.ports["feed"] = await self._listening("feed")
        self.ports["feed2"] = await self._listening("feed")

    async def start_daemon(self) -> asyncio.subprocess.Process:
        """Start the daemon on this state directory; does not wait for it."""
        self.started_utc_ns = utc_ns()
        process = await self._run("daemon", self.state_dir, self.environment | self.preload, self.daemon_line())
        self.processes["daemon"] = process
        return process

    def daemon_line(self) -> tuple[str, ...]:
        """The command line of the daemon."""
        return ("-m", "daemon", "run", "--config", str(self.config))

    async def page_open(self) -> bool:
        """Wait until the daemon listens; False when it ended or did not in time."""
        path, limit_s = self.state_dir / "monitors" / "http.json", mono_s() + START_LIMIT_S
        while self.alive("daemon") and mono_s() < limit_s:
            with contextlib.suppress(OSError, ValueError):
                told = json.loads(path.read_text(encoding="utf-8"))
                if told["pid"] == self.processes["daemon"].pid:
                    self.http = f"http://127.0.0.1:{told['port']}"
                    return True
            await asyncio.sleep(POLL_S)
        return False

    async def end(self, name: str, number: int = signal.SIGKILL, limit_s: float = STOP_LIMIT_S) -> int | None:
        """Send a signal and wait for the end: the exit code, None when the process had to be killed."""
        self.signal(name, number)
        code = await self.ended(name, limit_s)
        if code is None:
            self.signal(name, signal.SIGKILL)
            await self.processes[name].wait()
        return code

    async def ended(self, name: str, limit_s: float) -> int | None:
        """Wait for a process to end by itself: its exit code, None when it has not in time."""
        try:
            async with asyncio.timeout(limit_s):
                return await self.processes[name].wait()
        except TimeoutError:
            return None

    def signal(self, name: str, number: int) -> None:
        """Send a signal, if the process still is."""
        with contextlib.suppress(ProcessLookupError):
            self.processes[name].send_signal(number)

    def alive(self, name: str) -> bool:
        """Whether a process runs."""
        return name in self.processes and self.processes[name].returncode is None

    async def close(self) -> None:
        """End whatever still runs, hard."""
        for name in tuple(self.processes):
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
        """The configuration file; beside the state, so that a full disk cannot spoil it."""
        return self.base / "chaos.toml"

    async def _spawn(self, name: str, *arguments: str) -> None:
        self.processes[name] = await self._run(name, self.sources, self.environment, arguments, piped=True)

    async def _run(
        self, name: str, folder: Path, environment: dict[str, str], arguments: tuple[str, ...], *, piped: bool = False
    ) -> asyncio.subprocess.Process:
        with (self.base / f"{name}.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable, *arguments, stdout=asyncio.subprocess.PIPE if piped else log, stderr=log, cwd=folder,
                env=environment, start_new_session=True,
            )  # fmt: skip

    async def watcher(self, limit_ms: int) -> None:
        """Start `ladderd watch` beside the daemon."""
        self.processes["watch"] = await self._run(
            "watch", self.base, self.environment,
            ("-m", "daemon", "watch", "--config", str(self.config), "--limit-ms", str(limit_ms)),
        )  # fmt: skip

    async def _listening(self, name: str) -> int:
        stdout = self.processes[name].stdout
        assert stdout is not None, "started with a pipe"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_LIMIT_S):
                async for line in stdout:
                    text = line.decode().strip()
                    if " listening on " in text:
                        return int(text.rpartition(" ")[2].split(":")[2].split("/")[0])
        raise StageError(f"the {name} did not start; see {self.base}/{name}.log")

    def _key(self) -> Path:
        private = ed25519.Ed25519PrivateKey.generate()
        key_file = self.base / "key.pem"
        key_file.touch(mode=0o600)
        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        key_file.write_bytes(private.private_bytes(pem, pkcs8, serialization.NoEncryption()))
        public = private.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
        (self.base / "key.pub").write_bytes(public)
        return key_file

    def _config(self) -> str:
        rest = f"127.0.0.1:{self.links['exchange'].port}/trade-api"
        feeds = [
            f'{place} = {{ name = "{name}", url = "ws://127.0.0.1:{self.links[link].port}/indices",'
            f' rest_url = "http://127.0.0.1:{self.links[link].port}" }}'
            for place, name, link in (("primary", "massive", "feed"), ("secondary", "polygon", "feed2"))
        ]
        return "\n".join(
            [
                "# written by the campaign on real processes",
                'mode = "paper"',
                f"state_dir = {json.dumps(str(self.state_dir))}",
                f"fees_file = {json.dumps(str(self.sources / 'configs' / 'fees.json'))}",
                f"calendar_file = {json.dumps(str(self.sources / 'configs' / 'nyse_days.csv'))}",
                "[windows]",
                'template = "short"',
                f"anchor_unix_s = {self.anchor_s}",
                f"period_s = {self.period_s}",
                f"preflight_lead_s = {self.period_s}",
                f"open_lead_s = {self.period_s - 1}",
                f"strict_lead_s = {self.strict_s}",
                "freeze_lead_s = 2",
                "[feeds]",
                'mode = "hot"',
                *feeds,
                "[exchange]",
                f'rest_url = "http://{rest}/v2"',
                f'ws_url = "ws://{rest}/ws/v2"',
                "[http]",
                "port = 0",
                "",
            ]
        )
