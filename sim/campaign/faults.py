"""What goes wrong in a campaign, and when: drawn from the seed, the same list for the same seed.

A fault is asked for in the words of the menus of the simulated exchange and feed, or names an act on the daemon's own
machine. Kinds are dealt from a shuffled pack, so that a run of some days reaches every one of them; their instants lean
towards the last minute of a window, where they hurt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any, NamedTuple

from domain.clock import NS_PER_MS, NS_PER_S

# "Quoting resumes within 10 s plus the back-off cap" (feeds/socket_io.py) after the last fault has ended. On top of it
# come waits that are meant: the tail of a cancel-all, a connection that is only silent, a feed's cool-down, a restart.
RESUMES_S = 10 + 30
SILENT_S = RESUMES_S + 10
TAIL_S = RESUMES_S + 60
RESTART_S = TAIL_S + 10
# A market that was refused five times in ten seconds is left alone for a minute.
COOLS_S = 60 + 15
STOP_S = RESTART_S + 20
EXCHANGE, FEED, BOX = "exchange", "feed", "box"
WRITES = ["create_order", "cancel_order", "batch_cancel", "cancel_all", "trigger_group", "create_group"]
CANCELS = ["cancel_order", "batch_cancel", "cancel_all", "trigger_group"]
REFUSALS = (
    *((400, code) for code in ("invalid_order", "invalid_price", "insufficient_balance", "bad_request")),
    *((401, "authentication_error"), (403, "insufficient_scope"), (404, "market_not_found")),
    *((409, code) for code in ("trading_is_paused", "market_inactive", "order_group_triggered", "never_seen")),
)
READS = ["list_orders", "get_fills", "get_positions", "get_balance", "list_groups"]


class Fault(NamedTuple):
    """One fault: what, where, when, for how long, and its parameters in the words of the menu."""

    kind: str
    where: str
    at_ns: int
    for_s: float
    params: dict[str, Any]

    @property
    def until_ns(self) -> int:
        """When it is over by itself."""
        return self.at_ns + int(self.for_s * NS_PER_S)

    def told(self, origin_ns: int) -> str:
        """One line of a story."""
        words = " ".join(f"{k}={v}" for k, v in self.params.items() if k != "fault")
        return f"{(self.at_ns - origin_ns) / NS_PER_S:+10.3f} s  {self.kind} for {self.for_s:g} s  {words}"


class Kind(NamedTuple):
    """How a kind of fault is drawn. `settle_s`: how long after its end quoting may take to be back, at most.

    `to_the_end`: it lasts until the window is over. `files`: it strikes files that only exist where the ports are cut.
    """

    where: str
    draw: Callable[[Random], dict[str, Any]]
    longest_s: float
    settle_s: float
    mild: bool = False
    to_the_end: bool = False
    files: bool = False


def _plain(name: str, **params: Any) -> Callable[[Random], dict[str, Any]]:  # noqa: ANN401 - words of a menu
    return lambda _rng: {"fault": name, **params}


def _some(name: str, chance: float, **params: Any) -> Callable[[Random], dict[str, Any]]:  # noqa: ANN401 - words of a menu
    return lambda _rng: {"fault": name, "probability": chance, **params}


def _host(name: str, **params: Any) -> Callable[[Random], dict[str, Any]]:  # noqa: ANN401 - words of a menu
    return lambda rng: {"fault": name, "host": rng.choice([1, 2, None, None]), **params}


def _symbol(name: str, **params: Any) -> Callable[[Random], dict[str, Any]]:  # noqa: ANN401 - words of a menu
    return lambda rng: {"fault": name, "symbol": rng.choice(["I:SPX", "I:NDX"]), **params}


def _refusal(rng: Random) -> dict[str, Any]:
    status, code = rng.choice(REFUSALS)
    return {"fault": "refuse_orders", "status": status, "code": code}


def _late_fills(rng: Random) -> dict[str, Any]:
    channel = rng.choice(["fill", "user_orders", ["fill", "user_orders"]])
    return {"fault": "ws_delay", "ms": rng.choice([2_000, 8_000]), "channel": channel}


KINDS: dict[str, Kind] = {
    # the exchange's REST side
    "exchange_latency": Kind(
        EXCHANGE,
        lambda r: {"fault": "latency", "ms": r.choice([60, 300, 900, 2500]), "probability": 0.7},
        20,
        12,
        mild=True,
    ),
    "lost_request": Kind(EXCHANGE, _some("lost_request", 0.4, op=WRITES), 15, COOLS_S),
    "lost_cancel": Kind(EXCHANGE, _some("lost_request", 0.8, op=CANCELS), 8, 12),
    "lost_answer": Kind(EXCHANGE, _some("lost_answer", 0.4, op=WRITES), 15, COOLS_S),
    "lost_read": Kind(EXCHANGE, _some("lost_answer", 0.5, op=READS), 15, 14, mild=True),
    "late_answer": Kind(
        EXCHANGE,
        lambda r: {"fault": "late_ack", "ms": r.choice([200, 900, 1800]), "probability": 0.7},
        15,
        COOLS_S,
        mild=True,
    ),
    "too_many_requests": Kind(EXCHANGE, _some("http_429", 0.6), 6, COOLS_S, mild=True),
    "server_error": Kind(EXCHANGE, _some("http_5xx", 0.5, code=503), 10, COOLS_S),
    "server_error_after": Kind(EXCHANGE, _some("http_5xx", 0.5, code=504, processed=True), 10, COOLS_S),
    "orders_refused": Kind(EXCHANGE, _some("refuse_orders", 0.8, code="insufficient_balance"), 10, COOLS_S, mild=True),
    "refused_for_ever": Kind(EXCHANGE, _refusal, 0, COOLS_S, to_the_end=True),
    "group_trigger_refused": Kind(EXCHANGE, _some("group_trigger_refused", 0.9), 5, 12),
    "fill_after_cancel": Kind(
        EXCHANGE,
        lambda r: {"fault": "fill_after_cancel", "delay_ms": r.choice([50, 200, 700]), "probability": 0.6},
        40,
        12,
    ),
    "stale_reads": Kind(
        EXCHANGE, lambda r: {"fault": "list_lag_ms", "ms": r.choice([600, 800, 950])}, 30, 12, mild=True
    ),
    "late_lists": Kind(
        EXCHANGE, lambda r: {"fault": "list_lag_ms", "ms": r.choice([2_000, 4_000, 7_500])}, 40, SILENT_S
    ),
    "trading_pause": Kind(EXCHANGE, _plain("trading_pause"), 8, 30),
    "exchange_pause": Kind(EXCHANGE, _plain("exchange_pause"), 8, 30),
    "market_halt": Kind(EXCHANGE, _plain("market_deactivate"), 8, 30),
    "exchange_clock_skew": Kind(
        EXCHANGE, lambda r: {"fault": "clock_skew_ms", "ms": r.choice([-400, -150, 150, 400])}, 30, RESUMES_S
    ),
    "fee_terms": Kind(EXCHANGE, _plain("fee_type", fee_type="quadratic_with_maker_fees"), 20, 0),
    "close_early": Kind(EXCHANGE, _plain("close_early"), 0, 15, to_the_end=True),
    "late_listing": Kind(EXCHANGE, _plain("late_listing"), 60, 30),
    "odd_settlement": Kind(
        EXCHANGE,
        lambda r: {
            "fault": "odd_settlement",
            "worth": r.choice([100, 3_700, 5_000, 9_900]),
            "late_s": r.choice([0, 5]),
        },
        0,
        0,
        mild=True,
    ),
    "strike_grid": Kind(EXCHANGE, _plain("strike_grid"), 0, 30),
    "price_grid": Kind(EXCHANGE, lambda r: {"fault": "price_grid", "step": r.choice(["0.001", "0.02"])}, 0, 30),
    # its websocket
    "stream_drop": Kind(EXCHANGE, _plain("ws_drop"), 0, RESUMES_S, mild=True),
    "stream_half_open": Kind(EXCHANGE, _plain("ws_half_open"), 0, SILENT_S),
    "stream_refused": Kind(
        EXCHANGE, lambda _r: {"fault": "lost_request", "op": "ws_connect", "drop": True}, 5, RESUMES_S
    ),
    "sequence_gap": Kind(EXCHANGE, _some("ws_seq_gap", 0.2), 10, RESUMES_S, mild=True),
    "duplicate_message": Kind(EXCHANGE, _some("ws_duplicate", 0.5), 15, 30, mild=True),
    "late_fill_message": Kind(EXCHANGE, _late_fills, 60, RESUMES_S),
    "duplicate_fill": Kind(EXCHANGE, _plain("ws_duplicate", channel="fill"), 60, 12, mild=True),
    "lost_fill_message": Kind(EXCHANGE, _plain("ws_lost", channel=["fill", "user_orders"]), 30, RESUMES_S),
    "reorder": Kind(EXCHANGE, _some("ws_reorder", 0.3), 10, 30, mild=True),
    "stream_delay": Kind(
        EXCHANGE, lambda r: {"fault": "ws_delay", "ms": r.choice([50, 400, 1500]), "probability": 0.5}, 10, 30
    ),
    "stream_late": Kind(EXCHANGE, _plain("ws_delay", ms=5_000), 20, SILENT_S),
    "stream_terminal": Kind(EXCHANGE, _plain("ws_terminal", code=25), 0, RESUMES_S),
    "forced_fills": Kind(EXCHANGE, _plain("force_fill"), 10, 30, mild=True),
    # the index feeds
    "feed_silence": Kind(FEED, _host("silence"), 12, RESUMES_S, mild=True),
    "index_silence": Kind(FEED, _symbol("silence"), 6, RESUMES_S),
    "feed_divergence": Kind(
        FEED, lambda r: {"fault": "divergence", "host": r.choice([1, 2]), "bps": r.choice([7, -12, 40])}, 8, 30
    ),
    "feed_frozen": Kind(FEED, _symbol("frozen"), 40, 30),
    "indices_frozen": Kind(FEED, _plain("frozen"), 40, 30),
    "vendor_refuses": Kind(FEED, _host("auth_bad", drop=True), 15, TAIL_S),
    "stamp_stuck": Kind(FEED, _symbol("stuck_stamp"), 6, 30),
    "feed_jump": Kind(FEED, lambda r: {"fault": "jump", "bps": r.choice([50, -80, 300])}, 0, 30),
    "feed_out_of_order": Kind(FEED, _host("out_of_order"), 15, 20, mild=True),
    "feed_duplicate": Kind(FEED, _host("duplicate"), 15, 20, mild=True),
    "feed_bad_frame": Kind(FEED, _host("bad_json"), 4, 30, mild=True),
    "feed_delay": Kind(FEED, lambda r: {"fault": "delay", "ms": r.choice([200, 900, 3000])}, 8, RESUMES_S),
    "feed_delayed_plan": Kind(FEED, _host("old_stamp"), 8, RESUMES_S),
    "quota_eviction": Kind(FEED, _host("evict"), 0, TAIL_S),
    "feed_half_open": Kind(FEED, _host("half_open"), 0, SILENT_S),
    "feed_reset": Kind(FEED, _host("rst"), 0, RESUMES_S, mild=True),
    "feed_refused": Kind(FEED, lambda r: {"fault": "refuse", "host": r.choice([1, 2]), "drop": True}, 6, RESUMES_S),
    # the daemon's own machine
    "clock_step": Kind(BOX, lambda r: {"ms": r.choice([-3000, -900, 300, 800, 1200, 4000])}, 20, RESUMES_S),
    "clock_drift": Kind(BOX, lambda r: {"ppm": r.choice([-20_000, 5_000, 40_000])}, 20, RESUMES_S),
    "loop_stall": Kind(BOX, lambda r: {"ms": r.choice([120, 400, 1500, 6000])}, 0, RESUMES_S),
    "disk_full": Kind(BOX, lambda _r: {}, 0, RESTART_S),
    "slow_fsync": Kind(BOX, lambda r: {"ms": r.choice([80, 240, 400, 2000])}, 20, 15),
    "kill": Kind(BOX, lambda r: {"back_ms": r.choice([700, 2000, 8000])}, 0, RESTART_S),
    "kill_soon_after_place": Kind(BOX, lambda r: {"back_ms": r.choice([700, 1500])}, 0, RESTART_S),
    "sigterm": Kind(BOX, lambda _r: {}, 0, STOP_S),
    "sigusr1": Kind(BOX, lambda _r: {}, 6, TAIL_S),
    "kill_file": Kind(BOX, lambda _r: {}, 6, TAIL_S),
    "kill_file_kept": Kind(BOX, lambda _r: {}, 8, TAIL_S),
    "operator_pause": Kind(BOX, lambda _r: {}, 6, 15, mild=True),
    "strangers_cancel_all": Kind(BOX, lambda _r: {}, 0, TAIL_S),
    "outside_cancel_all": Kind(BOX, lambda _r: {}, 6, TAIL_S),
    "config_refused": Kind(BOX, lambda r: {"key": r.choice(["unknown", "value"])}, 6, STOP_S, files=True),
    "journal_flip": Kind(BOX, lambda r: {"place": r.random()}, 8, RESTART_S, files=True),
}


class WindowSpan(NamedTuple):
    """The part of a window that faults are drawn in."""

    preflight_ns: int
    strict_ns: int
    target_ns: int


def deal(kinds: Mapping[str, Kind], rng: Random, mode: str) -> Iterator[str]:
    """Kinds without end, from a shuffled pack that is shuffled anew when it is used up."""
    pack = [name for name, kind in kinds.items() if mode == "all" or kind.mild]
    while True:
        rng.shuffle(pack)
        yield from pack


def schedule(seed: str, mode: str, spans: list[WindowSpan], start: int) -> list[Fault]:
    """The faults of one unit, in order of time; `start` is how many kinds earlier units have been dealt.

    The last span stays calm: what went wrong before it must be over by then.
    """
    if mode == "none" or len(spans) < 2:  # noqa: PLR2004 - one window has no calm one after it
        return []
    rng = Random(f"{seed}|faults|{start}")
    kinds = deal(KINDS, Random(f"{seed}|pack"), mode)
    for _ in range(start):
        next(kinds)
    found: list[Fault] = []
    for span in spans[:-1]:
        found.extend(draw(KINDS, next(kinds), span, rng) for _ in range(per_window(mode)))
    return sorted(found, key=lambda fault: (fault.at_ns, fault.kind))


def per_window(mode: str) -> int:
    """How many faults each window gets."""
    return 3 if mode == "all" else 1


def draw(kinds: dict[str, Kind], name: str, span: WindowSpan, rng: Random) -> Fault:
    """One fault of a kind, somewhere in a window."""
    kind = kinds[name]
    late = rng.random() < 0.5  # noqa: PLR2004 - half of them in the final minute
    first_ns = span.strict_ns if late else span.preflight_ns
    at_ns = rng.randrange(first_ns, span.target_ns) // NS_PER_MS * NS_PER_MS
    for_s = round(kind.longest_s * rng.uniform(0.1, 1.0), 1) if kind.longest_s else 0.0
    if kind.to_the_end:
        for_s = (span.target_ns - at_ns) / NS_PER_S
    return Fault(name, kind.where, at_ns, for_s, kind.draw(rng))
