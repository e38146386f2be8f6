"""Answers to writes, turned into outcomes: pure.

A write ends in exactly one way per order asked for. ACCEPTED needs the right status and a body that can be read and
that speaks of the order we asked about (in May 2026 bodies of cancels could describe another order while the operation
itself was right: such an answer is worth nothing, so UNKNOWN). Errors go through the table of `kalshi_codes`. A 2xx
that cannot be read is UNKNOWN: something happened, and we do not know what.

201 with nothing filled and nothing remaining is accepted and already over (an own cross, docs/exchange.md 3.3).
"""

from __future__ import annotations

from typing import Final

import msgspec

from domain.actions import CancelAll, CancelOrders, CreateGroup, DeleteGroup, Place, TriggerGroup
from domain.door import Door, Name, StampMs
from domain.events import (
    CancelAllOutcome,
    CancelOutcome,
    GroupOp,
    GroupOutcome,
    PlaceOutcome,
    Verdict,
)
from domain.ids import ClientOrderId, GroupId, OrderId, RequestId
from domain.money import parse_count
from execution.kalshi.codes import (
    BODY_BYTES_MAX,
    PARSE_ERRORS,
    CodeTable,
    RequestKind,
    detail_text,
    read_error,
    read_item_error,
)
from execution.kalshi.wire import KalshiAnswer, Write

HTTP_OK: Final = 200
HTTP_CREATED: Final = 201
HTTP_NO_CONTENT: Final = 204
UNREADABLE: Final = "unreadable_answer"
FOREIGN: Final = "foreign_answer"
MISSING: Final = "missing_in_answer"


class _Created(msgspec.Struct):
    order_id: Name
    fill_count: Name
    remaining_count: Name
    ts_ms: StampMs
    client_order_id: Name | None = None


class _BatchItem(msgspec.Struct):
    order_id: Name
    reduced_by: Name | None = None
    ts_ms: StampMs | None = None
    error: msgspec.Raw = msgspec.Raw(b"null")


class _Batch(msgspec.Struct):
    orders: list[_BatchItem]


class _GroupMade(msgspec.Struct):
    order_group_id: Name


_decode_created = Door(_Created, BODY_BYTES_MAX, bounded=True).read
_decode_batch = Door(_Batch, BODY_BYTES_MAX, bounded=True).read
_decode_group = Door(_GroupMade, BODY_BYTES_MAX, bounded=True).read

WriteOutcome = PlaceOutcome | CancelOutcome | GroupOutcome | CancelAllOutcome
Reading = tuple[tuple[WriteOutcome, ...], int | None]


def read_answer(action: Write, answer: KalshiAnswer, codes: CodeTable) -> Reading:
    """Return the outcomes of one answered write and, where there is one, the matching engine's stamp (Unix ms).

    One outcome for each order of a CancelOrders, one for anything else. Never raises for what the exchange may send.
    """
    match action:
        case Place():
            return _place(action, answer, codes)
        case CancelOrders():
            return _cancel(action, answer, codes)
        case CancelAll():
            verdict, code, detail = _plain(RequestKind.CANCEL_ALL, answer, (HTTP_NO_CONTENT, HTTP_OK), codes)
            return unanswered(action, verdict, code, detail, answer.sent.mono_ns, answer.status), None
        case CreateGroup():
            return (_create_group(action, answer, codes),), None
        case TriggerGroup() | DeleteGroup():
            verdict, code, detail = _plain(RequestKind.GROUP, answer, (HTTP_OK, HTTP_NO_CONTENT), codes)
            return unanswered(action, verdict, code, detail, answer.sent.mono_ns, answer.status), None


def unanswered(
    action: Write, verdict: Verdict, code: str, detail: str, sent_mono_ns: int = 0, status: int = 0
) -> tuple[WriteOutcome, ...]:
    """Return the outcomes of a write that ended without a body to read: unsent, timed out, lost, or plainly refused."""
    match action:
        case Place():
            name = action.client_order_id
            return (PlaceOutcome(action.request_id, verdict, status, code, detail, sent_mono_ns, client_order_id=name),)
        case CancelOrders():
            return tuple(
                CancelOutcome(action.request_id, verdict, status, code, detail, sent_mono_ns, order_id=order.order_id)
                for order in action.orders
            )
        case CancelAll():
            return (CancelAllOutcome(action.request_id, verdict, status, code, detail, sent_mono_ns),)
        case CreateGroup():
            return (GroupOutcome(action.request_id, verdict, status, code, detail, sent_mono_ns, op=GroupOp.CREATE),)
        case TriggerGroup() | DeleteGroup():
            op = GroupOp.TRIGGER if isinstance(action, TriggerGroup) else GroupOp.DELETE
            ident = action.group_id
            return (
                GroupOutcome(action.request_id, verdict, status, code, detail, sent_mono_ns, op=op, group_id=ident),
            )


