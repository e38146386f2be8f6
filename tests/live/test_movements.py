"""Each declared family moves in one run of the real daemon, and by as much as the simulators counted."""

from __future__ import annotations

import base64
import itertools
import json
import signal
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sim.local.waiting import utc_s
from tests.live.movements import Movements, total
from tests.live.rule_faults import CROSSING, slow_disk
from tests.live.stage import Stage, fetch, playing, until, until_instant
from tests.live.test_books import by_hand, sim

GROUPS = "/trade-api/v2/portfolio/order_groups"
YESTERDAY_MS = (24 * 60 - 10) * 60_000
SCRAPE_S = 0.25
OURS = "ladderd-"
# What stands still within one run of one process, each with its reason. Anything else must move.
CONSTANT = {
    "agent_start": "1 in every process: another process is what moves it",
    "ladderd_build_info": "build and configuration of a process do not change",
    "ladderd_start_timestamp_seconds": "when this process began",
    "ladderd_task_limit_seconds": "limits of the tasks are written in the code",
    "ladderd_armed": "paper is always armed; only live asks for it",
    "ladderd_market_open": "the short windows of a drill come at all hours",
    "ladderd_fee_path_info": "the fee file is read once, at the start",
    "ladderd_day_loss_limit_dollars": "a setting",
    "ladderd_breaker_tripped": "a breaker speaks after dozens of settled windows; shown to move by the picture's drill",
    "ladderd_model_doubted": "the same, after 240 events",
    "control_proof_limit_seconds": "how old each proof may be is a setting",
    "ladderd_close_out_orders": "orders of `ladderd close-all` alone, whose own drill sees them counted",
    "ladderd_close_out_fills": "executions of `ladderd close-all` alone, whose own drill sees them counted",
    "ops_window_cancel_buffer_seconds": "the freeze's lead is a setting",
}
# What a scrape may or may not see move, each with its reason.
CHANCE = {
    "ladderd_write_tokens_reserve": "moves once after the start, before the first scrape or after it",
    "ladderd_write_tokens_capacity": "moves once after the start, before the first scrape or after it",
    "runtime_bus_depth": "an event waits for less than a millisecond; few scrapes meet one",
    "ladderd_stream_up": "the websocket may be back before a scrape; the rule's drill, which refuses it, sees it down",
}


class Counts(NamedTuple):
    """What all three programs counted at the end of a run."""

    samples: dict[tuple[str, str], float]
    exchange: dict[str, Any]
    feed: dict[str, Any]

    def metric(self, name: str, labels: str = "") -> float:
        """The daemon's own count."""
        return total(self.samples, name, labels)

    def requests(self, operation: str) -> int:
        """How often the exchange was asked for an operation."""
        return int(self.exchange["requests"].get(operation, 0))

    def faults(self, fault: str) -> int:
        """How often a fault of the exchange struck."""
        return int(self.exchange["faults"].get(fault, 0))

    def fills(self, *, taker: bool) -> int:
        """Executions under a name of ours, yesterday's left out: some are taken by an order that takes at once."""
        since_ms = self.exchange["now_ms"] - YESTERDAY_MS // 2
        return sum(
            fill["client_order_id"].startswith(OURS) and fill["is_taker"] >= taker and fill["ts_ms"] >= since_ms
            for fill in self.exchange["fills"]
        )

    def fills_past(self) -> int:
        """Yesterday's executions."""
        since_ms = self.exchange["now_ms"] - YESTERDAY_MS // 2
        return sum(fill["ts_ms"] < since_ms for fill in self.exchange["fills"])


