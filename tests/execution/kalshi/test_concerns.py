from __future__ import annotations

import pytest

from domain.events import PlaceOutcome, Verdict
from domain.ids import ClientOrderId, RequestId
from execution.kalshi.codes import CodeTable, RequestKind
from execution.kalshi.concerns import Concern, concern_of


def said(status: int, code: str, detail: str = "", verdict: Verdict | None = None) -> PlaceOutcome:
    weighed = CodeTable().verdict(RequestKind.PLACE, status, code) if verdict is None else verdict
    return PlaceOutcome(RequestId(1), weighed, status, code, detail, client_order_id=ClientOrderId("c"))


@pytest.mark.parametrize(
    ("status", "code", "detail", "concern"),
    [
        (400, "invalid_order", "post only cross", Concern.BOOK),
        (400, "invalid_order", "invalid order; post only cross", Concern.BOOK),
        (400, "invalid_order", "no such side", Concern.MARKET),
        (400, "post_only_cross", "", Concern.BOOK),
        (400, "invalid_price", "", Concern.MARKET),
        (400, "invalid_parameters", "", Concern.MARKET),
        (400, "bad_request", "", Concern.MARKET),
        (400, "insufficient_balance", "", Concern.CASH),
        (400, "market_inactive", "", Concern.CLOSED),
        (409, "market_inactive", "", Concern.CLOSED),
        (404, "market_not_found", "", Concern.CLOSED),
        (409, "trading_is_paused", "", Concern.HALTED),
        (409, "exchange_is_paused", "", Concern.EXCHANGE),
        (409, "order_group_triggered", "", Concern.GROUP),
        (401, "header_timestamp_expired", "", Concern.STAMP),
        (401, "authentication_error", "", Concern.KEY),
        (401, "", "", Concern.KEY),
        (403, "insufficient_scope", "", Concern.RIGHT),
        (403, "", "", Concern.RIGHT),
        (429, "too_many_requests", "", Concern.TOKENS),
        (409, "order_already_exists", "", Concern.FATE),
        (503, "exchange_unavailable", "", Concern.FATE),
        (418, "who_knows", "", Concern.FATE),
        (0, "timeout", "", Concern.FATE),
    ],
)
def test_every_answer_concerns_somebody(status: int, code: str, detail: str, concern: Concern) -> None:
    assert concern_of(said(status, code, detail)) is concern


def test_a_refusal_that_nobody_understands_concerns_its_market() -> None:
    assert concern_of(said(422, "what", verdict=Verdict.REFUSED)) is Concern.MARKET
