"""Which fault makes which rule fire, on a real daemon. docs/metrics.md is this table for people; a test compares them.

A fault takes the stage and returns; the drill then waits until each of its rules has fired, and heals. What needs a
minute or more is left to `make rules-drill`.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import NamedTuple

from domain.clock import NS_PER_S
from journal.snapshot_io import read_snapshot, write_snapshot
from sim.local.waiting import utc_s
from tests.live.stage import Stage, fetch, until, until_instant
from tests.live.test_crash import exchange_does
from tests.programs import need

Act = Callable[[Stage], AbstractContextManager[None]]
FEW = 15
HANDS = "LADDERD_CONTROLS__DRILL_HANDS"
LEAK_BYTES = 450_000_000
LEAK = f"kept = bytearray(b'x') * {LEAK_BYTES}\n"


class Fault(NamedTuple):
    """One fault: what it is, the rules that must fire while it lasts, how long that may take, and how often it is made.

    `tries` is more than one where the state lasts but a moment of a window, which a scrape of a busy machine may miss.
    """

    name: str
    rules: tuple[str, ...]
    act: Act
    limit_s: float = 20.0
    long: bool = False
    tries: int = 1


def _exchange(*faults: dict[str, object], quoting: bool = True) -> Act:
    @contextlib.contextmanager
    def act(stage: Stage) -> Iterator[None]:
        if quoting:
            stage.quoting_again()
        for fault in faults:
            stage.exchange_fault(**fault)  # type: ignore[arg-type]  # a row of the menu
        yield
        stage.heal()

    return act


@contextlib.contextmanager
def _silence(stage: Stage) -> Iterator[None]:
    """No value from either host."""
    stage.feed_fault("silence")
    yield
    stage.heal()


@contextlib.contextmanager
def _strict_silence(stage: Stage) -> Iterator[None]:
    """No value for two seconds in the final minutes of two windows, while all was well before."""
    for number in (first := stage.window_ahead(), first + 1):
        until_instant(stage.target_s(number) - stage.strict_s - 2)
        stage.until_quoting()
        until_instant(stage.target_s(number) - stage.strict_s + 0.5)
        stage.feed_fault("silence", for_s=2)
        until_instant(stage.target_s(number) + 1)
    yield
    # The second trip of a session freezes it until somebody resumes.
    stage.resume()


def _at_least(stage: Stage, name: str, wanted: float) -> bool:
    return stage.metric(name) >= wanted


@contextlib.contextmanager
def _flapping(stage: Stage) -> Iterator[None]:
    """The host that is believed falls silent, five times; it is asked which, since the primary returns by itself."""
    for _ in range(5):
        until("both live", lambda: all(f["state"] == "live" for f in stage.picture()["feeds"]), 20, 0.2)
        wanted = stage.metric("ladderd_feed_failovers_total") + 1
        believed = [feed["active"] for feed in stage.picture()["feeds"]].index(True)
        stage.feed_fault("silence", host=1 + believed)
        until("a switch", partial(_at_least, stage, "ladderd_feed_failovers_total", wanted), 20, 0.2)
        stage.heal()
    yield


@contextlib.contextmanager
def _stuck_stamps(stage: Stage) -> Iterator[None]:
    stage.feed_fault("stuck_stamp")
    yield
    stage.heal()


@contextlib.contextmanager
def _skewed(stage: Stage) -> Iterator[None]:
    stage.exchange_fault("clock_skew_ms", ms=2_000)
    yield
    stage.exchange_fault("clock_skew_ms", ms=0)


@contextlib.contextmanager
def _unproven_after_freeze(stage: Stage) -> Iterator[None]:
    """From just before a freeze on nothing that cancels is answered, no list, and the stream is silent."""
    stage.quoting_again()
    number = stage.window_ahead(0)
    until_instant(stage.target_s(number) - 7)
    assert stage.truth()["resting"], "no order rests when the exchange falls silent"
    stage.exchange_fault("ws_half_open", for_s=10)
    ops = ["list_orders", "trigger_group", "cancel_order", "batch_cancel", "cancel_all"]
    stage.exchange_fault("http_5xx", op=ops)
    until_instant(stage.target_s(number) - 1)
    yield
    stage.heal()


@contextlib.contextmanager
def _slow_cancels(stage: Stage) -> Iterator[None]:
    """The exchange takes two seconds to cancel; an operator's pause empties the book."""
    stage.until_quoting(least=4)
    ops = ["trigger_group", "cancel_order", "batch_cancel", "cancel_all"]
    stage.exchange_fault("latency", ms=2_000, op=ops)
    _order(stage, "pause", "slow cancels")
    yield
    stage.heal()
    stage.resume()