# One more trigger, and the first group, are another client's. A first connection is no reconnect.
EQUAL: dict[str, Callable[[Counts], tuple[float, float]]] = {
    "orders with an outcome": lambda c: (
        c.metric("ladderd_orders_accepted_total") + c.metric("ladderd_orders_refused_total")
        + c.metric("ladderd_orders_unknown_total"), c.requests("create_order")),
    "orders whose bytes left": lambda c: (
        c.metric("ladderd_orders_sent_total") - c.metric("ladderd_orders_unsent_total"), c.requests("create_order")),
    "answers of 5xx": lambda c: (
        c.metric("ladderd_exchange_answers_total", 'outcome="5xx"'), c.faults("http_5xx")),
    "executions": lambda c: (c.metric("ladderd_fills_total"), c.fills(taker=False)),
    "executions that took": lambda c: (c.metric("ladderd_taker_fills_total"), c.fills(taker=True)),
    "executions of yesterday": lambda c: (c.metric("ladderd_fills_of_past_sessions_total"), c.fills_past()),
    "group triggers": lambda c: (c.metric("ladderd_group_triggers_total"), c.requests("trigger_group") - 1),
    "groups of another client": lambda c: (c.metric("ladderd_groups_leaked_total"), 1),
    "cancel-alls": lambda c: (c.metric("ladderd_cancel_alls_total"), c.requests("cancel_all")),
    "websocket drops": lambda c: (c.metric("ladderd_stream_drops_total"), c.faults("ws_drop")),
    "websocket reconnects": lambda c: (
        c.metric("ladderd_reconnects_total", 'socket="exchange"'), c.requests("ws_connect") - 1),
    "reconnects of the first feed": lambda c: (
        c.metric("ladderd_reconnects_total", 'socket="massive"'), c.feed["upgrades"][0] - 1),
    "reconnects of the second feed": lambda c: (
        c.metric("ladderd_reconnects_total", 'socket="polygon"'), c.feed["upgrades"][1] - 1),
}  # fmt: skip
# Ours may be at least, or at most, what the simulator counted: an order may cross by the way, one gap spoils the books
# of several markets, and a list of orders is asked for, for more reasons than to see what rests.
LEAST: dict[str, Callable[[Counts], tuple[float, float]]] = {
    "gaps in the numbers": lambda c: (
        c.metric("ladderd_frames_passed_over_total", 'why="gap"'), c.faults("ws_seq_gap")),
    "orders that would have taken": lambda c: (
        c.metric("ladderd_post_only_rejects_total"), c.faults("refuse_orders")),
    "books not believed": lambda c: (c.metric("ladderd_books_stale_total"), c.faults("ws_seq_gap")),
    "lists of orders": lambda c: (c.requests("list_orders"), c.metric("ladderd_listings_total")),
    "values whose stamp stood still": lambda c: (
        c.feed["faults_struck"].get("stuck_stamp", 0), c.metric("ladderd_ticks_rejected_total", 'reason="not_newer"')),
}  # fmt: skip


def signed(stage: Stage, method: str, path: str, body: object = None) -> None:
    """A request of another client that holds the key of our account."""
    key = load_pem_private_key((stage.state_dir / "key.pem").read_bytes(), None)
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    stamp = str(int(utc_s() * 1_000))
    headers = {
        "KALSHI-ACCESS-KEY": stage.environment["LADDERD_EXCHANGE__API_KEY_ID"],
        "KALSHI-ACCESS-TIMESTAMP": stamp,
        "KALSHI-ACCESS-SIGNATURE": base64.b64encode(key.sign(f"{stamp}{method}{path}".encode())).decode(),
        "Content-Type": "application/json",
    }
    data = None if body is None else json.dumps(body).encode()
    url = stage.addresses["exchange"] + path
    request = urllib.request.Request(url, data=data, method=method, headers=headers)  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - loopback
        assert answer.status < 300, answer.read()


def open_market(stage: Stage) -> str:
    """A market in which nothing of ours rests."""
    query = "series_ticker=KXINXU&status=open"
    status, body = fetch(f"{stage.addresses['exchange']}/trade-api/v2/markets?{query}")
    assert status == 200, body
    ours = {order["ticker"] for order in stage.truth()["resting"]}
    return next(str(row["ticker"]) for row in json.loads(body)["markets"] if row["ticker"] not in ours)


def taken(stage: Stage, number: int, side: str = "bid") -> None:
    """An order under a name like ours takes from somebody else's, where nothing of ours rests."""
    tries = itertools.count(1)

    def took() -> bool:
        row = {"ticker": open_market(stage), "price": "0.9000", "count": "1.00"}
        sim(stage, "foreign", row | {"side": "ask" if side == "bid" else "bid"})
        order = row | {"side": side, "client_order_id": f"{OURS}{next(tries)}-{number}"}
        told = sim(stage, "place", order | {"post_only": False, "time_in_force": "immediate_or_cancel"})
        return bool(told["fill_count"] == "1.00")

    until("an order of ours takes", took, 25, 0.5)  # a window may end between the two


