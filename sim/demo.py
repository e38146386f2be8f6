"""`ladderd demo`: both simulators and the unchanged daemon, each a process of its own, and a live view of them.

Nothing here is known to the daemon: it gets a configuration file, keys in its environment, and real sockets. Windows
come every two minutes (or as asked); the first one opens within five seconds. After each settled window the report's
path is printed. Ctrl-C ends everything in order: the daemon first, flat, then the exchange and the feed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import json
import os
import secrets
import signal
import socket
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import aiohttp
import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from rich.console import Console

from daemon.system_clock import SystemClock
from domain.clock import NS_PER_S
from ops.terminal_io import TerminalView

ROOT = Path(__file__).resolve().parent.parent
START_LIMIT_S = 20.0
STOP_LIMIT_S = 30.0
FIRST_OPEN_S = 4
POLL_S = 0.25
KEY_ID = "demo-key"
PAGE_PORT = 8080
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


class Options(argparse.ArgumentParser):
    """One clear line for a bad option."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line; exit 2."""
        self.exit(2, f"ladderd demo: {message}; see ladderd demo --help\n")


def options() -> Options:
    """Every option with its default."""
    parse = Options(prog="ladderd demo", description="A whole trading day in miniature, on this machine, without keys.")
    parse.add_argument("--once", action="store_true", help="stop after one settled window, exit 0")
    parse.add_argument("--http-port", type=int, help="port of the page; 0: any free one (default 8080 if it is free)")
    parse.add_argument("--state-dir", type=Path, help="where everything is kept (default: a new temporary directory)")
    parse.add_argument("--period-s", type=int, default=120, help="seconds between targets")
    parse.add_argument("--strict-s", type=int, help="length of the strict phase (default 20, for short periods 5)")
    parse.add_argument("--cadence-ms", type=int, default=250, help="time between index values; the real one is 1000")
    parse.add_argument("--basis", choices=["age", "lateness"], default="age", help="how freshness is judged")
    parse.add_argument("--feeds", choices=["hot", "standby"], default="hot", help="failover mode of the two feeds")
    parse.add_argument("--seed", type=int, default=7, help="of the index path and of all chance")
    parse.add_argument("--rsa", action="store_true", help="sign with an RSA key instead of Ed25519")
    parse.add_argument("--plain", action="store_true", help="lines instead of the live view")
    parse.add_argument("--settle-delay-s", type=float, default=2.0, help="from close to settlement")
    parse.add_argument("--taker-rate-hz", type=float, default=2.0, help="takers a second")
    parse.add_argument("--exchange-option", action="append", default=[], help=argparse.SUPPRESS)
    parse.add_argument("--feed-option", action="append", default=[], help=argparse.SUPPRESS)
    parse.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=argparse.SUPPRESS)
    return parse


@dataclass
class Demo:
    """The three processes and what is known of them."""

    chosen: argparse.Namespace
    state_dir: Path
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    http: str = ""


def main(argv: list[str]) -> int:
    """Run the demo; 0 after a clean end."""
    parse = options()
    chosen = parse.parse_args(argv)
    if chosen.http_port is None:
        chosen.http_port = PAGE_PORT if is_free(PAGE_PORT) else 0
    _check(parse, chosen)
    made = chosen.state_dir is None
    state_dir = Path(tempfile.mkdtemp(prefix="ladderd-demo-")) if made else chosen.state_dir
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        parse.error(f"argument --state-dir: {state_dir}: {problem.strerror}")
    chosen.strict_s = chosen.strict_s or (20 if chosen.period_s >= 60 else 5)  # noqa: PLR2004 - demo or test length
    return asyncio.run(_demo(Demo(chosen, state_dir.resolve())))


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _check(parse: Options, chosen: argparse.Namespace) -> None:
    """Refuse here what one of the three processes would refuse in its log."""
    for name, least, most in (("http_port", 0, 65_535), ("period_s", 10, 3_600), ("cadence_ms", 5, 60_000)):
        if not least <= getattr(chosen, name) <= most:
            parse.error(f"argument --{name.replace('_', '-')}: must be {least} to {most}")


async def _demo(demo: Demo) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        loop.add_signal_handler(number, stop.set)
    try:
        await _start(demo)
        _write_card(demo)
        print(f"page     {demo.http}", flush=True)
        print(f"state    {demo.state_dir}", flush=True)
        print(
            f"exchange {demo.addresses['exchange']}   feeds {demo.addresses['feed']} {demo.addresses['feed2']}",
            flush=True,
        )
        program = Path(sys.executable).parent / "ladderd"
        print(f"act      {program} pause --by YOU --cause WHY --state-dir {demo.state_dir}", flush=True)
        code = await _watch(demo, stop)
    except DemoError as problem:
        sys.stderr.write(f"ladderd demo: {problem}\n")
        code = 1
    except OSError:
        code = 1  # nobody reads any more (`make run | head`), or the terminal is gone
    finally:  # whatever ended the view: no process of ours is left behind
        ended = await _end(demo)
    return code or ended