@contextlib.contextmanager
def _paused(stage: Stage) -> Iterator[None]:
    _order(stage, "pause", "a pause")
    yield
    stage.resume()


@contextlib.contextmanager
def _stuck_cancel_all(stage: Stage) -> Iterator[None]:
    """Nobody can prove that the book is empty: lists are not answered."""
    stage.exchange_fault("http_5xx", op=["list_orders"])
    stage.processes["daemon"].send_signal(signal.SIGUSR1)
    yield
    stage.heal()
    until("flat", lambda: not stage.metric("ladderd_cancel_all_active"), 20, 0.5)
    stage.resume()


@contextlib.contextmanager
def _killed(stage: Stage) -> Iterator[None]:
    assert stage.ladderd("kill", "--reason", "drill", "--state-dir", str(stage.state_dir)).returncode == 0
    yield
    (stage.state_dir / "KILL_SWITCH").unlink()
    stage.resume()


@contextlib.contextmanager
def _unreported(stage: Stage) -> Iterator[None]:
    """A file lies where the reports belong, to the end: each report that is not written is an error in the log."""
    reports = stage.state_dir / "reports"
    if reports.is_dir():
        reports.rename(stage.state_dir / "reports.away")
    reports.write_text("in the way")
    yield


@contextlib.contextmanager
def _traded_by_hand(stage: Stage) -> Iterator[None]:
    """Somebody else trades on our account, fifteen times; each of his fills is told as an error of its own."""
    before, markets = stage.metric("errors_total"), until("an open market", partial(_open_markets, stage), 20, 0.2)
    order = {"ticker": markets[0], "side": "bid", "count": f"{FEW}.00", "price": "0.0100", "client_order_id": "by-hand"}
    ident = _at_exchange(stage, "place", order)["order_id"]
    for _ in range(FEW):
        _at_exchange(stage, "fill", {"order_id": ident, "count": "1.00"})
    until("they are counted", partial(_at_least, stage, "errors_total", before + FEW), 10, 0.1)
    yield


def _open_markets(stage: Stage) -> list[str]:
    query = "series_ticker=KXINXU&status=open"
    status, answer = fetch(f"{stage.addresses['exchange']}/trade-api/v2/markets?{query}")
    assert status == 200, answer
    return [row["ticker"] for row in json.loads(answer)["markets"]]


def _at_exchange(stage: Stage, what: str, body: dict[str, str]) -> dict[str, str]:
    status, answer = fetch(f"{stage.addresses['exchange']}/sim/{what}", body)
    assert status == 200, answer
    told: dict[str, str] = json.loads(answer)
    return told


@contextlib.contextmanager
def _hanging_disk(stage: Stage) -> Iterator[None]:
    """A write to the state directory does not come back: a pipe without a reader stands where a draft belongs."""
    path = stage.state_dir / "monitors" / ".ev_gap.json"
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    yield
    with path.open("rb"):
        path.unlink(missing_ok=True)  # the write that came back has perhaps been renamed into place already


@contextlib.contextmanager
def _hanging_start(stage: Stage) -> Iterator[None]:
    """The same while the daemon starts: it answers, and its runner never makes a step."""
    stage.stop()
    path = stage.state_dir / "monitors" / ".http.json"
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    daemon = stage.start_daemon()
    until("it answers", stage.metrics, 30, 0.2)
    yield
    daemon.kill()
    daemon.wait()
    path.unlink()
    stage.start_daemon()
    stage.wait_for_page()


