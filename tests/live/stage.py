"""A stage for drills on real processes: the simulated exchange and feeds, and the real daemon, over real sockets.

The same three programs as `ladderd demo`, but each may be killed, stopped and started alone. What is asserted comes
from the exchange simulator's own record (`truth`), from the daemon's journal, or from its commands. Nothing sleeps for
a fixed time: `until` polls a fact up to a limit. The windows' instants are known beforehand, counted from `anchor_s`,
the first target.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from domain.records import payload_of, type_of
from journal.facts import told_in
from journal.reader import Step
from journal.reader_io import read_records, read_steps
from journal.record import STEP
from sim.local.child import Child
from sim.local.programs import DAEMON, EXCHANGE, FEED, START_LIMIT_S, Programs
from sim.local.setting import ROOT, Setting, http_of
from sim.local.waiting import POLL_S, mono_s, utc_s

Fact = TypeVar("Fact")


def until(what: str, look: Callable[[], Fact], limit_s: float = 15.0, poll_s: float = POLL_S) -> Fact:
    """Poll `look` until what it gives is true, and give that.

    Raises:
        AssertionError: not within `limit_s`; it says what was waited for.
    """
    deadline_s = mono_s() + limit_s
    while True:
        seen = look()
        if seen:
            return seen
        if mono_s() >= deadline_s:
            raise AssertionError(f"not within {limit_s} s: {what}; last seen: {seen!r}")
        time.sleep(poll_s)


def until_instant(instant_s: float) -> None:
    """Wait for an instant of the wall clock."""
    until(
        f"the instant {instant_s}", lambda: utc_s() >= instant_s, limit_s=max(instant_s - utc_s(), 0) + 5, poll_s=0.01
    )


SERIES = ("INXU", "NASDAQ100U")
SAID = ("name", "series", "reason", "detail")
OPEN = {"PASS", "NOT_CONFIGURED"}
LIFTED = {"paused", "polygon_ws_final_minute_stale"}  # the reasons that only a resume ends


def fetch(url: str, body: object = None, method: str | None = None, accept: str = "*/*") -> tuple[int, bytes]:
    """One HTTP request: status and body; status 0 when nobody answers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"Accept": accept})  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - loopback
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()
    except OSError as problem:
        return 0, str(problem).encode()


