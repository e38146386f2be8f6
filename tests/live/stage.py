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
import secrets
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

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from daemon.system_clock import SystemClock
from domain.clock import NS_PER_S
from journal.reader import Step
from journal.reader_io import read_records, read_steps
from journal.record import STEP

ROOT = Path(__file__).resolve().parents[2]
START_LIMIT_S = 30.0
STOP_LIMIT_S = 30.0
POLL_S = 0.02
KEY_ID = "stage-key"

Fact = TypeVar("Fact")
Process = subprocess.Popen[bytes]


def until(what: str, look: Callable[[], Fact], limit_s: float = 15.0, poll_s: float = POLL_S) -> Fact:
    """Poll `look` until what it gives is true, and give that; fail, saying what was waited for, after `limit_s`."""
    deadline_ns = SystemClock().now().mono_ns + int(limit_s * NS_PER_S)
    while True:
        seen = look()
        if seen:
            return seen
        if SystemClock().now().mono_ns >= deadline_ns:
            raise AssertionError(f"not within {limit_s} s: {what}; last seen: {seen!r}")
        time.sleep(poll_s)


def utc_s() -> float:
    """The wall clock in Unix seconds."""
    return SystemClock().now().utc_ns / NS_PER_S


def until_instant(instant_s: float) -> None:
    """Wait for an instant of the wall clock."""
    until(
        f"the instant {instant_s}", lambda: utc_s() >= instant_s, limit_s=max(instant_s - utc_s(), 0) + 5, poll_s=0.01
    )


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
    processes: dict[str, Process] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    config: Path = Path()
    anchor_s: int = 0
    http: str = ""

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
        key_file, public_file = self._key()
        feed_key = secrets.token_hex(8)
        self.anchor_s = self.anchor_s or int(utc_s()) + self.open_lead_s + self.first_open_s
        self._spawn(
            "exchange", "-m", "sim", "exchange", "--port", "0", "--api-key-id", KEY_ID, "--public-key",
            str(public_file), "--seed", "7", "--period-s", str(self.period_s), "--anchor-s", str(self.anchor_s),
            "--settle-delay-s", "1", "--taker-rate-hz", "2", *self.exchange_options,
        )  # fmt: skip
        quota = "2" if self.feeds == "hot" else "1"
        self._spawn(
            "feed", "-m", "sim", "feed", "--port", "0", "--port2", "0", "--api-key", feed_key, "--seed", "7",
            "--cadence-ms", str(self.cadence_ms), "--quota", quota, *self.feed_options,
        )  # fmt: skip
        self.addresses["exchange"] = self._listening("exchange")
        self.addresses["feed"] = self._listening("feed")
        self.addresses["feed2"] = self._listening("feed")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("LADDERD_")}
        self.environment |= {
            "LADDERD_EXCHANGE__API_KEY_ID": KEY_ID,
            "LADDERD_EXCHANGE__PRIVATE_KEY_FILE": str(key_file),
            "LADDERD_FEEDS__API_KEY": feed_key,
            "PYTHONPATH": str(ROOT),
        }
        self.environment |= {"LADDERD_" + key.upper().replace(".", "__"): value for key, value in self.settings.items()}
        self.config = self.state_dir / "stage.toml"
        self.config.write_text(self._config(), encoding="utf-8")

    def start_daemon(self) -> Process:
        """Start the real daemon on this state directory, and do not wait for it."""
        with (self.state_dir / "daemon.log").open("ab") as log:
            self.processes["daemon"] = subprocess.Popen(
                [sys.executable, "-m", "daemon", "run", "--config", str(self.config)],
                stdout=log, stderr=log, cwd=self.state_dir, env=self.environment, start_new_session=True,
            )  # fmt: skip
        return self.processes["daemon"]

    def wait_for_page(self) -> None:
        """Wait until the daemon listens, and learn where."""
        daemon = self.processes["daemon"]
        path = self.state_dir / "monitors" / "http.json"

        def port() -> int:
            assert daemon.poll() is None, f"the daemon ended with {daemon.returncode}: {self.log()[-2000:]}"
            if not path.exists():
                return 0
            told = json.loads(path.read_text(encoding="utf-8"))
            return int(told["port"]) if told["pid"] == daemon.pid else 0

        self.http = f"http://127.0.0.1:{until('the page', port, START_LIMIT_S)}"

    def stop(self, number: int = signal.SIGTERM, name: str = "daemon") -> int:
        """Send a signal and wait for the end; the exit code, negative for a signal."""
        process = self.processes[name]
        process.send_signal(number)
        return process.wait(STOP_LIMIT_S)

    def close(self) -> None:
        """End whatever still runs, the daemon first."""
        for name in ("daemon", "exchange", "feed"):
            process = self.processes.get(name)
            if process is None:
                continue
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
                try:
                    process.wait(STOP_LIMIT_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            if process.stdout is not None:
                process.stdout.close()

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

    def until_quoting(self, limit_s: float = 20.0, least: int = 2) -> list[dict[str, Any]]:
        """Wait until the exchange's own record shows orders of ours."""
        return until("orders resting", lambda: r if len(r := self.truth()["resting"]) >= least else [], limit_s)

    def until_only(self, *reasons: str, limit_s: float = 20.0) -> None:
        """Wait until nothing else keeps either series from being quoted: what a resume asks for."""

        def rest() -> bool:
            told = [self.reasons(name) for name in ("INXU", "NASDAQ100U")]
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
        marks = [f'"type":"{name}"'.encode() for name in types]
        lines = read_records(self.state_dir, skip=lambda line: not any(mark in line for mark in marks))
        return [msgspec.json.decode(bytes(record.payload)) for record in lines if record.type in types]

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

    def _feed_http(self) -> str:
        return self.addresses["feed"].replace("ws", "http", 1).rpartition("/")[0]

    def _key(self) -> tuple[Path, Path]:
        private = ed25519.Ed25519PrivateKey.generate()
        key_file, public_file = self.state_dir / "key.pem", self.state_dir / "key.pub"
        key_file.touch(mode=0o600)
        key_file.write_bytes(
            private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        public_file.write_bytes(
            private.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        return key_file, public_file

    def _spawn(self, name: str, *arguments: str) -> None:
        with (self.state_dir / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=log, cwd=ROOT, start_new_session=True
            )

    def _listening(self, name: str) -> str:
        stdout = self.processes[name].stdout
        assert stdout is not None, "started with a pipe"
        for line in stdout:
            if b" listening on " in line:
                return line.decode().strip().rpartition(" ")[2]
        raise AssertionError(f"the {name} did not start: {(self.state_dir / f'{name}.log').read_text('utf-8')}")

    def _config(self) -> str:
        rest = self.addresses["exchange"]
        feeds = []
        for place, name, url in (("primary", "massive", "feed"), ("secondary", "polygon", "feed2")):
            address = self.addresses[url]
            http = address.replace("ws", "http", 1).rpartition("/")[0]
            feeds.append(f'{place} = {{ name = "{name}", url = "{address}", rest_url = "{http}" }}')
        return "\n".join(
            [
                'mode = "paper"',
                f"state_dir = {json.dumps(str(self.state_dir))}",
                f"fees_file = {json.dumps(str(ROOT / 'configs' / 'fees.json'))}",
                f"calendar_file = {json.dumps(str(ROOT / 'configs' / 'nyse_days.csv'))}",
                "[windows]",
                'template = "short"',
                f"anchor_unix_s = {self.anchor_s}",
                f"period_s = {self.period_s}",
                f"preflight_lead_s = {self.period_s}",
                f"open_lead_s = {self.open_lead_s}",
                f"strict_lead_s = {self.strict_s}",
                "freeze_lead_s = 2",
                "[feeds]",
                f'mode = "{self.feeds}"',
                *feeds,
                "[exchange]",
                f'rest_url = "{rest}/trade-api/v2"',
                f'ws_url = "{rest.replace("http", "ws", 1)}/trade-api/ws/v2"',
                "[http]",
                "port = 0",
                "",
            ]
        )


def demo_stage(state_dir: Path, demo: Process) -> Stage:
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