@contextlib.contextmanager
def _old_proofs(stage: Stage) -> Iterator[None]:
    """The daemon wants hands proven, and comes back to one drill of 40 days ago and none of the others."""
    stage.stop()
    kept = read_snapshot(stage.state_dir)
    assert kept is not None
    memory = json.loads(kept.payload)
    memory["proven"] |= {"kill_file": kept.taken_utc_ns - 40 * 86_400 * NS_PER_S}
    write_snapshot(stage.state_dir, json.dumps(memory).encode(), kept.seq, kept.taken_utc_ns)
    stage.environment[HANDS] = "true"
    stage.start_daemon()
    stage.wait_for_page()
    yield
    stage.stop()
    del stage.environment[HANDS]
    stage.start_daemon()
    stage.wait_for_page()


@contextlib.contextmanager
def _stalls(stage: Stage) -> Iterator[None]:
    """The machine stands still for a fifth of a second, again and again."""
    daemon = stage.processes["daemon"]
    for _ in range(FEW):
        daemon.send_signal(signal.SIGSTOP)
        time.sleep(0.2)
        daemon.send_signal(signal.SIGCONT)
        time.sleep(0.1)
    yield


@contextlib.contextmanager
def _flooded(stage: Stage) -> Iterator[None]:
    """Both hosts send a thousand values in a frame, and the machine stands still until thousands of them wait."""
    daemon = stage.processes["daemon"]
    stage.feed_fault("frame_size", n=1_000)
    daemon.send_signal(signal.SIGSTOP)
    time.sleep(5)
    daemon.send_signal(signal.SIGCONT)
    stage.heal()
    yield


@contextlib.contextmanager
def slow_disk(stage: Stage) -> Iterator[None]:
    """Every sync of the daemon takes a third of a second."""
    pid = stage.processes["daemon"].pid
    calls = "fdatasync,fsync"
    tracer = subprocess.Popen(
        [need("strace"), "-f", "-qq", "-o", "/dev/null", "-p", str(pid), "-e", f"trace={calls}",
         "-e", f"inject={calls}:delay_exit=330000"],
        start_new_session=True,
    )  # fmt: skip
    try:
        yield
    finally:
        # Asked to end, it first waits for a delayed sync of each thread; killed, the kernel lets go of all at once.
        tracer.kill()
        tracer.wait(10)


@contextlib.contextmanager
def _few_files(stage: Stage) -> Iterator[None]:
    """The limit of open files is lowered under the running daemon, to half as much again as are open."""
    pid = stage.processes["daemon"].pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    few = int(stage.metric("process_open_fds") * 1.6)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (few, before[1]))
    yield
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


@contextlib.contextmanager
def _restarted(stage: Stage, **settings: str) -> Iterator[None]:
    """The daemon once more on the same port, with other variables, and back again."""
    kept = dict(stage.environment)
    stage.stop()
    stage.environment |= settings
    stage.start_daemon()
    stage.wait_for_page()
    yield
    stage.stop()
    stage.environment = kept
    stage.start_daemon()
    stage.wait_for_page()


@contextlib.contextmanager
def _leak(stage: Stage) -> Iterator[None]:
    """The interpreter is started with half a gigabyte that nobody gives back."""
    folder = stage.state_dir / "leak"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(LEAK)
    with _restarted(stage, PYTHONPATH=f"{folder}:{stage.environment['PYTHONPATH']}"):
        yield


@contextlib.contextmanager
def _small_limit(stage: Stage) -> Iterator[None]:
    """Positions are held; the daemon comes back with a day's limit of one dollar."""
    stage.until_quoting()
    stage.until_quoting(least=4)
    until("more than a dollar at risk", partial(_sold, stage), 60, 0.3)
    with _restarted(stage, LADDERD_RISK__PER_DAY_DOLLARS="1"):
        yield


def _sold(stage: Stage) -> bool:
    """Have every ask of ours hit; whether more than a dollar is at risk by now."""
    for order in stage.truth()["resting"]:
        if order["book_side"] == "ask":
            exchange_does(stage, "fill", {"order_id": order["order_id"]})
    return _at_risk(stage) > 1


def _at_risk(stage: Stage) -> float:
    return sum(value for (name, _), value in stage.metrics().items() if name == "ladderd_exposure_dollars")


