"""`python -m sim exchange`: the simulated Kalshi exchange as a process.

Listens on loopback: REST under /trade-api/v2, websocket /trade-api/ws/v2 (signed), and without a key
`GET /sim/state` (the matching engine's own record), `POST|GET|DELETE /sim/faults`, `POST /sim/fill {order_id, count?}`,
`POST /sim/place {create body}` (an order of the account by another client), `POST /sim/foreign {ticker, side, price,
count, take?}` (somebody else's order), `POST /sim/cash {amount}` (a deposit, or a negative withdrawal) and
`POST /sim/cancel_all` (the owner's button on the exchange's page). One line says where it listens: `exchange listening
on http://127.0.0.1:PORT`.
SIGTERM and SIGINT end it with 0; a bad option is one line and 2; an unreadable key file one line and 78.
The index path is `sim.market.IndexPath(seed, symbol)`: give the feed simulator the same `--seed`.
In code: `Exchange(Config(...), Plan(...), index_value, seed, now_ns)`, then
`server = ExchangeServer(exchange, clock, {key_id: public_key}, Crowd())`, `await server.start(host, port)`,
`server.port`, `server.gateway.inject({"fault": ...})`, `await server.stop()`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import uvloop

from daemon.system_clock import SystemClock
from sim.exchange.background import Crowd
from sim.exchange.book.fixed import CASH_ONE, PRICE_ONE, parse_price
from sim.exchange.book.listing import FAMILIES, HOUR_S, Template
from sim.exchange.book.state import Config
from sim.exchange.core import Exchange, Plan
from sim.exchange.gateway.auth import PublicKey, load_public_key
from sim.exchange.gateway.buckets import TIERS
from sim.exchange.gateway.faults import BadFault
from sim.exchange.http.server import ExchangeServer
from sim.market import IndexPath

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from domain.clock import Clock

EX_CONFIG = 78
PORT_MAX = 65_535


class Options(argparse.ArgumentParser):
    """One clear line for a bad option."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line; exit 2."""
        self.exit(2, f"sim exchange: {message}; see --help\n")


def _options() -> Options:
    """Every option with its default."""
    parse = Options(prog="sim exchange", description="A simulated Kalshi exchange on loopback.")
    parse.add_argument("--host", default="127.0.0.1", help="address to listen on (loopback)")
    parse.add_argument("--port", type=int, required=True, help="port to listen on; 0 takes a free one")
    parse.add_argument("--api-key-id", required=True, help="id of the account's key")
    parse.add_argument("--public-key", required=True, help="PEM file with its public key, RSA or Ed25519")
    parse.add_argument("--seed", type=int, default=1, help="of the index path and of all chance")
    parse.add_argument("--series", default=",".join(FAMILIES), help="series to list, comma list")
    parse.add_argument("--period-s", type=int, default=HOUR_S, help="seconds between closes")
    parse.add_argument("--anchor-s", type=int, help="Unix second of one close; without it the hours of New York")
    parse.add_argument("--rungs", type=int, default=40, help="strikes of each ladder")
    parse.add_argument("--shard", type=int, default=0, help="exchange_index of the series")
    parse.add_argument("--funded-shard", type=int, help="exchange_index that holds the balance (default: --shard)")
    parse.add_argument("--second-key-id", help="id of another key with the same rights: the watcher's")
    parse.add_argument("--second-public-key", help="PEM file with its public key")
    parse.add_argument("--read-only-key-id", help="id of a key of scope read")
    parse.add_argument("--read-only-public-key", help="PEM file with its public key")
    parse.add_argument("--price-step", default="0.01", help="the grid's step in dollars")
    parse.add_argument("--tier", choices=sorted(TIERS), default="advanced", help="usage tier (token buckets)")
    parse.add_argument("--balance", type=int, default=10_000, help="dollars of the account at the start")
    parse.add_argument("--taker-rate-hz", type=float, default=1.0, help="takers a second, both series together")
    parse.add_argument("--no-crowd", action="store_true", help="no other makers or takers")
    parse.add_argument("--settle-delay-s", type=float, help="seconds from close to settlement (default 60 to 127)")
    parse.add_argument("--list-lag-ms", type=int, default=400, help="how far order reads lag")
    parse.add_argument("--expiry-latency-ms", type=int, help="lateness of expiry (default 0 to 200 at random)")
    parse.add_argument("--tail-s", type=float, default=60.0, help="how long a cancel-all kills new orders")
    parse.add_argument("--clock-tolerance-ms", type=int, default=6_000, help="how old a signature may be")
    parse.add_argument("--no-auto-route", action="store_true", help="an omitted exchange_index means shard 0")
    parse.add_argument("--flat-errors", action="store_true", help="error bodies as the OpenAPI says, not as the wire")
    parse.add_argument("--thursday-pause", action="store_true", help="with --anchor-s too: pause Thursday 03-05 ET")
    parse.add_argument("--faults-script", help="JSON file: list of faults, each with at_s (seconds after the start)")
    return parse


