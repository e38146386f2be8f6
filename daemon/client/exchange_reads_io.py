"""One command's eyes: the exchange over one connection, the running daemon's picture, the vendor's REST, our own files.

Each is looked at once for one command, however many checks want it. The vendor is asked over REST alone: its websocket
is the daemon's, and a second one on the same account would evict it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

import aiohttp
import msgspec

from daemon.client.exchange_io import ExchangeClient
from daemon.client.index_snapshot import Shown
from daemon.client.living_io import read_page
from daemon.engine.memory import Memory, read_memory
from daemon.settings.secrets_io import account_key
from daemon.settings.tree import Settings, config_hash
from domain.clock import NS_PER_MS, Clock
from domain.door import PAGE_BYTES_MAX, Door, Refused
from domain.errors import UnavailableError
from domain.market import SERIES
from execution.kalshi.sign import Signer
from journal.snapshot import Snapshot, SnapshotDamaged
from journal.snapshot_io import read_snapshot
from ops.client_io import fetch
from ops.http.frame import Frame, read_frame

VENDOR_LIMIT_S: Final = 5.0

T = TypeVar("T")


class _SnapshotRow(msgspec.Struct):
    ticker: str
    error: str = ""
    message: str = ""
    timeframe: str = ""
    market_status: str = ""
    last_updated: int | None = None


class _VendorAnswer(msgspec.Struct):
    results: list[_SnapshotRow] = []


_vendor_answer: Final = Door(_VendorAnswer, PAGE_BYTES_MAX).read


class Look:
    """One run's eyes. Every `see_*` is read once, however many checks want it."""

    def __init__(self, settings: Settings, clock: Clock, http: str | None = None) -> None:
        """Prepare to look; `http` names the daemon's page where it is not the state directory's own."""
        self.settings = settings
        self.clock = clock
        self.digest = config_hash(settings)
        self.live = settings.mode == "live"
        self.line: ExchangeClient | None = None
        self._http = http is not None
        self.address = http or ""
        self._seen: dict[str, asyncio.Task[Any]] = {}

    def signer(self) -> Signer:
        """Our key. Raises ConfigurationError for a missing or unusable one."""
        return Signer(*account_key(self.settings))

    def connect(self) -> None:
        """Make the line to the exchange. Raises ConfigurationError as `signer` does."""
        self.line = ExchangeClient(self.settings.exchange.rest_url, self.signer(), self.clock, self.settings.posture)

    def close(self) -> None:
        """Leave the exchange."""
        if self.line is not None:
            self.line.close()

    def exchange(self) -> ExchangeClient:
        """The line. Raises ConfigurationError when there is none."""
        if self.line is None:
            self.connect()
        assert self.line is not None
        return self.line

    async def _once(self, name: str, look: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if name not in self._seen:
            self._seen[name] = asyncio.create_task(look())
        found: T = await self._seen[name]
        return found

    # --- the daemon ----------------------------------------------------------------------------------------------

    async def see_daemon(self) -> tuple[Frame | None, str]:
        """The running daemon's picture, or None and why it is a problem that there is none (nothing: none runs)."""
        return await self._once("daemon", self.ask_daemon)

    async def ask_daemon(self) -> tuple[Frame | None, str]:
        """The same, asked anew."""
        return await asyncio.to_thread(self._ask_daemon)

    def _ask_daemon(self) -> tuple[Frame | None, str]:
        pid = 0
        if not self._http:
            try:
                told = read_page(self.settings.state_dir)
                self.address, pid = f"http://127.0.0.1:{told.port}", told.pid
            except (FileNotFoundError, NotADirectoryError):
                return None, ""
            except (OSError, Refused) as problem:
                return None, f"monitors/http.json cannot be read: {problem}"
            if not _is_daemon(pid):
                return None, ""
        try:
            frame = read_frame(fetch(self.address, "/picture").text)
        except UnavailableError as problem:
            return None, f"process {pid} runs and does not answer: {problem}" if pid else str(problem)
        except msgspec.MsgspecError as problem:
            return None, f"{self.address}: its picture cannot be read: {problem}"
        return frame, ""

    async def see_memory(self) -> tuple[Memory | None, Snapshot | None]:
        """What the last snapshot holds. Raises SnapshotDamaged."""
        snapshot = await asyncio.to_thread(read_snapshot, self.settings.state_dir)
        if snapshot is None:
            return None, None
        try:
            return read_memory(snapshot.payload), snapshot
        except msgspec.MsgspecError as problem:
            raise SnapshotDamaged(f"snapshot: not the memory of this build: {problem}") from None

    # --- the vendor ----------------------------------------------------------------------------------------------

    async def see_vendor(self) -> tuple[list[Shown], list[str]]:
        """What every host's REST snapshot shows of our symbols, and which hosts could not be asked."""
        return await self._once("vendor", self._see_vendor)

    async def _see_vendor(self) -> tuple[list[Shown], list[str]]:
        feeds = self.settings.feeds
        symbols = [SERIES[name].symbol for name in self.settings.windows.series] + [*self.settings.vix.symbols]
        rows: list[Shown] = []
        unasked: list[str] = []
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=VENDOR_LIMIT_S)) as session:
            for feed in (feeds.primary, feeds.secondary):
                if feed is None or not feed.rest_url:
                    continue
                url = f"{feed.rest_url.rstrip('/')}/v3/snapshot/indices"
                headers = {"Authorization": f"Bearer {feeds.key_of(feed) or ''}"}
                asked = {"ticker.any_of": ",".join(symbols)}
                try:
                    async with session.get(url, params=asked, headers=headers, allow_redirects=False) as answer:
                        rows += self._shown(feed.name, symbols, answer.status, await answer.read())
                except (aiohttp.ClientError, TimeoutError) as problem:
                    unasked.append(f"{feed.name}: no answer from {feed.rest_url} ({type(problem).__name__})")
        return rows, unasked

    def _shown(self, host: str, symbols: list[str], status: int, body: bytes) -> list[Shown]:
        if status != 200:  # noqa: PLR2004 - the HTTP status itself
            return [Shown(host, "", f"HTTP {status}")]
        try:
            told = {row.ticker: row for row in _vendor_answer(body).results}
        except msgspec.MsgspecError as problem:
            return [Shown(host, "", f"unreadable answer: {problem}")]
        utc_ns = self.clock.now().utc_ns
        rows = []
        for symbol in symbols:
            row = told.get(symbol, _SnapshotRow(symbol, "missing in the answer"))
            age_ms = None if row.last_updated is None else (utc_ns - row.last_updated) / NS_PER_MS
            rows.append(Shown(host, symbol, row.error or row.message, row.timeframe, row.market_status, age_ms))
        return rows


def _is_daemon(pid: int) -> bool:
    try:
        return b"run" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