@contextlib.contextmanager
def _crash_loop(stage: Stage) -> Iterator[None]:
    """Killed again and again, each time once it was seen by a scrape."""
    for _ in range(6):
        stage.stop(signal.SIGKILL)
        stage.start_daemon()
        stage.wait_for_page()
        until("metrics", stage.metrics, 20, 0.2)
        until_instant(utc_s() + 0.3)
    yield


@contextlib.contextmanager
def _unread_books(stage: Stage) -> Iterator[None]:
    """The daemon starts and no list of the exchange is answered."""
    stage.exchange_fault("http_5xx", op=["list_orders", "get_fills", "get_positions", "get_balance"])
    stage.exchange_fault("latency", ms=700)
    with _restarted(stage):
        yield
        stage.heal()


def _order(stage: Stage, command: str, cause: str) -> None:
    answer = stage.ladderd(command, "--by", "drill", "--cause", cause, "--state-dir", str(stage.state_dir))
    assert answer.returncode == 0, answer.stdout + answer.stderr


@contextlib.contextmanager
def _refused(stage: Stage, **answer: object) -> Iterator[None]:
    """The exchange refuses places with this answer; a pause that follows is lifted."""
    stage.quoting_again()
    stage.exchange_fault("refuse_orders", **answer)
    yield
    stage.heal()
    stage.resume()


@contextlib.contextmanager
def _late_lists(stage: Stage) -> Iterator[None]:
    """Lists are ten seconds behind, and go on showing what a pause has cancelled: orders rested for as long before."""
    stage.resume()
    until_instant(stage.target_s(stage.window_ahead(stage.open_lead_s - stage.strict_s)) - stage.open_lead_s)
    stage.until_quoting(least=4)
    stage.exchange_fault("list_lag_ms", ms=10_000)
    until_instant(utc_s() + 10.5)
    _order(stage, "pause", "late lists")
    yield
    stage.exchange_fault("list_lag_ms", ms=400)
    stage.resume()


@contextlib.contextmanager
def _cancelled_by_hand(stage: Stage) -> Iterator[None]:
    """The owner presses "cancel all" on the exchange's page."""
    stage.quoting_again(least=4)
    assert int(_at_exchange(stage, "cancel_all", {})["cancelled"]) >= 2
    yield
    stage.resume()


@contextlib.contextmanager
def _placed_by_hand(stage: Stage) -> Iterator[None]:
    """An order that no run of ours sent is executed on the account; its execution is told at once."""
    market = until("an open market", partial(_open_markets, stage), 20, 0.2)[0]
    order = {"ticker": market, "side": "bid", "count": "1.00", "price": "0.0100", "client_order_id": "by-hand-too"}
    ident = _at_exchange(stage, "place", order)["order_id"]
    _at_exchange(stage, "fill", {"order_id": ident, "count": "1.00"})
    yield


