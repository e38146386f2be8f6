"""The campaign on a running daemon with resting orders: through its sockets, its page and its files.

What is looked at is from outside: the process lives, its memory, what rests by the exchange's own record, and how long
a cancel-all takes before and after.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final
from urllib.parse import urlsplit

from domain.market import SERIES
from sim.local.waiting import utc_s
from tests.fuzz.mutations import mutated, samples
from tests.fuzz.papers import REQUEST
from tests.fuzz.proxy import Proxy
from tests.live.stage import Stage, until

ENDING: Final = (b"auth_failed", b"max_connections", b"not authorized", b"auth_timeout")


class Campaign:
    """One daemon behind two hostile wires."""

    def __init__(self, folder: Path, seed: int, say: Callable[[str], object]) -> None:
        self.rng = Random(seed)
        self.say = say
        self.stage = Stage(folder, period_s=900, strict_s=20)
        self.fed = 0

    def run(self, inputs: int) -> None:
        """All of it; raises AssertionError for what may not be."""
        stage = self.stage
        try:
            stage.start_simulators()
            self.feed = Proxy(stage.addresses["feed"], self.rng)
            self.exchange = Proxy(stage.addresses["exchange"], self.rng)
            self._reroute()
            stage.start_daemon()
            stage.wait_for_page()
            stage.until_quoting(60, least=4)
            before_kb, quick_ms = self._resident_kb(), self._cancel_ms()
            self._quote_again()
            # Where the daemon reconnects after each input, or is asked by nobody but itself, a minute is enough.
            self._part("exchange frames", inputs // 10, self._frame, 40)
            self._part("exchange answers", inputs // 20, self._answer, 20)
            stage.until_quoting(60, least=4)
            self._part("index frames", inputs * 4 // 10, self._index)
            self._part("requests to the page", inputs * 3 // 10, self._page)
            self._part("files", inputs - self.fed, self._file)
            resting = len(stage.truth()["resting"])
            assert resting, "orders rested meanwhile"
            slow_ms = self._cancel_ms()
            grown_kb = self._resident_kb() - before_kb
            assert stage.processes["daemon"].alive, stage.log()[-3000:]
            self.say(f"{self.fed} inputs; {resting} orders rested meanwhile; memory +{grown_kb} kB")
            self.say(f"cancel-all, by the exchange's record: {quick_ms:.0f} ms before, {slow_ms:.0f} ms after")
            assert stage.stop(signal.SIGTERM) == 0, "it stops in order"
            assert not stage.truth()["resting"], "no order is left"
        finally:
            stage.close()

    def _reroute(self) -> None:
        text = self.stage.config.read_text("utf-8")
        for name, proxy in (("feed", self.feed), ("exchange", self.exchange)):
            port = urlsplit(self.stage.addresses[name]).port
            text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{proxy.port}")
        self.stage.config.write_text(text, "utf-8")

    def _part(self, name: str, count: int, feed: Callable[[], None], limit_s: float = 600) -> None:
        began_s, before_kb, fed = utc_s(), self._resident_kb(), 0
        while fed < count and utc_s() - began_s < limit_s:
            feed()
            fed += 1
            assert self.stage.processes["daemon"].alive, f"ended by {name}: {self.stage.log()[-3000:]}"
        self.fed += fed
        self.say(f"{name:22} {fed:6}  {utc_s() - began_s:6.1f} s  memory +{self._resident_kb() - before_kb} kB")

    def _index(self) -> None:
        frames = [each for each in samples("index_frames") if not any(word in each for word in ENDING)]
        stamp_ms = int(utc_s() * 1_000)
        values = [{"ev": "V", "val": 6_700.5, "T": one.symbol, "t": stamp_ms} for one in SERIES.values()]
        frame = mutated(self.rng, self.rng.choice([*frames, json.dumps(values).encode()]))
        if not any(word in frame for word in ENDING):
            self.feed.inject(frame[: 1 << 16])

    def _frame(self) -> None:
        def one() -> int:
            return self.exchange.inject(mutated(self.rng, self.rng.choice(samples("exchange_frames")))[: 1 << 16])

        until("the stream is up again", one, 30)
        self.stage.page("/health")  # the next input meets what this one has led to

    def _answer(self) -> None:
        self.exchange.spoil = 1
        done = self.exchange.spoilt
        until("an answer was spoilt", lambda: self.exchange.spoilt > done, 40)

    def _page(self) -> None:
        body = mutated(self.rng, b'{"by":"ann","cause":"why"}')
        path = self.rng.choice([b"/health", b"/metrics", b"/picture", b"/web/x", b"/docs/x", b"/control/pause"])
        head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        with socket.create_connection(("127.0.0.1", urlsplit(self.stage.http).port or 0), 5) as line:
            line.settimeout(0.02)
            line.sendall(mutated(self.rng, head % (path, len(body)) + body)[: 1 << 16])
            try:
                line.recv(1 << 16)
            except OSError:
                return

    def _file(self) -> None:
        name = self.rng.choice(["requests/f%d.json", "requests/f%d.done", "requests/.f%d", "proofs.json"])
        path = self.stage.state_dir / (name % self.rng.randrange(20) if "%" in name else name)
        path.write_bytes(mutated(self.rng, REQUEST.replace(b"pause", b"note")))

    def _cancel_ms(self) -> float:
        """From the signal to an empty list, by the exchange's own record."""
        began_s = utc_s()
        self.stage.processes["daemon"].send_signal(signal.SIGUSR1)
        until("no order rests", lambda: not self.stage.truth()["resting"], 5, 0.002)
        return (utc_s() - began_s) * 1_000

    def _quote_again(self) -> None:
        """Out of the tail and the pause that a cancel-all brings, with orders resting."""
        until("the tail is over", lambda: "cancel_all_tail" not in self.stage.reasons(), 90, 0.5)
        self.stage.ladderd("resume", "--config", str(self.stage.config), "--by", "ann", "--cause", "campaign")
        self.stage.until_quoting(60, least=4)

    def _resident_kb(self) -> int:
        status = Path(f"/proc/{self.stage.processes['daemon'].pid}/statm").read_text("ascii")
        return int(status.split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1_024


def run(inputs: int, seed: int, say: Callable[[str], object]) -> None:
    """Run it in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        Campaign(Path(folder), seed, say).run(inputs)
