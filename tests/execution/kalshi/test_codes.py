from __future__ import annotations

import json

import pytest

from domain.events import Verdict
from execution.kalshi.codes import ROWS, CodeTable, RequestKind, Row, detail_text, read_error, read_item_error, spelled

TABLE = CodeTable()
EVERY = tuple(RequestKind)

CASES = [
    # (kinds, status, code, verdict): what each row of the table must say
    (EVERY, 401, "header_timestamp_expired", Verdict.REFUSED),
    (EVERY, 401, "authentication_error", Verdict.REFUSED),
    (EVERY, 401, "", Verdict.REFUSED),
    (EVERY, 429, "too_many_requests", Verdict.REFUSED),
    (EVERY, 429, "", Verdict.REFUSED),
    (EVERY, 400, "bad_request", Verdict.REFUSED),
    (EVERY, 400, "parameter_validation", Verdict.REFUSED),
    (EVERY, 400, "invalid_order", Verdict.REFUSED),
    (EVERY, 400, "invalid_price", Verdict.REFUSED),
    (EVERY, 400, "invalid_parameters", Verdict.REFUSED),
    (EVERY, 409, "trading_is_paused", Verdict.REFUSED),
    (EVERY, 409, "exchange_is_paused", Verdict.REFUSED),
    (EVERY, 400, "market_inactive", Verdict.REFUSED),
    (EVERY, 409, "market_inactive", Verdict.REFUSED),
    ((RequestKind.PLACE,), 400, "insufficient_balance", Verdict.REFUSED),
    ((RequestKind.PLACE,), 404, "market_not_found", Verdict.REFUSED),
    ((RequestKind.PLACE,), 409, "order_group_triggered", Verdict.REFUSED),
    ((RequestKind.PLACE,), 409, "order_already_exists", Verdict.UNKNOWN),
    ((RequestKind.CANCEL,), 404, "not_found", Verdict.UNKNOWN),
    ((RequestKind.GROUP,), 404, "not_found", Verdict.UNKNOWN),
    # nothing that is not in the table proves anything
    (EVERY, 500, "", Verdict.UNKNOWN),
    (EVERY, 502, "bad_gateway", Verdict.UNKNOWN),
    (EVERY, 503, "exchange_is_paused", Verdict.UNKNOWN),
    (EVERY, 504, "invalid_order", Verdict.UNKNOWN),
    (EVERY, 400, "", Verdict.UNKNOWN),
    (EVERY, 400, "something_new", Verdict.UNKNOWN),
    (EVERY, 403, "forbidden", Verdict.UNKNOWN),
    (EVERY, 404, "", Verdict.UNKNOWN),
    (EVERY, 409, "", Verdict.UNKNOWN),
    (EVERY, 410, "", Verdict.UNKNOWN),
    (EVERY, 302, "", Verdict.UNKNOWN),
    (EVERY, 200, "", Verdict.UNKNOWN),
    ((RequestKind.CANCEL, RequestKind.GROUP, RequestKind.CANCEL_ALL), 400, "insufficient_balance", Verdict.UNKNOWN),
    ((RequestKind.CANCEL,), 404, "market_not_found", Verdict.UNKNOWN),
]


@pytest.mark.parametrize(("kinds", "status", "code", "verdict"), CASES)
def test_row(kinds: tuple[RequestKind, ...], status: int, code: str, verdict: Verdict) -> None:
    for kind in kinds:
        assert TABLE.verdict(kind, status, code) is verdict, kind


def test_every_row_of_the_table_has_a_case() -> None:
    covered = {(kind, status, code) for kinds, status, code, _ in CASES for kind in kinds}
    for row in ROWS:
        stem = row.code.rstrip("*")
        assert any(k is row.kind and s == row.status and c.startswith(stem) for k, s, c in covered), row


def test_no_row_calls_a_server_error_or_a_success_a_refusal() -> None:
    assert all(400 <= row.status < 500 for row in ROWS)
    assert all(row.verdict in {Verdict.REFUSED, Verdict.UNKNOWN} for row in ROWS)


def test_learned_rows_come_first() -> None:
    learned = CodeTable((Row(RequestKind.PLACE, 422, "market_closed", Verdict.REFUSED),))
    assert learned.verdict(RequestKind.PLACE, 422, "market_closed") is Verdict.REFUSED
    assert TABLE.verdict(RequestKind.PLACE, 422, "market_closed") is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("body", "code", "detail"),
    [
        (
            {"error": {"code": "invalid_order", "message": "invalid order", "details": "post only cross"}},
            "invalid_order",
            "invalid order; post only cross",
        ),
        (
            {"error": {"code": "insufficient_balance", "message": "insufficient balance", "service": "exchange"}},
            "insufficient_balance",
            "insufficient balance",
        ),
        ({"error": {"code": "trading_is_paused"}}, "trading_is_paused", ""),
        (
            {"code": "bad_request", "message": "bad request", "details": "json: cannot unmarshal number"},
            "bad_request",
            "bad request; json: cannot unmarshal number",
        ),
        ({"code": "invalid order", "details": "post only cross"}, "invalid_order", "post only cross"),
        ({"msg": "Parameter validation failed"}, "parameter_validation", "Parameter validation failed"),
        ({"error": "too many requests"}, "too_many_requests", "too many requests"),
        ({"error": {"code": "MARKET_INACTIVE"}}, "market_inactive", ""),
        ({"error": {"code": 7, "details": {"a": 1}}}, "", '{"a": 1}'),
        ({}, "", ""),
    ],
)
def test_all_shapes_of_error_bodies(body: object, code: str, detail: str) -> None:
    assert read_error(json.dumps(body).encode()) == (code, detail)


@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b"\xff\xfe", b"[]", b"null", b'{"error":' + b"[" * 5000])
def test_a_body_that_cannot_be_read_has_no_code(body: bytes) -> None:
    assert read_error(body)[0] == ""


def test_item_error() -> None:
    assert read_item_error(b'{"code":"not_found","message":"not found"}') == ("not_found", "not found")
    assert read_item_error(b'"what"')[0] == ""


def test_detail_is_one_short_printable_line() -> None:
    text = detail_text("a\r\nFORGED: log line\x1b[31m", "x" * 1000)
    assert text.isprintable()
    assert len(text) == 200


def test_spelling() -> None:
    assert spelled("Invalid  Order") == "invalid_order"
    assert len(spelled("x" * 1000)) < 300
