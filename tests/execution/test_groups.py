from __future__ import annotations

import pytest

from domain.actions import AnyAction, CreateGroup, DeleteGroup, TriggerGroup
from domain.clock import NS_PER_MS, NS_PER_S
from domain.events import GroupOp, GroupOutcome, GroupsRead, GroupState, Verdict
from domain.ids import GroupId, RequestId
from execution.budget import Budget
from execution.groups import AHEAD, DELETE_TRIES_MAX, TRIGGER_RETRY_NS, GroupPhase, Groups
from execution.numbers import Numbers
from tests.execution.made import at

G = GroupId("g1")


def made(*, known: bool = True) -> Groups:
    budget = Budget()
    if known:
        budget.learn(0, refill_per_s=1000, capacity=1000, place_cost=10, cancel_cost=2, group_cost=10)
    return Groups(Numbers(), budget, 20)


def answer(
    action: AnyAction, verdict: Verdict = Verdict.ACCEPTED, status: int = 200, group: GroupId = G
) -> GroupOutcome:
    op = {CreateGroup: GroupOp.CREATE, TriggerGroup: GroupOp.TRIGGER, DeleteGroup: GroupOp.DELETE}[type(action)]
    return GroupOutcome(getattr(action, "request_id", RequestId(0)), verdict, status, op=op, group_id=group)


def ready(groups: Groups, names: tuple[str, ...] = ("g1", "g2")) -> Groups:
    out: list[AnyAction] = []
    groups.keep_ahead("INXU", 1, 0, 0, out)
    for action, name in zip(out, names, strict=True):
        groups.outcome(answer(action, group=GroupId(name)), 0)
    return groups


def test_one_in_use_and_one_spare_are_asked_for_once() -> None:
    groups, out = made(), list[AnyAction]()
    groups.keep_ahead("INXU", 1, 3, 0, out)
    groups.keep_ahead("INXU", 1, 3, 0, out)
    assert len(out) == AHEAD
    assert {(a.contracts_limit, a.exchange_index, a.series) for a in out if isinstance(a, CreateGroup)} == {
        (20, 3, "INXU")
    }


def test_without_a_budget_no_group_is_asked_for() -> None:
    out: list[AnyAction] = []
    made(known=False).keep_ahead("INXU", 1, 0, 0, out)
    assert out == []


def test_groups_belong_to_their_series_and_window() -> None:
    groups = ready(made())
    assert len(groups.ready("INXU", 1)) == 2
    assert groups.ready("NASDAQ100U", 1) == groups.ready("INXU", 2) == []


def test_a_lost_create_is_counted_and_asked_again_later_under_a_new_number() -> None:
    groups, out = made(), list[AnyAction]()
    groups.keep_ahead("INXU", 1, 0, 0, out)
    for action in list(out):
        groups.outcome(answer(action, Verdict.UNKNOWN, 0, GroupId("")), 0)
    assert groups.lost_creates == 2
    out.clear()
    groups.keep_ahead("INXU", 1, 0, NS_PER_S - 1, out)
    assert out == []
    groups.keep_ahead("INXU", 1, 0, NS_PER_S, out)
    assert len(out) == 2


def test_a_trigger_is_one_request_until_it_may_have_failed_and_then_final() -> None:
    groups, out = ready(made()), list[AnyAction]()
    assert groups.trigger(G, 0, "x", 0, out)
    assert not groups.trigger(G, 0, "x", TRIGGER_RETRY_NS - 1, out)
    assert groups.trigger(G, 0, "x", TRIGGER_RETRY_NS, out)
    groups.outcome(answer(out[1]), TRIGGER_RETRY_NS)
    assert groups.known[G].phase is GroupPhase.TRIGGERED
    assert not groups.trigger(G, 0, "x", 10**12, out)
    assert [g.group_id for g in groups.ready("INXU", 1)] == ["g2"]