class DemoError(Exception):
    """Something did not start or died: one line."""


def _key(demo: Demo) -> tuple[Path, Path]:
    private = (
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
        if demo.chosen.rsa
        else ed25519.Ed25519PrivateKey.generate()
    )
    key_file, public_file = demo.state_dir / "demo_key.pem", demo.state_dir / "demo_key.pub"
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with os.fdopen(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(pem)
    public_file.write_bytes(
        private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return key_file, public_file


async def _start(demo: Demo) -> None:
    chosen = demo.chosen
    key_file, public_file = _key(demo)
    feed_key = secrets.token_hex(8)  # tidy: chance - a key for one run, no part of the simulation
    open_lead_s = _open_lead_s(chosen.period_s)
    anchor_s = SystemClock().now().utc_ns // NS_PER_S + open_lead_s + FIRST_OPEN_S
    await _spawn(
        demo, "exchange",
        "--port", "0", "--api-key-id", KEY_ID, "--public-key", str(public_file), "--seed", str(chosen.seed),
        "--period-s", str(chosen.period_s), "--anchor-s", str(anchor_s),
        "--settle-delay-s", str(chosen.settle_delay_s), "--taker-rate-hz", str(chosen.taker_rate_hz),
        *chosen.exchange_option,
    )  # fmt: skip
    demo.addresses["exchange"] = await _listening(demo, "exchange")
    await _spawn(
        demo, "feed",
        "--port", "0", "--port2", "0", "--api-key", feed_key, "--seed", str(chosen.seed),
        "--cadence-ms", str(chosen.cadence_ms), "--quota", "2" if chosen.feeds == "hot" else "1",
        *chosen.feed_option,
    )  # fmt: skip
    demo.addresses["feed"] = await _listening(demo, "feed")
    demo.addresses["feed2"] = await _listening(demo, "feed")
    config = _write_config(demo, anchor_s, open_lead_s)
    await _start_daemon(demo, config, key_file, feed_key)


def _open_lead_s(period_s: int) -> int:
    """How long a window is open: most of the period, with a pause in between to settle the one before."""
    return period_s - max(1, period_s // 12)


def _write_config(demo: Demo, anchor_s: int, open_lead_s: int) -> Path:
    chosen = demo.chosen
    rest, feed, feed2 = demo.addresses["exchange"], demo.addresses["feed"], demo.addresses["feed2"]
    text = f"""# written by ladderd demo
mode = "paper"
state_dir = {json.dumps(str(demo.state_dir))}
fees_file = {json.dumps(str(ROOT / "configs" / "fees.json"))}

[windows]
template = "short"
anchor_unix_s = {anchor_s}
period_s = {chosen.period_s}
preflight_lead_s = {min(open_lead_s + 2, chosen.period_s)}
open_lead_s = {open_lead_s}
strict_lead_s = {chosen.strict_s}
freeze_lead_s = 2

[feeds]
mode = "{chosen.feeds}"
primary = {{ name = "massive", url = "{feed}", rest_url = "{_http(feed)}" }}
secondary = {{ name = "polygon", url = "{feed2}", rest_url = "{_http(feed2)}" }}

[freshness]
basis = "{chosen.basis}"

[exchange]
rest_url = "{rest}/trade-api/v2"
ws_url = "{rest.replace("http", "ws", 1)}/trade-api/ws/v2"

[http]
port = {chosen.http_port}
"""
    path = demo.state_dir / "demo.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _http(feed: str) -> str:
    return feed.replace("ws", "http", 1).rsplit("/", 1)[0]


async def _spawn(demo: Demo, program: str, *arguments: str) -> None:
    log = (demo.state_dir / f"{program}.log").open("ab")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sim", program, *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=log, cwd=ROOT, start_new_session=True, preexec_fn=_end_with_parent,
    )  # fmt: skip
    log.close()
    demo.processes[program] = process


def _end_with_parent() -> None:
    """In the child, before its program: have the system end it with SIGTERM when the demo is killed."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


async def _listening(demo: Demo, program: str) -> str:
    """The address in the program's next "listening on" line."""
    process, log = demo.processes[program], demo.state_dir / f"{program}.log"
    assert process.stdout is not None, "started with a pipe"
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(START_LIMIT_S):
            async for line in process.stdout:
                text = line.decode().strip()
                if " listening on " in text:
                    return text.rpartition(" ")[2]
    last = log.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
    message = f"the {program} did not start: {last or 'it said nothing'} (log: {log})"
    raise DemoError(message)


async def _start_daemon(demo: Demo, config: Path, key_file: Path, feed_key: str) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LADDERD_")}
    environment |= {
        "LADDERD_EXCHANGE__API_KEY_ID": KEY_ID,
        "LADDERD_EXCHANGE__PRIVATE_KEY_FILE": str(key_file),
        "LADDERD_FEEDS__API_KEY": feed_key,
        "PYTHONPATH": str(ROOT),
    }
    for pair in demo.chosen.set:
        key, _, value = pair.partition("=")
        environment["LADDERD_" + key.upper().replace(".", "__")] = value
    (demo.state_dir / "demo.env").write_text(
        "".join(f"{k}={v}\n" for k, v in environment.items() if k.startswith("LADDERD_")), encoding="utf-8"
    )
    (demo.state_dir / "demo.env").chmod(0o600)
    log = (demo.state_dir / "daemon.log").open("ab")
    demo.processes["daemon"] = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "daemon", "run", "--config", str(config),
        stdout=log, stderr=log, cwd=demo.state_dir, env=environment, start_new_session=True,
        preexec_fn=_end_with_parent,
    )  # fmt: skip
    log.close()
    demo.http = f"http://127.0.0.1:{await _http_port(demo)}"


async def _http_port(demo: Demo) -> int:
    """The port that the daemon listens on, from the file it writes when it does."""
    path = demo.state_dir / "monitors" / "http.json"
    daemon = demo.processes["daemon"]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(START_LIMIT_S):
            while True:
                if daemon.returncode is not None:
                    last = (demo.state_dir / "daemon.log").read_text(encoding="utf-8", errors="replace").strip()
                    message = f"the daemon ended with code {daemon.returncode}: {last.rpartition(chr(10))[2]}"
                    raise DemoError(message)
                if path.exists():
                    written = json.loads(path.read_text(encoding="utf-8"))
                    if written.get("pid") == daemon.pid:
                        return int(written["port"])
                await asyncio.sleep(0.05)
    message = "the daemon did not open its page in time; see daemon.log in the state directory"
    raise DemoError(message)


def _write_card(demo: Demo) -> None:
    """Where everything is, for scripts."""
    card = {
        "http": demo.http,
        "exchange": demo.addresses["exchange"],
        "feeds": [demo.addresses["feed"], demo.addresses["feed2"]],
        "daemon_pid": demo.processes["daemon"].pid,
        "exchange_pid": demo.processes["exchange"].pid,
        "feed_pid": demo.processes["feed"].pid,
    }
    scratch = demo.state_dir / ".demo.json"
    scratch.write_text(json.dumps(card, indent=1), encoding="utf-8")
    scratch.replace(demo.state_dir / "demo.json")


async def _watch(demo: Demo, stop: asyncio.Event) -> int:
    """Show the daemon until stopped, or with --once until a window is settled and reported."""
    console = Console(force_terminal=False if demo.chosen.plain else None)
    reports = f"{demo.state_dir}/reports/"
    view = TerminalView(demo.http, clock=SystemClock(), console=console, title="ladderd demo", reports=reports)
    showing = asyncio.create_task(view.run())
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
            while not stop.is_set() and not showing.done():
                for name, process in demo.processes.items():
                    if process.returncode is not None:
                        message = f"the {name} ended by itself with code {process.returncode}; see {name}.log"
                        raise DemoError(message)
                frame = await _picture(session, demo.http)
                if demo.chosen.once and frame is not None and _settled(frame):
                    return 0
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S):
                        await stop.wait()
    finally:
        view.stop()
        await showing
    return 0