CROSSING = {"status": 400, "code": "invalid_order", "details": "post only cross"}
# In an order in which no fault fires the rules of a later one by the way, and what makes markets cool for a minute is
# followed by what needs no quotes.
FAULTS = (
    # Before the first window's end: on a busy machine every time to flat is a slow one, and is asked for an hour.
    Fault("the exchange takes two seconds to cancel", ("LadderdFlatSlow", "LadderdFlatTooSlow"), _slow_cancels),
    Fault("a file lies where the reports belong", ("LadderdErrors",), _unreported, 40),
    Fault("every sync takes a third of a second", ("LadderdJournalSlow", "LadderdJournalTooSlow"), slow_disk, 30),
    Fault("the exchange's websocket refuses upgrades", ("LadderdStreamDown", "LadderdStreamDownLong"),
          _exchange({"fault": "http_5xx", "op": ["ws_connect"]}, {"fault": "ws_drop"}, quoting=False)),
    Fault("nothing is answered from before the freeze on", ("LadderdRestingAfterFreeze",), _unproven_after_freeze, 6,
          tries=4),
    Fault("the exchange answers writes with 503", ("LadderdUnknownOrders", "LadderdExchangeRefuses",
          "LadderdExchangeFails"), _exchange({"fault": "http_5xx", "op": ["create_order", "batch_create"]})),
    Fault("the websocket comes back and no list is answered", ("LadderdNotReconciled",),
          _exchange({"fault": "http_5xx", "op": ["list_orders"]}, {"fault": "ws_drop"}, quoting=False)),
    Fault("the exchange's clock is two seconds ahead", ("LadderdClockOff", "LadderdClockWrong"),
          _skewed, 40),
    Fault("neither feed tells anything", ("LadderdIndexLate", "LadderdIndexLost", "LadderdBothFeedsLost"), _silence,
          60),
    Fault("one feed falls silent after the other", ("LadderdFailoverFlaps",), _flapping),
    Fault("the exchange answers writes with 429", ("LadderdTokensLow", "LadderdTokensGone"),
          _exchange({"fault": "http_429", "op": ["create_order", "batch_create"]})),
    Fault("the vendor's stamps stand still", ("LadderdTicksRejected",), _stuck_stamps, 30),
    Fault("the limit of open files is lowered", ("LadderdFiles",), _few_files),
    Fault("a cancel-all while lists are not answered", ("LadderdCancelAllStuck",), _stuck_cancel_all),
    Fault("the kill file", ("LadderdKillSwitch",), _killed),
    Fault("the exchange refuses every order as one that would take", ("LadderdPostOnlyRejects",),
          _exchange({"fault": "refuse_orders", **CROSSING})),
    # The last, since what is not ours blocks until somebody adopts it.
    Fault("somebody else trades on our account", ("LadderdManyErrors",), _traded_by_hand),
    Fault("neither feed tells anything in two final minutes", ("LadderdFreshnessTrip", "LadderdFreshnessTripTwice"),
          _strict_silence, long=True),
    Fault("the machine stands still for a fifth of a second", ("LadderdLoopLag", "LadderdLoopStalls"), _stalls,
          long=True),
    Fault("thousands of index values at once", ("LadderdEventsWait", "LadderdEventsWaitLong"), _flooded, 30, long=True),
    Fault("positions held, and a day's limit of one dollar", ("LadderdDayLossHigh", "LadderdDayLossFull"),
          _small_limit, 40, long=True),
    Fault("an operator's pause", ("LadderdPaused", "LadderdCyclesHeld", "LadderdCyclesMostlyHeld", "LadderdNotReady",
          "LadderdNotReadyLong"), _paused, 90, long=True),
    Fault("the process grows by half a gigabyte", ("LadderdMemory", "LadderdMemoryHigh"), _leak, 30, long=True),
    Fault("killed six times", ("LadderdRestarts", "LadderdCrashLoop"), _crash_loop, 40, long=True),
    Fault("a start while no list is answered", ("LadderdReconcileOld", "LadderdGateUnknown",
          "LadderdClockUnsure"), _unread_books, 40, long=True),
    Fault("a write to the state directory hangs", ("LadderdTaskStuck",), _hanging_disk, 30, long=True),
    Fault("hands that were last drilled 40 days ago", ("LadderdProofOld", "LadderdProofMissing"), _old_proofs, 20,
          long=True),
    Fault("a start that hangs on the disk", ("LadderdHeartbeatLate", "LadderdHeartbeatStopped"), _hanging_start, 20,
          long=True),
    # The last: each is followed by a minute in which little is quoted, or none.
    Fault("the exchange's lists are ten seconds behind", ("LadderdListBehind",), _late_lists, 60, long=True),
    Fault("the exchange forbids one market", ("LadderdMarketRestricted",),
          partial(_refused, status=403, code="market_restricted", count=1), long=True),
    Fault("the exchange finds too little cash", ("LadderdCashShort",),
          partial(_refused, status=400, code="insufficient_balance", count=2), long=True),
    Fault("the exchange refuses our key twice", ("LadderdKeyRefused",),
          partial(_refused, status=401, code="authentication_error"), 30, long=True),
    Fault("somebody presses cancel all on the exchange's page", ("LadderdUnexplainedCancels",), _cancelled_by_hand, 30,
          long=True),
    Fault("an order by hand is executed beside ours", ("LadderdAnotherTrader",), _placed_by_hand, 30, long=True),
)  # fmt: skip
