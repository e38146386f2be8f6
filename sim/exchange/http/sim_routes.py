"""The simulator's own routes, outside the exchange's API: its record of what really happened, and the fault menu.

No key is needed; requests from anywhere but the loopback interface are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from sim.exchange.book.fixed import parse_cash, parse_count, parse_price, show_dollars
from sim.exchange.gateway.faults import MENU, BadFault
from sim.exchange.trade.orders import cancel_all, create
from sim.exchange.wire.rejects import Reject

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sim.exchange.gateway.gateway import Gateway

LOOPBACK = ("127.", "::1")


class SimRoutes:
    """GET /sim/state, GET/POST/DELETE /sim/faults; POST /sim/fill, place, foreign, cash, cancel_all."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    def add_to(self, app: web.Application) -> None:
        """Register the routes."""
        rows: tuple[tuple[str, str, Callable[[Any], dict[str, Any]]], ...] = (
            ("GET", "/sim/state", self._state),
            ("GET", "/sim/faults", self._faults),
            ("POST", "/sim/faults", self._inject),
            ("DELETE", "/sim/faults", self._clear),
            ("POST", "/sim/fill", self._fill),
            ("POST", "/sim/place", self._place),
            ("POST", "/sim/foreign", self._foreign),
            ("POST", "/sim/cash", self._cash),
            ("POST", "/sim/cancel_all", self._cancel_all),
        )
        for method, path, act in rows:
            app.router.add_route(method, path, self._guarded(act))

    def _guarded(self, act: Callable[[Any], dict[str, Any]]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            if not (request.remote or "127.").startswith(LOOPBACK):
                return web.json_response({"error": "loopback only"}, status=403)
            raw = await request.read()
            try:
                answer, status = act(orjson.loads(raw) if raw else None), 200
            except orjson.JSONDecodeError as error:
                answer, status = {"error": f"not JSON: {error}"}, 400
            except BadFault as error:
                answer, status = {"error": str(error)}, 400
            except Reject as refused:
                answer, status = refused.body, refused.status
            self.gateway.timers.arm()
            return web.Response(body=orjson.dumps(answer), status=status, content_type="application/json")

        return serve

    def _state(self, _body: object) -> dict[str, Any]:
        gateway = self.gateway
        truth = gateway.exchange.truth(gateway.now_ns())
        return {**truth, "requests": dict(gateway.counts), "faults": dict(gateway.faults.injected)}

    def _faults(self, _body: object) -> dict[str, Any]:
        faults = self.gateway.faults
        return {"active": [one.shown() for one in faults.active], "injected": dict(faults.injected), "menu": MENU}

    def _inject(self, body: object) -> dict[str, Any]:
        """One fault, or a list of them."""
        wanted = body if isinstance(body, list) else [body]
        return {"faults": [self.gateway.inject(one).shown() for one in wanted]}

    def _clear(self, _body: object) -> dict[str, Any]:
        self.gateway.clear_faults()
        return {}

    def _fill(self, body: object) -> dict[str, Any]:
        """`{order_id, count?}`: a taker hits that own order now."""
        if not isinstance(body, dict) or not isinstance(body.get("order_id"), str):
            raise BadFault("give order_id, and count as a string if not all of it")
        count = parse_count(str(body["count"])) if "count" in body else None
        now_ns = self.gateway.now_ns()
        self.gateway.exchange.advance(now_ns)
        return {"filled": self.gateway.exchange.force_fill(body["order_id"], count, now_ns) / 100}

    def _place(self, body: object) -> dict[str, Any]:
        """A create request, placed on the account as another client of it would, without signature or tokens."""
        if not isinstance(body, dict):
            raise BadFault("give the body of a create request")
        now_ns = self.gateway.now_ns()
        self.gateway.exchange.advance(now_ns)
        fields = {"time_in_force": "good_till_canceled", "self_trade_prevention_type": "taker_at_cross", **body}
        return create(self.gateway.exchange.state, self.gateway.exchange.member, fields, now_ns)

    def _cancel_all(self, _body: object) -> dict[str, Any]:
        """The account's owner presses "cancel all" on the exchange's page: no key of ours, no marker, and the tail."""
        now_ns = self.gateway.now_ns()
        self.gateway.exchange.advance(now_ns)
        exchange = self.gateway.exchange
        return {"cancelled": cancel_all(exchange.state, exchange.member, None, now_ns)}

    def _cash(self, body: object) -> dict[str, Any]:
        """`{amount, exchange_index?}`: a deposit, or (negative) a withdrawal, in dollars as a string."""
        amount = parse_cash(str(body.get("amount"))) if isinstance(body, dict) else None
        shard = body.get("exchange_index", 0) if isinstance(body, dict) else None
        if amount is None or shard not in self.gateway.exchange.state.config.shards:
            raise BadFault("give amount in dollars as a string, and exchange_index if not 0")
        return {"cash": show_dollars(self.gateway.exchange.move_cash(amount, self.gateway.now_ns(), shard))}

    def _foreign(self, body: object) -> dict[str, Any]:
        """`{ticker, side, price, count, take?}`: an order of somebody else."""
        exchange, now_ns = self.gateway.exchange, self.gateway.now_ns()
        if not isinstance(body, dict):
            raise BadFault("give ticker, side, price and count")
        market = exchange.state.markets.get(str(body.get("ticker")))
        price, count = parse_price(str(body.get("price"))), parse_count(str(body.get("count")))
        side = body.get("side")
        if market is None or price is None or not count or side not in ("bid", "ask"):
            raise BadFault("give ticker, side (bid or ask), price and count as strings")
        exchange.advance(now_ns)
        account = exchange.state.account("foreign", is_member=False)
        if body.get("take"):
            return {"filled": exchange.take(account, market, side, price, count, now_ns) / 100}
        order = exchange.place(account, market, side, price, count, now_ns)
        return {"order_id": None if order is None else order.id}
