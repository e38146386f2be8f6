"""`python -m sim feed`: the simulated vendor as a process of its own, ended by SIGINT or SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import Final

from daemon.system_clock import SystemClock
from domain.clock import Clock
from domain.errors import EX_CONFIG, EX_OK, EX_UNAVAILABLE
from sim.index_feed.faults import Fault, FaultError, read_fault
from sim.index_feed.quota import Evict
from sim.index_feed.server import FeedConfig, FeedServer
from sim.index_feed.session import PLANS
from sim.index_feed.tape import LiveTape, RecordedTape, Tape, read_rows

CADENCE_MIN_MS, CADENCE_MAX_MS = 5, 60_000
PORT_MAX: Final = 65_535
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(prog="sim feed", description="Massive-compatible index feed on loopback.")
    p.add_argument("--port", type=int, default=0, help="port of host 1 (0: a free one)")
    p.add_argument("--port2", type=int, help="port of host 2, which shares the quota of host 1 (0: a free one)")
    p.add_argument("--api-key", action="append", required=True, help="a key that works; may be given again")
    p.add_argument("--bind", default="127.0.0.1", choices=LOOPBACK, help="loopback address to listen on")
    p.add_argument("--seed", type=int, default=1, help="chooses the path, the jitter and who is evicted at random")
    p.add_argument("--symbol", action="append", help="ticker to publish (default I:SPX, I:NDX and I:VIX)")
    p.add_argument("--cadence-ms", type=int, default=1_000, help="time between values of one index")
    p.add_argument("--jitter", type=float, default=0.2, help="how much of the cadence a value may be moved by, 0..1")
    p.add_argument("--vol-scale", type=float, default=1.0, help="multiplies the volatility of the paths")
    p.add_argument("--quota", type=int, default=1, help="authenticated sockets per key, over both hosts")
    p.add_argument("--evict", choices=[rule.value for rule in Evict], default=Evict.OLDEST.value)
    p.add_argument("--plan", choices=sorted(PLANS), default="advanced")
    p.add_argument("--auth-timeout-s", type=float, default=10.0)
    p.add_argument("--hours", choices=("always", "nyse"), default="always", help="when there are values")
    p.add_argument("--play", type=Path, help="play a recording (.csv or .jsonl with t, T, val) instead of the paths")
    p.add_argument("--fault", action="append", default=[], metavar="JSON", help="a fault from the start, as in POST")
    return p


def main(argv: list[str]) -> int:
    """Run until a signal. 0 done, 69 port taken, 78 bad settings (argparse itself exits 2)."""
    args = parser().parse_args(argv)
    try:
        clock = SystemClock()
        tape, faults = _tape(args, clock), tuple(read_fault(text) for text in args.fault)
        config = _config(args)
    except (FaultError, ValueError, OSError) as error:
        sys.stderr.write(f"sim feed: {error}\n")
        return EX_CONFIG
    try:
        asyncio.run(_serve(config, tape, clock, faults))
    except OSError as error:
        sys.stderr.write(f"sim feed: cannot listen: {error}; choose another --port, or 0 for a free one\n")
        return EX_UNAVAILABLE
    return EX_OK


def _config(args: argparse.Namespace) -> FeedConfig:
    if args.quota < 1:
        raise ValueError(f"--quota is {args.quota}, must be at least 1")
    if not CADENCE_MIN_MS <= args.cadence_ms <= CADENCE_MAX_MS:
        raise ValueError(f"--cadence-ms is {args.cadence_ms}, must be {CADENCE_MIN_MS} to {CADENCE_MAX_MS}")
    if not all(0 <= port <= PORT_MAX for port in (args.port, args.port2 or 0)):
        raise ValueError(f"--port and --port2 must be 0 to {PORT_MAX}")
    if not 0.0 <= args.jitter <= 1.0:
        raise ValueError(f"--jitter is {args.jitter}, must be 0 to 1")
    return FeedConfig(
        keys=tuple(args.api_key),
        ports=(args.port,) if args.port2 is None else (args.port, args.port2),
        bind=args.bind,
        seed=args.seed,
        quota=args.quota,
        evict=Evict(args.evict),
        plan=args.plan,
        auth_timeout_s=args.auth_timeout_s,
        always_open=args.hours == "always",
    )


def _tape(args: argparse.Namespace, clock: Clock) -> Tape:
    if args.play is None:
        tickers = args.symbol or ["I:SPX", "I:NDX", "I:VIX"]
        return LiveTape(args.seed, tickers, max(args.cadence_ms, 1), args.jitter, args.vol_scale)
    try:
        rows = read_rows(args.play.read_text(), jsonl=args.play.suffix == ".jsonl")
    except ValueError as error:
        raise ValueError(f"--play {args.play}: {error}") from error
    return RecordedTape(rows, clock.now().utc_ns)


async def _serve(config: FeedConfig, tape: Tape, clock: Clock, faults: tuple[Fault, ...]) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    server = FeedServer(config, tape, clock, faults)
    try:
        await server.start()
        for port in server.ports:
            sys.stdout.write(f"feed listening on ws://{config.bind}:{port}/indices\n")
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.flush()
        await stopping.wait()
    finally:
        await server.stop()