class Haunted(Stage):
    """A stage on whose account somebody traded yesterday and left an order group behind."""

    def start_simulators(self) -> None:
        """The simulators, and what was done before the daemon's start."""
        super().start_simulators()
        signed(self, "POST", f"{GROUPS}/create", {"contracts_limit": 5})
        until_instant(self.anchor_s - self.open_lead_s + 0.5)
        self.exchange_fault("clock_skew_ms", ms=-YESTERDAY_MS)
        # Bought and sold: a position of a market that is open today would be drift, and nothing would be quoted.
        taken(self, 1)
        taken(self, 2, "ask")
        self.exchange_fault("clock_skew_ms", ms=0)


@contextmanager
def watched(stage: Stage) -> Iterator[Movements]:
    """Scrape four times a second until the block ends."""
    movements, ended = Movements(stage), threading.Event()
    movements.look()

    def scrape() -> None:
        while not ended.wait(SCRAPE_S):
            movements.look()

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield movements
    finally:
        ended.set()
        thread.join()


@contextmanager
def rising(stage: Stage, name: str, limit_s: float = 15) -> Iterator[None]:
    """What the block does must make a metric rise."""
    before = total(stage.metrics(), name)
    yield
    until(f"{name} rises from {before}", lambda: total(stage.metrics(), name) > before, limit_s, 0.1)


def resting(stage: Stage, side: str) -> list[dict[str, Any]]:
    """Our orders of one side, by the exchange's own record."""
    return [order for order in stage.truth()["resting"] if order["book_side"] == side]


def until_opened(stage: Stage, least: int = 2) -> None:
    """Wait until a window has just opened: what follows takes some seconds, and none of them may be its last ones."""
    until_instant(stage.target_s(stage.window_ahead(8)) - stage.open_lead_s)
    stage.quoting_again(least)


def writes_go_wrong(stage: Stage) -> None:
    """Orders are refused, not answered, filled; a list is not answered; a group is triggered by another client."""
    stage.until_quoting()
    with rising(stage, "ladderd_post_only_rejects_total"):
        stage.exchange_fault("refuse_orders", count=3, **CROSSING)
    with rising(stage, "ladderd_fills_total"):
        # Of one side alone: a bid and an ask of one market would leave no position to be marked.
        for order in until("asks rest", partial(resting, stage, "ask")):
            sim(stage, "fill", {"order_id": order["order_id"]})
    with rising(stage, "ladderd_orders_unknown_total"):
        stage.exchange_fault("http_5xx", op=["create_order"], count=2)
    with rising(stage, "ladderd_read_failures_total"):
        stage.exchange_fault("http_5xx", op=["list_orders"], count=1)
    with rising(stage, "ladderd_groups_lost_total"):
        until_opened(stage, least=1)
        group = stage.until_quoting(least=1)[0]["order_group_id"]
        signed(stage, "PUT", f"{GROUPS}/{group}/trigger")


def sockets_go_wrong(stage: Stage) -> None:
    """A frame is lost, then the websocket; stamps stand still; a request is refused."""
    until_opened(stage)
    with rising(stage, "ladderd_books_stale_total"):
        stage.exchange_fault("ws_seq_gap", channel="orderbook_delta", count=1)
    with rising(stage, "ladderd_stream_drops_total"):
        stage.exchange_fault("ws_drop")
    with rising(stage, "ladderd_ticks_rejected_total"):
        stage.feed_fault("stuck_stamp", for_s=1)
    with rising(stage, "ladderd_http_refused_total"):
        fetch(stage.http + "/pause", {})


def stalls(stage: Stage) -> None:
    """The daemon stands still for a third of a second, until that fell on a time when its timer was due."""
    daemon = stage.processes["daemon"]

    def stalled() -> bool:
        daemon.send_signal(signal.SIGSTOP)
        until_instant(utc_s() + 0.3)
        daemon.send_signal(signal.SIGCONT)
        return total(stage.metrics(), "ladderd_loop_stalls_total") > 0

    until("a stall", stalled, 20, 0.3)


