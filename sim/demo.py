"""`ladderd demo`: both simulators and the unchanged daemon, each a process of its own, and a live view of them.

Nothing here is known to the daemon: it gets a configuration file, keys in its environment, and real sockets. Windows
come every two minutes (or as asked); the first one opens within five seconds. After each settled window the report's
path is printed. Ctrl-C ends everything in order: the daemon first, flat, then the exchange and the feed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import json
import os
import signal
import socket
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import aiohttp
import msgspec
from rich.console import Console

from daemon.system_clock import SystemClock
from ops.terminal_io import TerminalView
from sim.local.child import ChildError
from sim.local.programs import DAEMON, START_LIMIT_S, Programs
from sim.local.setting import Setting
from sim.local.waiting import reached

FIRST_OPEN_S = 4
POLL_S = 0.25
PAGE_PORT = 8080


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
    """What was chosen, the three programs and what is known of them."""

    chosen: argparse.Namespace
    programs: Programs
    addresses: list[str] = field(default_factory=list)
    http: str = ""

    @property
    def state_dir(self) -> Path:
        """Where everything is kept."""
        return self.programs.setting.state_dir


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
    return asyncio.run(_demo(Demo(chosen, Programs(_setting(chosen, state_dir.resolve())))))


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
        exchange, feed, feed2 = demo.addresses
        print(f"exchange {exchange}   feeds {feed} {feed2}", flush=True)
        program = Path(sys.executable).parent / "ladderd"
        print(f"act      {program} pause --by YOU --cause WHY --state-dir {demo.state_dir}", flush=True)
        code = await _watch(demo, stop)
    except ChildError as problem:
        sys.stderr.write(f"ladderd demo: {problem}\n")
        code = 1
    except OSError:
        code = 1  # nobody reads any more (`make run | head`), or the terminal is gone
    finally:  # whatever ended the view: no process of ours is left behind
        ended = await asyncio.to_thread(_end, demo)
    return code or ended


def _setting(chosen: argparse.Namespace, state_dir: Path) -> Setting:
    open_lead_s = _open_lead_s(chosen.period_s)
    settings = {"freshness.basis": chosen.basis} | dict(pair.split("=", 1) for pair in chosen.set)
    return Setting(
        state_dir,
        state_dir,
        "demo",
        seed=chosen.seed,
        period_s=chosen.period_s,
        open_lead_s=open_lead_s,
        preflight_lead_s=min(open_lead_s + 2, chosen.period_s),
        strict_s=chosen.strict_s,
        first_open_s=FIRST_OPEN_S,
        settle_delay_s=chosen.settle_delay_s,
        taker_rate_hz=chosen.taker_rate_hz,
        cadence_ms=chosen.cadence_ms,
        feeds=chosen.feeds,
        http_port=chosen.http_port,
        with_rsa=chosen.rsa,
        exchange_options=tuple(chosen.exchange_option),
        feed_options=tuple(chosen.feed_option),
        settings=settings,
    )


def _open_lead_s(period_s: int) -> int:
    """How long a window is open: most of the period, with a pause in between to settle the one before."""
    return period_s - max(1, period_s // 12)


async def _start(demo: Demo) -> None:
    programs, setting = demo.programs, demo.programs.setting
    setting.prepare()
    for child, ports in ((programs.start_exchange(), 1), (programs.start_feed(), 2)):
        found = await reached(functools.partial(child.listening, ports), START_LIMIT_S)
        if not found:
            raise ChildError(f"the {child.name} did not start in time (log: {child.log})")
        demo.addresses += found
    setting.write_config(*demo.addresses)
    keys = "".join(f"{k}={v}\n" for k, v in setting.environment().items() if k.startswith("LADDERD_"))
    (demo.state_dir / "demo.env").write_text(keys, encoding="utf-8")
    (demo.state_dir / "demo.env").chmod(0o600)
    programs.start_daemon()
    page = await reached(programs.page, START_LIMIT_S)
    if not page:
        raise ChildError("the daemon did not open its page in time; see daemon.log in the state directory")
    demo.http = page


def _write_card(demo: Demo) -> None:
    """Where everything is, for scripts."""
    card = {
        "http": demo.http,
        "exchange": demo.addresses[0],
        "feeds": demo.addresses[1:],
        **{f"{name}_pid": child.pid for name, child in demo.programs.running.items()},
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
                for name, child in demo.programs.running.items():
                    if not child.alive:
                        raise ChildError(f"the {name} ended by itself with code {child.returncode}; see {name}.log")
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


def _end(demo: Demo) -> int:
    """The daemon first, flat; then the exchange and the feed. Its exit code if it was not clean."""
    demo.programs.close()
    daemon = demo.programs.running.get(DAEMON)
    if daemon is None:
        return 0
    try:
        print(f"daemon   ended with code {daemon.returncode}", flush=True)
    except OSError:  # Python would say it once more at its own end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0 if daemon.returncode == 0 else 1
