from __future__ import annotations

import pytest

from domain.events import CancelAllOutcome, CancelOutcome, GroupOp, GroupOutcome, PlaceOutcome, Verdict
from domain.ids import ClientOrderId, OrderId, RequestId
from domain.money import Count
from execution.kalshi.answers import read_answer, unanswered
from execution.kalshi.codes import CodeTable
from execution.kalshi.wire import KalshiAnswer, Write
from tests.execution.kalshi.kalshi_fake import answer, cancel, cancel_all, create_group, delete_group, place, trigger

CODES = CodeTable()
MADE = {
    "client_order_id": "ladderd-1-1",
    "fill_count": "0.00",
    "order_id": "2597b999-f887-4195-8bac-c3f97a1f2021",
    "remaining_count": "5.00",
    "ts_ms": 100_006,
}


def one_place(given: KalshiAnswer) -> PlaceOutcome:
    outcomes, _ = read_answer(place(), given, CODES)
    assert len(outcomes) == 1
    assert isinstance(outcomes[0], PlaceOutcome)
    return outcomes[0]


def test_an_accepted_place() -> None:
    outcomes, stamp = read_answer(place(), answer(201, MADE), CODES)
    assert outcomes == (
        PlaceOutcome(
            RequestId(1),
            Verdict.ACCEPTED,
            201,
            sent_mono_ns=1_000_000_000,
            client_order_id=ClientOrderId("ladderd-1-1"),
            order_id=OrderId("2597b999-f887-4195-8bac-c3f97a1f2021"),
            filled=Count(0),
            remaining=Count(500),
        ),
    )
    assert stamp == 100_006


def test_accepted_and_already_over() -> None:
    made = one_place(answer(201, {**MADE, "remaining_count": "0.00"}))
    assert (made.verdict, made.filled, made.remaining) == (Verdict.ACCEPTED, 0, 0)


def test_a_body_without_client_order_id_is_still_ours() -> None:
    assert one_place(answer(201, {k: v for k, v in MADE.items() if k != "client_order_id"})).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (answer(201, {**MADE, "client_order_id": "ladderd-1-2"}), "foreign_answer"),
        (answer(201, {**MADE, "order_id": ""}), "foreign_answer"),
        (answer(201, {**MADE, "fill_count": 0}), "unreadable_answer"),
        (answer(201, {**MADE, "remaining_count": "5.001"}), "unreadable_answer"),
        (answer(201, {"order_id": "o"}), "unreadable_answer"),
        (answer(201, raw=b'{"order_id":"o'), "unreadable_answer"),
        (answer(201), "unreadable_answer"),
        (answer(200, MADE), ""),
        (answer(202, MADE), ""),
        (answer(503, {"error": {"code": "exchange_unavailable"}}), "exchange_unavailable"),
        (answer(409, {"error": {"code": "order_already_exists", "message": "m"}}), "order_already_exists"),
    ],
)
def test_a_place_that_may_be_live(given: KalshiAnswer, code: str) -> None:
    made = one_place(given)
    assert (made.verdict, made.code) == (Verdict.UNKNOWN, code)
    assert made.client_order_id == "ladderd-1-1"
    assert made.sent_mono_ns == 1_000_000_000


def test_a_post_only_cross_is_refused() -> None:
    body = {"error": {"code": "invalid_order", "message": "invalid order", "details": "post only cross"}}
    made = one_place(answer(400, body))
    assert (made.verdict, made.http_status, made.code) == (Verdict.REFUSED, 400, "invalid_order")
    assert made.detail == "invalid order; post only cross"


def test_one_cancel() -> None:
    body = {"orders": [{"order_id": "o-1", "reduced_by": "5.00", "ts_ms": 100_001}]}
    outcomes, stamp = read_answer(cancel("o-1"), answer(200, body), CODES)
    [one] = outcomes
    assert isinstance(one, CancelOutcome)
    assert (one.request_id, one.verdict, one.order_id, one.reduced_by) == (7, Verdict.ACCEPTED, "o-1", 500)
    assert stamp == 100_001


def test_the_answer_about_another_order_is_worth_nothing() -> None:
    body = {"orders": [{"order_id": "o-9", "reduced_by": "5.00", "ts_ms": 1}]}
    outcomes, _ = read_answer(cancel("o-1"), answer(200, body), CODES)
    assert [(o.verdict, o.code) for o in outcomes] == [(Verdict.UNKNOWN, "missing_in_answer")]


