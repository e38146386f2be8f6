"""A trial believes nothing but the exchange's list, holds one lot at a time, and leaves nothing behind."""

from __future__ import annotations

import json

import pytest

from daemon.client.exchange_io import ExchangeClient
from daemon.preflight.order_drill_io import Trial, TrialError
from daemon.system_clock import SystemClock
from domain.clock import NS_PER_S
from domain.hosts import Posture
from domain.ids import OrderId
from domain.market import Market, PriceRange, StrikeType
from domain.money import Price
from domain.reasons import Reason
from execution.kalshi.sign import Signer
from guards.vote import PASS, Vote, fail
from tests.execution.kalshi.kalshi_fake import TICKER, Reply, Seen, ed_key, fake_exchange, pem_of, reply

GRID = (PriceRange(Price(0), Price(10_000), Price(100)),)
MARKET = Market(TICKER, "E", "INXU", StrikeType.GREATER_OR_EQUAL, None, None, 0, 2**62, GRID, 2, "active")
OPEN: tuple[tuple[str, Vote], ...] = (("daemon", PASS),)


class Exchange:
    """One book, orders that rest, cancels that may be ignored."""

    def __init__(self, best_no: str = "0.4000", *, deaf: bool = False) -> None:
        self.best_no, self.deaf = best_no, deaf
        self.resting: dict[str, dict[str, object]] = {}
        self.sent: list[dict[str, object]] = []

    def __call__(self, seen: Seen) -> Reply:
        if seen.path.endswith("/orderbook"):
            return reply(200, {"orderbook_fp": {"yes_dollars": [], "no_dollars": [[self.best_no, "5.00"]]}})
        if seen.path.endswith("/order_groups/create"):
            return reply(201, {"order_group_id": "g-1"})
        if seen.method == "POST":
            body = json.loads(seen.body)
            self.sent.append(body)
            ident = f"o-{len(self.sent)}"
            self.resting[ident] = body
            told = {"order_id": ident, "fill_count": "0.00", "remaining_count": "1.00", "ts_ms": 1}
            return reply(201, told | {"client_order_id": body["client_order_id"]})
        if seen.path.endswith("/batched"):
            named = [item["order_id"] for item in json.loads(seen.body)["orders"]]
            for ident in named if not self.deaf else ():
                self.resting.pop(ident, None)
            return reply(200, {"orders": [{"order_id": i, "reduced_by": "1.00", "ts_ms": 1} for i in named]})
        if seen.method in {"DELETE", "PUT"}:
            return reply(200, {})
        rows = [
            {
                "order_id": ident, "client_order_id": body["client_order_id"], "ticker": TICKER, "book_side": "bid",
                "status": "resting", "yes_price_dollars": "0.0100", "fill_count_fp": "0.00",
                "remaining_count_fp": "1.00", "initial_count_fp": "1.00",
            }
            for ident, body in self.resting.items()
        ]  # fmt: skip
        return reply(200, {"orders": rows, "cursor": ""})


def line_to(address: str) -> ExchangeClient:
    return ExchangeClient(address, Signer("key-1", pem_of(ed_key())), SystemClock(), Posture.PAPER)


async def test_every_trial_order_is_one_cent_one_lot_post_only_and_expires_in_seconds() -> None:
    exchange = Exchange()
    async with fake_exchange(exchange) as fake:
        line = line_to(fake.base_url)
        trial = Trial(line, MARKET, OPEN)
        await trial.create_group()
        order_id = await trial.rest()
        with pytest.raises(TrialError, match="one lot"):
            await trial.place()
        since_ns = line.clock.now().mono_ns
        await trial.cancel(order_id)
        gone = await trial.gone(order_id, since_ns)
        assert gone.proven_ms >= 1000, "proven by lists asked after the settling time, not by the first empty one"
        assert await trial.tidy() == ""
        line.close()
    (order,) = exchange.sent
    assert (order["count"], order["price"], order["side"]) == ("1.00", "0.0100", "bid")
    assert order["post_only"] is True
    assert order["order_group_id"] == "g-1"
    left_s = int(str(order["expiration_time"])) - SystemClock().now().utc_ns / NS_PER_S
    assert 10 < left_s <= 21


async def test_an_accepted_cancel_is_no_proof_while_the_list_still_shows_the_order() -> None:
    async with fake_exchange(Exchange(deaf=True)) as fake:
        line = line_to(fake.base_url)
        trial = Trial(line, MARKET, OPEN)
        await trial.create_group()
        order_id = await trial.rest()
        await trial.cancel(order_id)
        with pytest.raises(TrialError, match="still listed"):
            await trial.gone(order_id, line.clock.now().mono_ns, limit_ms=1_500)
        line.close()


@pytest.mark.parametrize(
    ("best_no", "votes", "said"),
    [
        ("0.9500", OPEN, "cannot_match"),
        ("0.4000", (("window", fail(Reason.WINDOW_CLOSED, "open until noon")),), "open until noon"),
    ],
)
async def test_nothing_is_sent_while_anything_speaks_against_it(
    best_no: str, votes: tuple[tuple[str, Vote], ...], said: str
) -> None:
    exchange = Exchange(best_no)
    async with fake_exchange(exchange) as fake:
        line = line_to(fake.base_url)
        with pytest.raises(TrialError, match=said):
            await Trial(line, MARKET, votes).place()
        line.close()
    assert exchange.sent == []


async def test_a_write_is_sent_once_and_a_lost_answer_is_unknown() -> None:
    calls: list[str] = []

    def lose(seen: Seen) -> Reply:
        calls.append(seen.method)
        return reply(503)

    async with fake_exchange(lose) as fake:
        line = line_to(fake.base_url)
        written = await Trial(line, MARKET, OPEN).cancel(OrderId("o-1"))
        assert written.outcomes[0].verdict == "unknown"
        line.close()
    assert calls == ["DELETE"]