def silent_final_minute(stage: Stage) -> None:
    """No value for two seconds in the final minute of a window."""
    stage.quoting_again()
    number = stage.window_ahead()
    until_instant(stage.target_s(number) - stage.strict_s - 2)
    stage.until_quoting()
    until_instant(stage.target_s(number) - stage.strict_s + 0.5)
    with rising(stage, "ladderd_guard_trips_total"):
        stage.feed_fault("silence", for_s=2)
    until_instant(stage.target_s(number) + 1)


def feeds_go_wrong(stage: Stage) -> None:
    """The exchange pauses before a window; in it the feeds disagree, one falls silent, and both are cut."""
    stage.exchange_fault("exchange_pause")
    until("the pause is seen", lambda: not stage.metric("ladderd_exchange_up"), 10)
    stage.heal()
    until_opened(stage)  # a silence of the final minute would be the session's second one, which freezes
    with rising(stage, "ladderd_feed_divergences_total"):
        stage.feed_fault("divergence", host=2, bps=50, for_s=1.5)
    with rising(stage, "ladderd_feed_failovers_total"):
        stage.feed_fault("silence", host=1, for_s=2)


def taken_and_cancelled(stage: Stage) -> None:
    """The account is cancelled while places wait for a slow disk; somebody trades by hand; an order of ours takes."""
    until_opened(stage)
    with slow_disk(stage), rising(stage, "ladderd_cancel_all_completed_total"):
        until_instant(utc_s() + 1.5)
        stage.processes["daemon"].send_signal(signal.SIGUSR1)
    with rising(stage, "ladderd_reconcile_drifts_total"):
        sim(stage, "fill", {"order_id": by_hand(stage, open_market(stage), "by-hand")})
    stage.feed_fault("rst")
    with rising(stage, "safety_halted_total"):
        killed = stage.ladderd("kill", "--reason", "drill", "--state-dir", str(stage.state_dir))
    assert killed.returncode == 0, killed.stderr
    with rising(stage, "ladderd_taker_fills_total"):  # the last, since a fill that took halts by itself
        taken(stage, 3)


def differences(counts: Counts) -> list[str]:
    """Each pair whose amounts are not what they must be."""
    found = []
    for what, pair in EQUAL.items():
        ours, theirs = pair(counts)
        if ours != theirs or not theirs:
            found.append(f"{what}: ours {ours:g}, the simulator's {theirs:g}")
    for what, pair in LEAST.items():
        more, less = pair(counts)
        if more < less or not less:
            found.append(f"{what}: {more:g} is not at least {less:g}, or that is 0")
    return found


def amounts(stage: Stage) -> list[str]:
    """The pairs that differ once all three programs have come to rest; the simulators are asked after the daemon."""
    feed = stage.addresses["feed"].replace("ws", "http", 1).rpartition("/")[0]
    found = ["never compared"]

    def agree() -> bool:
        counts = Counts(stage.metrics(), stage.truth(), json.loads(fetch(f"{feed}/sim/state")[1]))
        found[:] = differences(counts)
        return not found

    try:
        until("amounts agree", agree, 10, 0.3)
    except AssertionError:
        return found
    return []


@pytest.mark.live
@pytest.mark.long
@pytest.mark.timeout(300)
def test_each_family_moves_and_by_what_the_simulators_counted(tmp_path: Path) -> None:
    settings = {"quoting.reject_cooldown_ms": "100", "risk.markets_max": "2"}
    stage = Haunted(tmp_path / "state", period_s=20, strict_s=8, first_open_s=2, settings=settings)
    acts = (writes_go_wrong, silent_final_minute, feeds_go_wrong, sockets_go_wrong, stalls, taken_and_cancelled)
    failed: list[str] = []
    with playing(stage), watched(stage) as movements:
        for act in acts:
            try:
                act(stage)
            except AssertionError as problem:
                failed.append(f"{act.__name__}: {problem}")
        failed += amounts(stage)
        movements.look()
    still = movements.still()
    failed += [f"{name}: {what}" for name, what in still.items() if name not in CONSTANT.keys() | CHANCE.keys()]
    failed += [f"{name}: listed as constant, and it moved" for name in CONSTANT if name not in still]
    assert not failed, "\n".join(failed)