@dataclass
class Stage:
    """Three processes over one state directory. `settings` are LADDERD_* values by dotted key."""

    state_dir: Path
    period_s: int = 12
    strict_s: int = 5
    cadence_ms: int = 250
    first_open_s: int = 4
    feeds: str = "hot"
    exchange_options: tuple[str, ...] = ()
    feed_options: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    config: Path = Path()
    anchor_s: int = 0
    http: str = ""

    def __post_init__(self) -> None:
        self.programs = Programs(self._setting())

    # --- life ----------------------------------------------------------------------------------------------------

    @property
    def open_lead_s(self) -> int:
        """How long a window is open: all of the period but its first second."""
        return self.period_s - 1

    def start(self) -> Stage:
        """Start the simulators and the daemon; the first window opens `first_open_s` after their start."""
        self.start_simulators()
        # A start in a final minute finds no index and counts as a trip; on a busy machine the simulators may be late.
        to_target_s = self.anchor_s - utc_s()
        while to_target_s < 0:
            to_target_s += self.period_s
        if to_target_s < self.strict_s + 4:
            until_instant(utc_s() + to_target_s)
        self.start_daemon()
        self.wait_for_page()
        return self

    def start_simulators(self) -> None:
        """Exchange and feed, and the configuration that names them."""
        self.state_dir.mkdir(parents=True, exist_ok=True)
        setting = self.programs.setting = self._setting()
        setting.prepare()
        self.anchor_s, self.environment, self.config = setting.anchor_s, setting.environment(), setting.config
        exchange, feed = self.programs.start_exchange(), self.programs.start_feed()
        found = until("the exchange's address", exchange.listening, START_LIMIT_S)
        found += until("the feeds' addresses", lambda: feed.listening(2), START_LIMIT_S)
        self.addresses = dict(zip((EXCHANGE, FEED, "feed2"), found, strict=True))
        setting.write_config(*found)

    def start_daemon(self) -> Child:
        """Start the real daemon on this state directory, and do not wait for it."""
        return self.programs.start_daemon(environment=self.environment)

    def wait_for_page(self) -> None:
        """Wait until the daemon listens, and learn where."""
        self.http = until("the page", self.programs.page, START_LIMIT_S)

    @property
    def processes(self) -> dict[str, Child]:
        """What runs, by name."""
        return self.programs.running

    def start_watcher(self, limit_ms: int, *options: str) -> Child:
        """Start the outside watcher beside the daemon; it is ended with the others."""
        words = self.programs.setting.watch_words(limit_ms)
        return self.programs.start("watch", (*words, *options), self.state_dir, environment=self.environment)

    def stop(self, number: int = signal.SIGTERM, name: str = DAEMON) -> int:
        """Send a signal and wait for the end; the exit code, negative for a signal."""
        process = self.processes[name]
        process.send_signal(number)
        return process.wait(START_LIMIT_S)

    def close(self) -> None:
        """End whatever still runs, the daemon first."""
        self.programs.close()

    # --- the window ----------------------------------------------------------------------------------------------

    def target_s(self, number: int = 0) -> int:
        """The target of the first window, or of a later one."""
        return self.anchor_s + number * self.period_s

    def window_ahead(self, spare_s: float = 2.5) -> int:
        """The first window whose strict phase is still so far away; a busy machine may have missed the very first."""
        number = 0
        while self.target_s(number) - self.strict_s - spare_s < utc_s():
            number += 1
        return number

    def until_quoting(self, limit_s: float = 45.0, least: int = 2) -> list[dict[str, Any]]:
        """Wait until the exchange's own record shows orders of ours."""
        try:
            return until("orders resting", lambda: r if len(r := self.truth()["resting"]) >= least else [], limit_s)
        except AssertionError as problem:
            status, body = fetch(self.http + "/ready")
            gates = json.loads(body).get("gates", ()) if status else ({"name": "no answer", "status": "FAIL"},)
            against = [{key: gate.get(key) for key in SAID} for gate in gates if gate["status"] not in OPEN]
            raise AssertionError(f"{problem}; against it: {against}") from None

    def resume(self) -> None:
        """Lift what a fault left behind; a resume is refused while a gate is against it, so until it is taken."""

        def taken() -> bool:
            cause = ("--by", "drill", "--cause", "over", "--state-dir", str(self.state_dir))
            return self.ladderd("resume", *cause).returncode == 0

        until("a resume is taken", taken, 30, 0.5)

    def quoting_again(self, least: int = 2) -> list[dict[str, Any]]:
        """Wait for orders, and lift what keeps them away: refusals cool a market or pause, trips freeze."""
        for name in SERIES:
            if not LIFTED.isdisjoint(self.reasons(name)):
                self.resume()
        return self.until_quoting(75, least)

    def until_only(self, *reasons: str, limit_s: float = 20.0) -> None:
        """Wait until nothing else keeps either series from being quoted: what a resume asks for."""

        def rest() -> bool:
            told = [self.reasons(name) for name in SERIES]
            return any(told) and all(set(each) <= set(reasons) for each in told)

        until(f"nothing but {', '.join(reasons)}", rest, limit_s)

    # --- what the parts say --------------------------------------------------------------------------------------

    def truth(self) -> dict[str, Any]:
        """The exchange simulator's own record of our account."""
        status, body = fetch(f"{self.addresses['exchange']}/sim/state")
        assert status == 200, body
        told: dict[str, Any] = json.loads(body)
        return told

    def exchange_fault(self, fault: str, **parameters: object) -> None:
        """Have the exchange misbehave."""
        status, body = fetch(f"{self.addresses['exchange']}/sim/faults", {"fault": fault, **parameters})
        assert status == 200, body

    def feed_fault(self, fault: str, **parameters: object) -> None:
        """Have the feed misbehave; `host` 1 or 2, both without."""
        status, body = fetch(f"{self._feed_http()}/sim/faults", {"fault": fault, **parameters})
        assert status in {200, 201}, body

    def heal(self) -> None:
        """End all faults of both simulators."""
        for address in (self.addresses["exchange"], self._feed_http()):
            status, body = fetch(f"{address}/sim/faults", method="DELETE")
            assert status == 200, body

    def page(self, path: str, accept: str = "*/*") -> tuple[int, bytes]:
        """Ask the daemon over HTTP."""
        return fetch(self.http + path, accept=accept)

    def picture(self) -> dict[str, Any]:
        """The daemon's picture of itself; empty when it does not answer."""
        status, body = self.page("/picture")
        told: dict[str, Any] = json.loads(body)["picture"] if status == 200 else {}
        return told

    def metrics(self, accept: str = "text/plain") -> dict[tuple[str, str], float]:
        """The daemon's metrics by sample name and labels as printed; empty when it does not answer."""
        status, body = self.page("/metrics", accept=accept)
        found: dict[tuple[str, str], float] = {}
        for line in body.decode().splitlines() if status == 200 else ():
            if not line.startswith("#"):
                sample, _, value = line.rpartition(" ")
                name, _, labels = sample.partition("{")
                found[name, labels.removesuffix("}")] = float(value)
        return found

    def metric(self, name: str, labels: str = "") -> float:
        """One sample; 0 when there is none."""
        return self.metrics().get((name, labels), 0.0)

    def series(self, name: str = "INXU") -> dict[str, Any]:
        """One series in the picture."""
        return next((s for s in self.picture().get("series", ()) if s["name"] == name), {})

    def reasons(self, name: str = "INXU") -> tuple[str, ...]:
        """Why a series is not quoted; empty when it may be."""
        return tuple(self.series(name).get("reasons", ("no answer",)))

    def ladderd(self, *arguments: str, limit_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run one command as the operator does, in the state directory's environment."""
        return subprocess.run(
            [sys.executable, "-m", "daemon", *arguments],
            cwd=self.state_dir, env=self.environment, capture_output=True, text=True, check=False, timeout=limit_s,
        )  # fmt: skip

    def log(self) -> str:
        """What the daemon wrote to its standard streams."""
        return (self.state_dir / "daemon.log").read_text(encoding="utf-8", errors="replace")

    def records(self, *types: str) -> list[dict[str, Any]]:
        """The payloads of the journal's typed records, in order."""
        marks = [f'"{name}"'.encode() for name in types]
        lines = read_records(self.state_dir, skip=lambda line: not any(mark in line for mark in marks))
        return [payload_of(fact.entry) for fact in told_in(lines) if type_of(type(fact.entry)) in types]

    def steps(self) -> Iterator[Step]:
        """The engine's steps, in order."""
        return read_steps(self.state_dir)

    def step_of(self, record_type: str, after_seq: int = 0) -> Step:
        """The first step that emitted a record of this type."""
        mark = f'"{record_type}"'.encode()
        for record in read_records(self.state_dir, after_seq, skip=lambda line: mark not in line):
            if record.type == STEP:
                return next(step for step in read_steps(self.state_dir, record.seq - 1) if step.seq == record.seq)
        raise AssertionError(f"no step recorded a {record_type}")

    # --- parts ---------------------------------------------------------------------------------------------------

    def _setting(self) -> Setting:
        return Setting(
            self.state_dir,
            self.state_dir,
            "stage",
            period_s=self.period_s,
            strict_s=self.strict_s,
            first_open_s=self.first_open_s,
            anchor_s=self.anchor_s,
            cadence_ms=self.cadence_ms,
            feeds=self.feeds,
            exchange_options=self.exchange_options,
            feed_options=self.feed_options,
            settings=self.settings,
        )

    def _feed_http(self) -> str:
        return http_of(self.addresses[FEED])


def demo_stage(state_dir: Path, demo: subprocess.Popen[bytes]) -> Stage:
    """The parts of a running `ladderd demo`, once it has written its card; it ends them itself."""
    card_path = state_dir / "demo.json"

    def card() -> dict[str, Any]:
        assert demo.poll() is None, f"the demo ended with {demo.returncode}"
        told: dict[str, Any] = json.loads(card_path.read_text(encoding="utf-8")) if card_path.exists() else {}
        return told

    told = until("the demo's card", card, START_LIMIT_S)
    variables = (state_dir / "demo.env").read_text(encoding="utf-8").splitlines()
    return Stage(
        state_dir,
        config=state_dir / "demo.toml",
        http=told["http"],
        addresses={"exchange": told["exchange"], "feed": told["feeds"][0], "feed2": told["feeds"][1]},
        environment={
            **{k: v for k, v in os.environ.items() if not k.startswith("LADDERD_")},
            **dict(line.split("=", 1) for line in variables),
            "PYTHONPATH": str(ROOT),
        },
    )


@contextlib.contextmanager
def playing(stage: Stage) -> Iterator[Stage]:
    """Start a stage, and end its processes whatever happens."""
    try:
        yield stage.start()
    finally:
        stage.close()


def assert_flat_and_maker(truth: dict[str, Any]) -> list[dict[str, Any]]:
    """By the exchange's own record: nothing rested at or after any freeze, nothing was taken; the finished windows.

    A finished window is one that we quoted and whose freeze has passed.
    """
    over = [w for w in truth["windows"] if w["freeze_time_ms"] <= truth["now_ms"]]
    late = [w for w in over if w["resting_after_freeze_max"]]
    assert not late, late
    assert not [fill for fill in truth["fills"] if fill["is_taker"]]
    return [w for w in over if w["last_resting_ms"]]


def assert_journal(stage: Stage, runs: int = 1) -> None:
    """`ladderd verify` finds the chain whole, and `ladderd replay` gives the same actions byte for byte."""
    verified = stage.ladderd("verify", "--state-dir", str(stage.state_dir))
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "journal whole" in verified.stdout
    replayed = stage.ladderd("replay", "--state-dir", str(stage.state_dir), "--json")
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    verdict = json.loads(replayed.stdout)
    assert verdict["ok"]
    assert verdict["runs"] == runs