def test_a_cancel_answered_404_proves_nothing() -> None:
    body = {"error": {"code": "not_found", "message": "not found"}}
    outcomes, _ = read_answer(cancel("o-1", "o-2"), answer(404, body), CODES)
    assert [(o.verdict, o.http_status, o.code) for o in outcomes] == [(Verdict.UNKNOWN, 404, "not_found")] * 2


def test_a_batch_is_read_order_by_order() -> None:
    body = {
        "orders": [
            {"order_id": "o-2", "reduced_by": "0.00", "error": {"code": "not_found", "message": "not found"}},
            {"order_id": "o-1", "client_order_id": "c", "reduced_by": "5.00", "ts_ms": 100_004},
            {"order_id": "stranger", "reduced_by": "1.00", "ts_ms": 100_005},
        ]
    }
    outcomes, stamp = read_answer(cancel("o-1", "o-2", "o-3"), answer(200, body), CODES)
    assert [(o.order_id, o.verdict, o.code) for o in outcomes if isinstance(o, CancelOutcome)] == [
        ("o-1", Verdict.ACCEPTED, ""),
        ("o-2", Verdict.UNKNOWN, "not_found"),
        ("o-3", Verdict.UNKNOWN, "missing_in_answer"),
    ]
    assert stamp is not None


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"orders":null}', b'{"orders":[{"order_id":1}]}'])
def test_an_unreadable_batch_is_unknown_for_each(raw: bytes) -> None:
    outcomes, stamp = read_answer(cancel("o-1", "o-2"), answer(200, raw=raw), CODES)
    assert [o.verdict for o in outcomes] == [Verdict.UNKNOWN] * 2
    assert stamp is None


def test_a_batch_short_of_tokens_did_nothing() -> None:
    outcomes, _ = read_answer(cancel("o-1", "o-2"), answer(429, {"error": "too many requests"}), CODES)
    assert {o.verdict for o in outcomes} == {Verdict.REFUSED}


@pytest.mark.parametrize(
    ("action", "given", "verdict"),
    [
        (cancel_all(), answer(204), Verdict.ACCEPTED),
        (cancel_all(), answer(500), Verdict.UNKNOWN),
        (cancel_all(), answer(429, {"error": "too many requests"}), Verdict.REFUSED),
        (trigger(), answer(200, {}), Verdict.ACCEPTED),
        (trigger(), answer(404, {"error": {"code": "not_found"}}), Verdict.UNKNOWN),
        (delete_group(), answer(200, {}), Verdict.ACCEPTED),
        (delete_group(), answer(503), Verdict.UNKNOWN),
        (create_group(), answer(400, {"error": {"code": "invalid_parameters"}}), Verdict.REFUSED),
        (create_group(), answer(201, {"order_group_id": ""}), Verdict.UNKNOWN),
        (create_group(), answer(201, raw=b"oops"), Verdict.UNKNOWN),
        (create_group(), answer(200, {"order_group_id": "g"}), Verdict.UNKNOWN),
    ],
)
def test_the_other_writes(action: Write, given: KalshiAnswer, verdict: Verdict) -> None:
    outcomes, stamp = read_answer(action, given, CODES)
    assert [o.verdict for o in outcomes] == [verdict]
    assert stamp is None


def test_a_group_made() -> None:
    outcomes, _ = read_answer(create_group(), answer(201, {"order_group_id": "g-9", "subaccount": 0}), CODES)
    [one] = outcomes
    assert isinstance(one, GroupOutcome)
    assert (one.request_id, one.verdict, one.op, one.group_id) == (10, Verdict.ACCEPTED, GroupOp.CREATE, "g-9")


def test_unanswered_gives_the_outcome_that_belongs_to_the_action() -> None:
    def kinds(action: Write) -> list[tuple[type, Verdict]]:
        return [(type(o), o.verdict) for o in unanswered(action, Verdict.UNSENT, "c", "d")]

    assert kinds(place()) == [(PlaceOutcome, Verdict.UNSENT)]
    assert kinds(cancel("a", "b")) == [(CancelOutcome, Verdict.UNSENT)] * 2
    assert kinds(cancel_all()) == [(CancelAllOutcome, Verdict.UNSENT)]
    for action, op in (
        (create_group(), GroupOp.CREATE),
        (trigger(), GroupOp.TRIGGER),
        (delete_group(), GroupOp.DELETE),
    ):
        [outcome] = unanswered(action, Verdict.UNKNOWN, "c", "d")
        assert isinstance(outcome, GroupOutcome)
        assert outcome.op is op