async def _picture(session: aiohttp.ClientSession, address: str) -> dict[str, Any] | None:
    with contextlib.suppress(aiohttp.ClientError, TimeoutError, msgspec.MsgspecError):
        async with session.get(f"{address}/picture") as answer:
            frame: dict[str, Any] = msgspec.json.decode(await answer.read())
            return frame
    return None


def _settled(frame: dict[str, Any]) -> bool:
    """Whether some window was settled and reported for every series that had it."""
    windows = frame["picture"]["windows"]
    reported = {w["target_ns"] for w in windows if w["settled"] and w["report"]}
    return bool(reported - {w["target_ns"] for w in windows if not (w["settled"] and w["report"])})


async def _end(demo: Demo) -> int:
    """The daemon first, flat; then the exchange and the feed. Its exit code if it was not clean."""
    worst = 0
    for name in ("daemon", "exchange", "feed"):
        process = demo.processes.get(name)
        if process is None:
            continue
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_LIMIT_S):
                code = await process.wait()
        except TimeoutError:
            process.kill()
            code = await process.wait()
        if name == "daemon":
            worst = code
    if "daemon" in demo.processes:
        try:
            print(f"daemon   ended with code {worst}", flush=True)
        except OSError:  # Python would say it once more at its own end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0 if worst == 0 else 1