def index_value(seed: int) -> Callable[[str, int], int]:
    """The index of any symbol at any instant, in 1e-6 points."""
    paths = {family.symbol: IndexPath(seed, family.symbol) for family in FAMILIES.values()}

    def value(symbol: str, utc_ns: int) -> int:
        return int(paths[symbol].value_at(utc_ns))

    return value


def build(options: argparse.Namespace, keys: dict[str, PublicKey], clock: Clock) -> ExchangeServer:
    """The exchange and its server, from checked options."""
    low_high = (0, 200) if options.expiry_latency_ms is None else (options.expiry_latency_ms,) * 2
    config = Config(
        tier=options.tier,
        balance=options.balance * CASH_ONE,
        shards=tuple(sorted({0, 2, options.shard})),
        funded_shard=options.shard if options.funded_shard is None else options.funded_shard,
        auto_route=not options.no_auto_route,
        flat_errors=options.flat_errors,
        clock_tolerance_ms=options.clock_tolerance_ms,
        list_lag_ms=options.list_lag_ms,
        expiry_latency_ms=low_high,
        settle_delay_s=(60.0, 127.0) if options.settle_delay_s is None else (options.settle_delay_s,) * 2,
        tail_s=options.tail_s,
        thursday_pause=options.anchor_s is None or options.thursday_pause,
    )
    plan = Plan(
        series=options.series.split(","),
        template=Template(options.period_s, options.anchor_s),
        rungs=options.rungs,
        shard=options.shard,
        price_ranges=[(0, PRICE_ONE, parse_price(options.price_step) or 100)],
    )
    now_ns = clock.now().utc_ns
    exchange = Exchange(config, plan, index_value(options.seed), options.seed, now_ns)
    crowd = None if options.no_crowd else Crowd(taker_rate_hz=options.taker_rate_hz)
    read_only = frozenset({options.read_only_key_id} - {None})
    return ExchangeServer(exchange, clock, keys, crowd, read_only)


def check(parser: Options, options: argparse.Namespace) -> None:
    """Refuse what argparse cannot see."""
    unknown = [name for name in options.series.split(",") if name not in FAMILIES]
    if unknown:
        parser.error(f"argument --series: unknown {unknown[0]!r} (choose from {', '.join(FAMILIES)})")
    if options.period_s < 1 or options.rungs < 1:
        parser.error("arguments --period-s and --rungs must be at least 1")
    if not 0 <= options.port <= PORT_MAX:
        parser.error(f"argument --port: must be 0 to {PORT_MAX}")
    if options.anchor_s is None and options.period_s != HOUR_S:
        parser.error("argument --period-s needs --anchor-s unless it is 3600")
    step = parse_price(options.price_step)
    if not step or PRICE_ONE % step:
        parser.error("argument --price-step must divide one dollar, in steps of 0.0001")
    for key, public in (("read_only_key_id", "read_only_public_key"), ("second_key_id", "second_public_key")):
        if getattr(options, key) and not getattr(options, public):
            parser.error(f"argument {_option(key)} needs {_option(public)}")
    if options.host not in ("127.0.0.1", "::1", "localhost"):
        parser.error("argument --host must be a loopback address")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def read_script(path: str | None) -> list[tuple[float, dict[str, Any]]]:
    """The faults of a script, by seconds after the start.

    Raises:
        BadFault: it is no JSON list of objects with `at_s`.
    """
    if path is None:
        return []
    try:
        rows = json.loads(Path(path).read_text(encoding="utf-8"))
        return sorted(((float(row.pop("at_s")), row) for row in rows), key=lambda pair: pair[0])
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise BadFault(f"{path}: {error}; want a JSON list of faults, each with at_s") from None


async def run(server: ExchangeServer, host: str, port: int, script: Sequence[tuple[float, dict[str, Any]]]) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await server.start(host, port)
    for at_s, fault in script:
        loop.call_later(at_s, server.gateway.inject, fault)
    sys.stdout.write(f"exchange listening on http://{host}:{server.port}\n")
    sys.stdout.flush()
    await stop.wait()
    await server.stop()


def main(argv: list[str]) -> int:
    """Start the exchange; 0 after a signal, 1 when it cannot listen, 2 for bad options, 78 for a bad key file."""
    parser = _options()
    options = parser.parse_args(argv)
    check(parser, options)
    files = {options.api_key_id: options.public_key}
    if options.read_only_key_id:
        files[options.read_only_key_id] = options.read_only_public_key
    if options.second_key_id:
        files[options.second_key_id] = options.second_public_key
    keys: dict[str, PublicKey] = {}
    for key_id, path in files.items():
        try:
            keys[key_id] = load_public_key(Path(path).read_bytes())
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a PEM public key (RSA or Ed25519)"
            sys.stderr.write(f"sim exchange: public key {path}: {reason}\n")
            return EX_CONFIG
    try:
        script = read_script(options.faults_script)
        uvloop.run(run(build(options, keys, SystemClock()), options.host, options.port, script))
    except BadFault as error:
        parser.error(str(error))
    except OSError as error:
        sys.stderr.write(f"sim exchange: cannot listen on {options.host}:{options.port}: {error.strerror}\n")
        return 1
    return 0
