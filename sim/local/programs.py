"""The programs of one run on this machine, by name: each may be killed, stopped and started alone.

What starts is written down before anything can fail, so `close` leaves nothing behind whatever has happened.
"""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from sim.local.child import Child, ChildError
from sim.local.setting import Setting

START_LIMIT_S = 30.0
EXCHANGE, FEED, DAEMON = "exchange", "feed", "daemon"


class Programs:
    """What runs. Children of anybody else may be put in beside ours, and are ended with them."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.running: dict[str, Child] = {}

    def start(self, name: str, words: tuple[str, ...], folder: Path | None = None, **more: Any) -> Child:  # noqa: ANN401 - what Popen takes
        """Start a Python process; does not wait for it."""
        setting = self.setting
        log = setting.folder / f"{name}.log"
        environment = more.pop("environment", None) or setting.environment()
        child = self.running[name] = Child(words, log, folder or setting.sources, environment, **more)
        return child

    def start_exchange(self, port: int = 0) -> Child:
        """Start the exchange; port 0 takes a free one."""
        return self.start(EXCHANGE, self.setting.exchange_words(port))

    def start_feed(self, port: int = 0, port2: int = 0) -> Child:
        """Start both hosts of the vendor."""
        return self.start(FEED, self.setting.feed_words(port, port2))

    def start_daemon(self, **more: Any) -> Child:  # noqa: ANN401 - what Popen takes
        """Start the daemon on its state directory."""
        return self.start(DAEMON, self.setting.daemon_words(), self.setting.state_dir, **more)

    def page(self) -> str:
        """Where the daemon listens, from the file that it writes when it does; empty before.

        Raises:
            ChildError: it has ended.
        """
        daemon, path = self.running[DAEMON], self.setting.state_dir / "monitors" / "http.json"
        if not daemon.alive:
            raise ChildError(f"the daemon ended with {daemon.returncode}: {daemon.last_words()} (log: {daemon.log})")
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return ""
        return f"http://127.0.0.1:{told['port']}" if told["pid"] == daemon.pid else ""

    def close(self, limit_s: float | None = None) -> None:
        """End whatever still runs: the daemon in order and before the simulators that it needs for that."""
        order = sorted(self.running, key=lambda name: (name != DAEMON, name in {EXCHANGE, FEED}))
        for name in order:
            child = self.running[name]
            child.end(signal.SIGTERM) if limit_s is None else child.end(signal.SIGTERM, limit_s)