@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.UNSENT, Verdict.REFUSED])
def test_a_failed_trigger_leaves_again_quickly_at_first_and_then_no_faster_than_an_unanswered_one(
    verdict: Verdict,
) -> None:
    groups, out, now_ns = ready(made()), list[AnyAction](), 0
    gaps = []
    for _ in range(6):
        begun_ns = now_ns
        while not groups.trigger(G, 0, "x", now_ns, out):
            now_ns += NS_PER_MS
        gaps.append((now_ns - begun_ns) // NS_PER_MS)
        groups.outcome(answer(out[-1], verdict, 503), now_ns)
    assert gaps[1:4] == [50 if verdict is Verdict.REFUSED else 0] * 3
    assert min(gaps[4:]) == TRIGGER_RETRY_NS // NS_PER_MS


def test_a_late_failure_does_not_undo_a_trigger() -> None:
    groups, out = ready(made()), list[AnyAction]()
    groups.trigger(G, 0, "x", 0, out)
    groups.trigger(G, 0, "x", TRIGGER_RETRY_NS, out)
    groups.outcome(answer(out[1]), 0)
    groups.outcome(answer(out[0], Verdict.UNKNOWN, 0), 0)
    assert groups.known[G].phase is GroupPhase.TRIGGERED


def test_a_group_that_we_never_knew_can_still_be_killed() -> None:
    groups, out = made(), list[AnyAction]()
    assert groups.trigger(GroupId("old"), 2, "x", 0, out)
    assert out == [TriggerGroup(RequestId(1), GroupId("old"), 2, "x")]


def test_a_group_triggered_by_its_own_limit_is_lost_once() -> None:
    groups = ready(made())
    assert groups.lost(G, 5) is groups.known[G]
    assert groups.lost(G, 6) is None
    assert groups.lost(GroupId("nobody"), 6) is None


def test_429_empties_the_bucket_that_we_reckon_with() -> None:
    groups, out = ready(made()), list[AnyAction]()
    groups.trigger(G, 0, "x", 0, out)
    groups.outcome(answer(out[0], Verdict.REFUSED, 429), 0)
    assert groups.budget.tokens_milli == 0


def test_triggered_and_past_groups_are_deleted_when_nobody_is_in_them_and_nothing_can_be_travelling() -> None:
    groups, out = ready(made()), list[AnyAction]()
    groups.trigger(G, 0, "x", 0, out)
    groups.outcome(answer(out[0]), 0)
    out.clear()
    groups.tidy(set(), set(), 2 * NS_PER_S - 1, out)
    groups.tidy(set(), {G}, 3 * NS_PER_S, out)
    assert out == []
    groups.tidy(set(), set(), 2 * NS_PER_S, out)
    assert out == [DeleteGroup(RequestId(4), G, 0)]
    groups.tidy({("INXU", 1)}, set(), 2 * NS_PER_S, out)
    assert len(out) == 2
    groups.outcome(answer(out[0]), 0)
    groups.outcome(answer(out[1], Verdict.UNKNOWN, 404, GroupId("g2")), 0)
    assert groups.known == {}


def test_a_group_that_cannot_be_deleted_is_given_up_after_a_few_tries() -> None:
    groups, out, now_ns = ready(made(), ("g1", "g2")), list[AnyAction](), 0
    for _ in range(2 * DELETE_TRIES_MAX + 4):
        now_ns += 10 * NS_PER_S
        groups.tidy({("INXU", 1)}, set(), now_ns, out)
        for action in out:
            groups.outcome(answer(action, Verdict.UNKNOWN, 503, getattr(action, "group_id", G)), now_ns)
    assert groups.known == {}


def test_strangers_in_the_list_are_taken_over_to_be_deleted_but_not_while_a_create_is_under_way() -> None:
    groups, out = made(), list[AnyAction]()
    listed = GroupsRead(RequestId(9), at(0), (GroupState(GroupId("lost"), triggered=False, exchange_index=4),))
    groups.keep_ahead("INXU", 1, 0, 0, out)
    assert groups.adopt(listed) == 0
    for action, name in zip(list(out), ("g1", "g2"), strict=True):
        groups.outcome(answer(action, group=GroupId(name)), 0)
    assert groups.adopt(listed) == 1
    assert groups.adopt(listed) == 0
    out.clear()
    groups.tidy(set(), set(), 1, out)
    assert [(a.group_id, a.exchange_index) for a in out if isinstance(a, DeleteGroup)] == [("lost", 4)]