def _plain(
    kind: RequestKind, answer: KalshiAnswer, good: tuple[int, ...], codes: CodeTable
) -> tuple[Verdict, str, str]:
    if answer.status in good:
        return Verdict.ACCEPTED, "", ""
    code, detail = read_error(answer.body)
    return codes.verdict(kind, answer.status, code), code, detail


def _place(action: Place, answer: KalshiAnswer, codes: CodeTable) -> Reading:
    outcome, stamp_ms = read_created(action.request_id, action.client_order_id, answer, codes)
    return (outcome,), stamp_ms


def read_created(
    request_id: RequestId, name: ClientOrderId, answer: KalshiAnswer, codes: CodeTable
) -> tuple[PlaceOutcome, int | None]:
    """Return what became of one new order, and the matching engine's stamp (Unix ms) where there is one."""
    sent = answer.sent.mono_ns

    def ended(verdict: Verdict, code: str, detail: str) -> tuple[PlaceOutcome, None]:
        return PlaceOutcome(request_id, verdict, answer.status, code, detail, sent, client_order_id=name), None

    verdict, code, detail = _plain(RequestKind.PLACE, answer, (HTTP_CREATED,), codes)
    if verdict is not Verdict.ACCEPTED:
        return ended(verdict, code, detail)
    try:
        body = _decode_created(answer.body)
        filled, remaining = parse_count(body.fill_count), parse_count(body.remaining_count)
    except PARSE_ERRORS as error:
        return ended(Verdict.UNKNOWN, UNREADABLE, detail_text(error))
    if not body.order_id or body.client_order_id not in (None, name):
        return ended(Verdict.UNKNOWN, FOREIGN, f"answer names {body.client_order_id!r}")
    outcome = PlaceOutcome(
        request_id,
        Verdict.ACCEPTED,
        answer.status,
        sent_mono_ns=sent,
        client_order_id=name,
        order_id=OrderId(body.order_id),
        filled=filled,
        remaining=remaining,
    )
    return outcome, body.ts_ms


def _cancel(action: CancelOrders, answer: KalshiAnswer, codes: CodeTable) -> Reading:
    sent = answer.sent.mono_ns
    verdict, code, detail = _plain(RequestKind.CANCEL, answer, (HTTP_OK,), codes)
    if verdict is not Verdict.ACCEPTED:
        return unanswered(action, verdict, code, detail, sent, answer.status), None
    try:
        found = {item.order_id: item for item in _decode_batch(answer.body).orders}
        outcomes = tuple(_cancel_item(action, order.order_id, found, answer) for order in action.orders)
    except PARSE_ERRORS as error:
        return unanswered(action, Verdict.UNKNOWN, UNREADABLE, detail_text(error), sent, answer.status), None
    stamps = [item.ts_ms for item in found.values() if item.ts_ms is not None]
    # Any stamp of the batch was made between our asking and the answer, which is all that is claimed of it.
    return outcomes, stamps[-1] if stamps else None


def _cancel_item(
    action: CancelOrders, order_id: OrderId, found: dict[str, _BatchItem], answer: KalshiAnswer
) -> CancelOutcome:
    item = found.get(order_id)
    verdict, code, detail = Verdict.ACCEPTED, "", ""
    reduced: str | None = None
    if item is None:
        verdict, code = Verdict.UNKNOWN, MISSING
    elif bytes(item.error) != b"null":
        # The shape of an item's error is unconfirmed, and its HTTP status is not told: it proves nothing.
        verdict = Verdict.UNKNOWN
        code, detail = read_item_error(bytes(item.error))
    else:
        reduced = item.reduced_by
    return CancelOutcome(
        action.request_id,
        verdict,
        answer.status,
        code,
        detail,
        answer.sent.mono_ns,
        order_id=order_id,
        reduced_by=None if reduced is None else parse_count(reduced),
    )


def _create_group(action: CreateGroup, answer: KalshiAnswer, codes: CodeTable) -> GroupOutcome:
    verdict, code, detail = _plain(RequestKind.GROUP, answer, (HTTP_CREATED,), codes)
    ident = ""
    if verdict is Verdict.ACCEPTED:
        try:
            ident = _decode_group(answer.body).order_group_id
        except PARSE_ERRORS as error:
            verdict, code, detail = Verdict.UNKNOWN, UNREADABLE, detail_text(error)
        if verdict is Verdict.ACCEPTED and not ident:
            verdict, code = Verdict.UNKNOWN, UNREADABLE
    return GroupOutcome(
        action.request_id,
        verdict,
        answer.status,
        code,
        detail,
        answer.sent.mono_ns,
        op=GroupOp.CREATE,
        group_id=GroupId(ident),
    )
