"""`ladderd probe`: answers the open questions on the exchange's demo host, and writes them to `state/probe.json`.

Never against a live host. One-lot orders far from the market, in a group, expiring within seconds; whatever happens,
what was placed is taken away at the end. One order alone outlives its market, on purpose: what a cancel after the close
is told can be learned in no other way.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from rich.console import Console

from daemon.client.exchange_io import ExchangeClient, Unread
from daemon.client.exchange_reads_io import Look
from daemon.client.stream_io import PrivateStreamListener
from daemon.preflight.checks import CHECKS
from daemon.preflight.commands_io import account_votes
from daemon.preflight.evidence_io import run_check
from daemon.preflight.order_drill import choose, choose_closing
from daemon.preflight.order_drill_io import Trial, TrialError, list_quotes
from daemon.preflight.probe import keeps_order, learn, whole
from daemon.settings.files_io import PROBE
from daemon.settings.learned import QUESTIONS, VERSION, Answered, Found, Learned, Probe
from daemon.settings.tree import Settings
from daemon.system_clock import SystemClock
from domain.actions import Read
from domain.clock import NS_PER_MS, NS_PER_S
from domain.door import DOCUMENT_BYTES_MAX, Door, Refused
from domain.errors import EX_NOT_OK, EX_OK, ConfigurationError, ProtocolError, UnavailableError
from domain.events import CancelOutcome, FeesRead, LimitsRead, OrdersRead, Verdict
from domain.findings.finding import PASS
from domain.hosts import DEMO_HOSTS, is_loopback
from domain.ids import ClientOrderId, OrderId
from domain.market import Market
from domain.money import print_price
from domain.stamps import utc_text
from guards.vote import Vote
from journal.disk_io import Disk

EXPIRY_S: Final = 3
SETTLE_S: Final = 1.1
LISTED_LIMIT_NS: Final = 8 * NS_PER_S
CLOSES_FROM_S: Final = 6
AFTER_CLOSE_S: Final = 1.0
AFTER_CLOSE_LIFE_S: Final = 15
LOOK_S: Final = 0.05
NO_SUCH_ORDER: Final = OrderId("00000000-0000-4000-8000-000000000000")
_batch_answer: Final = Door(dict[str, Any], DOCUMENT_BYTES_MAX).read
EXPECTED: Final = (TrialError, UnavailableError, Unread, ProtocolError, msgspec.MsgspecError)


class Probing:
    """One run: the market it uses, the answers so far, what was learned and what could not be tidied."""

    def __init__(self, look: Look, votes: tuple[tuple[str, Vote], ...], wait_s: int) -> None:
        self.look = look
        self.line: ExchangeClient = look.exchange()
        self.votes = votes
        self.wait_s = wait_s
        self.answers: list[Answered] = []
        self.learned: list[Learned] = []
        self.left: list[str] = []
        self.listener = PrivateStreamListener(look)
        self.heard = False
        self.market: Market | None = None

    async def run(self) -> None:
        """Ask everything, one question after the other."""
        await self._ask("clock", self._clock)
        await self._ask("limits", self._limits)
        self.heard = await self.listener.open()
        try:
            quotes = await list_quotes(self.line, self.look.settings.windows.series)
            found = choose(quotes, self.look.clock.now().utc_ns)
            self.market = found.market if found is not None else None
            await self._ask("terms", self._terms)
            await self._ask("list_lag", self._list_lag)
            await self._ask("expiry_latency", self._expiry)
            await self._ask("triggered_group", self._triggered)
            await self._ask("batch_items", self._batch)
            await self._closed_market()
        finally:
            await self.listener.close()

    async def _ask(self, question: str, work: Callable[[], Awaitable[tuple[dict[str, Any], str]]]) -> None:
        try:
            answer, evidence = await work()
            self._tell(question, Found.ANSWERED, answer, evidence)
        except EXPECTED as problem:
            self._tell(question, Found.UNKNOWN, {}, str(problem))

    def _tell(self, question: str, found: Found, answer: dict[str, Any], evidence: str) -> None:
        at = utc_text(self.look.clock.now().utc_ns)
        self.answers.append(Answered(question, found, answer, evidence, at))

    # --- without orders ------------------------------------------------------------------------------------------

    async def _clock(self) -> tuple[dict[str, Any], str]:
        sample = await self.line.measure_clock()
        if sample is None:
            raise TrialError("no answer carried a Date")
        figures = {"offset_ms": sample.offset_ns // NS_PER_MS, "uncertainty_ms": sample.uncertainty_ns // NS_PER_MS}
        return figures, "from the Date of answers, asked as the exchange's second turns"

    async def _limits(self) -> tuple[dict[str, Any], str]:
        read = await self.line.read(LimitsRead, Read.LIMITS)
        told = msgspec.to_builtins(read)
        return {name: told[name] for name in told if name not in {"kind", "request_id", "asked"}}, "read"

    async def _terms(self) -> tuple[dict[str, Any], str]:
        told: dict[str, Any] = {}
        for name in self.look.settings.windows.series:
            fees = await self.line.read(FeesRead, Read.FEES, series=name)
            told[name] = {"fee_type": fees.fee_type, "multiplier_ppm": fees.multiplier_ppm, "planned": fees.problem}
        market = self._own_market()
        told["exchange_index"] = market.exchange_index
        told["price_ranges"] = [
            [print_price(r.start), print_price(r.end), print_price(r.step)] for r in market.price_ranges
        ]
        return told, market.ticker

    def _own_market(self) -> Market:
        if self.market is None:
            raise TrialError("no active market near the money in which a bid of one cent cannot match")
        return self.market

    # --- with orders ---------------------------------------------------------------------------------------------

    async def _list_lag(self) -> tuple[dict[str, Any], str]:
        async def lag(trial: Trial) -> tuple[dict[str, Any], str]:
            order_id = await self._placed(trial)
            placed_ns = self._mono_ns()
            while order_id not in await trial.resting():
                if self._mono_ns() - placed_ns > LISTED_LIMIT_NS:
                    raise TrialError("accepted, but never listed")
                await asyncio.sleep(LOOK_S)
            listed_ms = (self._mono_ns() - placed_ns) // NS_PER_MS
            await trial.cancel(order_id)
            gone = await trial.gone(order_id, self._mono_ns())
            return {"after_place_ms": listed_ms, "after_cancel_ms": gone.first_ms}, trial.market.ticker

        return await self._trial(lag)

    async def _expiry(self) -> tuple[dict[str, Any], str]:
        async def expire(trial: Trial) -> tuple[dict[str, Any], str]:
            order_id = await self._placed(trial, EXPIRY_S)
            now, sample = self.look.clock.now(), self.line.sample
            offset_ns = sample.offset_ns if sample is not None else 0
            due_ns = now.mono_ns + trial.expires_s * NS_PER_S - (now.utc_ns + offset_ns)
            await asyncio.sleep(max(0, due_ns - now.mono_ns) / NS_PER_S)
            gone = await trial.gone(order_id, due_ns)
            figures: dict[str, Any] = {"list_ms": gone.first_ms}
            figures["uncertainty_ms"] = sample.uncertainty_ns // NS_PER_MS if sample is not None else None
            news = self.listener.ended(order_id)
            if news is None:
                return figures | {"stream_ms": None}, "no news on the stream" if self.heard else "no stream"
            reason, at = news
            return figures | {"stream_ms": (at.mono_ns - due_ns) // NS_PER_MS, "reason": reason}, trial.market.ticker

        return await self._trial(expire)

    async def _triggered(self) -> tuple[dict[str, Any], str]:
        async def refuse(trial: Trial) -> tuple[dict[str, Any], str]:
            await trial.trigger_group()
            return await self._refused(trial, "placed into a triggered group"), trial.market.ticker

        return await self._trial(refuse)

    async def _batch(self) -> tuple[dict[str, Any], str]:
        async def batch(trial: Trial) -> tuple[dict[str, Any], str]:
            one, two = await self._placed(trial), await self._placed(trial)
            asked = [one, NO_SUCH_ORDER, two]
            since_ns = self._mono_ns()
            written = await trial.cancel(*asked)
            if written.answer is None:
                raise TrialError("the batch was not answered")
            try:
                body = _batch_answer(written.answer.body)
            except Refused as problem:
                raise TrialError(f"the answer to the batch cannot be read: {problem}") from None
            items = [item for item in body.get("orders") or () if isinstance(item, dict)]
            told = [str(item.get("order_id", "")) for item in items]
            errors = [item for item in items if item.get("error")]
            figures: dict[str, Any] = {
                "http_status": written.answer.status,
                "keeps_order": keeps_order(list(asked), told),
            }
            figures |= {"items": len(items), "error_item": errors[0] if errors else None}
            for order_id in (one, two):
                await trial.gone(order_id, since_ns)
            return figures, "two orders and one that never was, cancelled in one batch"

        return await self._trial(batch, lots_max=2)

    async def _closed_market(self) -> None:
        quotes = await list_quotes(self.line, self.look.settings.windows.series)
        found = choose_closing(quotes, self.look.clock.now().utc_ns, CLOSES_FROM_S, self.wait_s)
        names = ("closed_market_cancel", "closed_market_place")
        if found is None:
            for name in names:
                self._tell(name, Found.UNKNOWN, {}, f"no market of ours closes within {self.wait_s} s (--wait-s)")
            return
        trial = Trial(self.line, found.market, self.votes)
        try:
            await trial.create_group()
            sample = self.line.sample
            offset_ns = sample.offset_ns if sample is not None else 0
            left_s = (found.market.close_ns - self.look.clock.now().utc_ns - offset_ns) / NS_PER_S
            order_id = await self._placed(trial, int(left_s) + AFTER_CLOSE_LIFE_S)
            await asyncio.sleep(left_s + AFTER_CLOSE_S)
            await self._ask(names[0], lambda: self._late_cancel(trial, order_id))
            trial.forget(order_id)
            await self._ask(names[1], lambda: self._late_place(trial))
        except EXPECTED as problem:
            for name in names:
                self._tell(name, Found.UNKNOWN, {}, str(problem))
        finally:
            self._leave(await trial.tidy())

    async def _late_cancel(self, trial: Trial, order_id: OrderId) -> tuple[dict[str, Any], str]:
        (outcome,) = (await trial.cancel(order_id)).outcomes
        assert isinstance(outcome, CancelOutcome)
        if not outcome.http_status:
            raise TrialError(outcome.detail)
        told = {"http_status": outcome.http_status, "code": outcome.code, "detail": outcome.detail}
        return told, f"{trial.market.ticker}, {AFTER_CLOSE_S:g} s after its close"

    async def _late_place(self, trial: Trial) -> tuple[dict[str, Any], str]:
        return await self._refused(trial, "placed after the market's close"), trial.market.ticker

    # --- parts ---------------------------------------------------------------------------------------------------

    async def _trial(
        self, work: Callable[[Trial], Awaitable[tuple[dict[str, Any], str]]], lots_max: int = 1
    ) -> tuple[dict[str, Any], str]:
        trial = Trial(self.line, self._own_market(), self.votes, lots_max)
        try:
            await trial.create_group()
            return await work(trial)
        finally:
            self._leave(await trial.tidy())

    def _leave(self, left: str) -> None:
        if left:
            self.left.append(left)

    async def _placed(self, trial: Trial, life_s: int | None = None) -> OrderId:
        _, outcome = await (trial.place() if life_s is None else trial.place(life_s))
        if outcome.verdict is not Verdict.ACCEPTED or not outcome.remaining:
            raise TrialError(
                f"not placed: {outcome.verdict} HTTP {outcome.http_status} {outcome.code} {outcome.detail}"
            )
        return outcome.order_id

    async def _refused(self, trial: Trial, why: str) -> dict[str, Any]:
        """Place where it should be refused: the answer, and whether lists show that no order was made."""
        name, outcome = await trial.place()
        if not outcome.http_status:
            raise TrialError(outcome.detail)
        told = {"http_status": outcome.http_status, "code": outcome.code, "detail": outcome.detail}
        if outcome.verdict is Verdict.ACCEPTED:
            return told | {"accepted": True}
        absent = await self._absent(name, trial) and await self._absent(name, trial)
        rows = learn(outcome.http_status, outcome.code, why, absent=absent)
        self.learned += rows
        if absent:
            trial.resolved(name)
        return told | {"accepted": False, "no_order_made": absent, "learned": bool(rows)}

    async def _absent(self, name: ClientOrderId, trial: Trial) -> bool:
        await asyncio.sleep(SETTLE_S)
        read = await self.line.read(OrdersRead, Read.ORDERS, ticker=trial.market.event_ticker)
        return not any(o.client_order_id == name and o.status != "canceled" for o in read.orders)

    def _mono_ns(self) -> int:
        return self.look.clock.now().mono_ns


def probe_command(settings: Settings, wait_s: int, *, as_json: bool) -> int:
    """`ladderd probe`: the exit code, everything printed and kept. Raises ConfigurationError for a live host."""
    hosts = [urlsplit(url).hostname or "" for url in (settings.exchange.rest_url, settings.exchange.ws_url)]
    if settings.mode == "live" or not all(is_loopback(host) or host in DEMO_HOSTS for host in hosts):
        raise ConfigurationError(f"probe: writes to demo hosts and this machine only; found {' and '.join(hosts)}")
    return asyncio.run(_probe(Look(settings, SystemClock()), wait_s, as_json=as_json))


async def _probe(look: Look, wait_s: int, *, as_json: bool) -> int:
    look.connect()
    votes = tuple(vote for vote in await account_votes(look) if vote[0] == "daemon")
    tail = await run_check(look, next(check for check in CHECKS if check.name == "cancel_all_markers"))
    refusals = [f"{name}: {vote.detail}" for name, vote in votes if not vote.open]
    if tail.status is not PASS:
        refusals.append(f"cancel-all: {tail.reason}")
    if refusals:
        sys.stderr.write(f"ladderd: probe refused: {'; '.join(refusals)}\n")
        return EX_NOT_OK
    asking = Probing(look, votes, wait_s)
    try:
        await asking.run()
    finally:
        look.close()
    if not asking.line.heard:
        raise UnavailableError(f"{look.settings.exchange.rest_url}: no answer; nothing was learned")
    at = utc_text(look.clock.now().utc_ns)
    host = urlsplit(look.settings.exchange.rest_url).netloc
    probe = Probe(VERSION, host, at, whole(asking.answers, at), tuple(asking.learned))
    text = msgspec.json.format(msgspec.json.encode(probe), indent=1) + b"\n"
    look.settings.state_dir.mkdir(parents=True, exist_ok=True)
    await asyncio.to_thread(Disk().replace, look.settings.state_dir / PROBE, text)
    _print(probe, asking.left, as_json=as_json)
    return EX_NOT_OK if asking.left else EX_OK


def _print(probe: Probe, left: list[str], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(msgspec.json.encode({**msgspec.to_builtins(probe), "left_behind": left}).decode() + "\n")
        return
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    for answer in probe.answers:
        figures = ", ".join(f"{name} {value}" for name, value in answer.answer.items())
        console.print(f"{answer.found:8} {answer.question}: {figures or answer.evidence}", markup=False)
        console.print(f"         {QUESTIONS[answer.question]}", style="dim", markup=False)
    for row in probe.learned:
        console.print(f"learned  HTTP {row.status} {row.code}: {row.why}: no order was made", markup=False)
    for line in left:
        console.print(f"LEFT BEHIND: {line}", style="bold red", markup=False)
