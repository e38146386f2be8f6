"""Order groups: one live and one spare for each series and window, triggered once and never reset.

A group is the exchange's own kill switch (docs/exchange.md 4): one request cancels every order in it and refuses
those still travelling. So each window quotes through a group made ahead of time; when the series must go flat the group
is triggered, and quoting can resume only through the next one. A create whose answer was lost may have left a
group at the exchange that we cannot name: groups listed there which no record of ours knows are deleted when we are
flat, since the account is declared ours alone.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

import msgspec

from domain.actions import AnyAction, CreateGroup, DeleteGroup, TriggerGroup
from domain.backoff import Backoff
from domain.clock import NS_PER_MS, NS_PER_S
from domain.events import GroupOp, GroupOutcome, GroupsRead, Verdict
from domain.ids import GroupId, RequestId
from execution.budget import Budget
from execution.numbers import Numbers

AHEAD = 2
CREATE_RETRY_NS = NS_PER_S
TRIGGER_RETRY_NS = 150 * NS_PER_MS
# An exchange that fails at once would be sent triggers as fast as it fails, at ten tokens each, and the write bucket
# that the cancels by id live on would be empty.
TRIGGER_REFUSED = Backoff(150, 1_200, quick_tries=3, quick_ms=50)
TRIGGER_UNPROVEN = Backoff(150, 1_200, quick_tries=3)
DELETE_RETRY_NS = 5 * NS_PER_S
DELETE_TRIES_MAX = 5


class GroupPhase(enum.StrEnum):
    """Where a group stands in its one-way life."""

    READY = "ready"
    TRIGGERING = "triggering"
    TRIGGERED = "triggered"
    DELETING = "deleting"


class Group(msgspec.Struct):
    """One group that exists at the exchange. `asked_ns`: when this run first asked for its end; 0 when it has not."""

    group_id: GroupId
    series: str
    target_ns: int
    exchange_index: int
    phase: GroupPhase = GroupPhase.READY
    retry_ns: int = 0
    tries: int = 0
    used: bool = False
    triggered_ns: int = 0
    asked_ns: int = 0


class Creating(NamedTuple):
    """A create under way."""

    series: str
    target_ns: int
    exchange_index: int
    asked_ns: int


NOBODY = Creating("", 0, 0, 0)


class Groups:
    """All groups we know of, and the requests under way for them."""

    def __init__(self, numbers: Numbers, budget: Budget, contracts_limit: int) -> None:
        """`lost_creates`: those never answered and not found since; `listed`: strangers were looked for in this run."""
        self.known: dict[GroupId, Group] = {}
        self.numbers = numbers
        self.budget = budget
        self.contracts_limit = contracts_limit
        self.creating: dict[RequestId, Creating] = {}
        self.asked: dict[RequestId, GroupId] = {}
        self.create_after_ns: dict[str, int] = {}
        self.lost_creates = 0
        self.listed = False

    def ready(self, series: str, target_ns: int) -> list[Group]:
        """The groups of a window that new orders may go into."""
        return [
            g
            for g in self.known.values()
            if g.phase is GroupPhase.READY and g.series == series and g.target_ns == target_ns
        ]

    def keep_ahead(
        self,
        series: str,
        target_ns: int,
        exchange_index: int,
        now_ns: int,
        out: list[AnyAction],
        *,
        ahead: int = AHEAD,
    ) -> None:
        """Ask for groups until `ahead` are ready: one in use and one spare."""
        if now_ns < self.create_after_ns.get(series, 0) or not self.budget.known:
            return
        have = len(self.ready(series, target_ns))
        under_way = sum(1 for c in self.creating.values() if c.series == series and c.target_ns == target_ns)
        while have + under_way < ahead:
            request = self.numbers.request()
            self.creating[request] = Creating(series, target_ns, exchange_index, now_ns)
            self.budget.spend(self.budget.group_cost, now_ns)
            out.append(CreateGroup(request, series, target_ns, self.contracts_limit, exchange_index))
            under_way += 1

    def trigger(self, group_id: GroupId, exchange_index: int, reason: str, now_ns: int, out: list[AnyAction]) -> bool:
        """Trigger a group, or again when the last try may have failed. True when a request leaves now."""
        group = self.known.get(group_id)
        if group is None:
            # A group of an earlier run, met through an adopted order: still ours to kill.
            group = self.known[group_id] = Group(group_id, "", 0, exchange_index)
        if group.phase not in {GroupPhase.READY, GroupPhase.TRIGGERING} or now_ns < group.retry_ns:
            return False
        request = self.numbers.request()
        group.phase = GroupPhase.TRIGGERING
        group.asked_ns = group.asked_ns or now_ns
        group.retry_ns = now_ns + TRIGGER_RETRY_NS
        group.tries += 1
        self.asked[request] = group_id
        self.budget.spend(self.budget.group_cost, now_ns)
        out.append(TriggerGroup(request, group_id, group.exchange_index, reason))
        return True

    def outcome(self, event: GroupOutcome, now_ns: int) -> Group | None:
        """Take the answer to a create, trigger or delete; the group it was about, if it is known."""
        if event.http_status == 429:  # noqa: PLR2004 - the HTTP status itself
            self.budget.refused(now_ns)
        if event.op is GroupOp.CREATE:
            return self._created(event, now_ns)
        group = self.known.get(self.asked.pop(event.request_id, event.group_id))
        if group is None:
            return None
        if event.op is GroupOp.TRIGGER:
            if event.verdict is Verdict.ACCEPTED:
                group.phase, group.triggered_ns, group.tries = GroupPhase.TRIGGERED, now_ns, 0
            elif group.phase is GroupPhase.TRIGGERING:
                pace = TRIGGER_REFUSED if event.verdict is Verdict.REFUSED else TRIGGER_UNPROVEN
                group.retry_ns = now_ns + pace.wait_ns(group.tries)
        elif event.verdict is Verdict.ACCEPTED or event.http_status == 404:  # noqa: PLR2004 - the HTTP status itself
            self.known.pop(group.group_id, None)
        else:
            group.retry_ns = now_ns + DELETE_RETRY_NS
        return group

    def _created(self, event: GroupOutcome, now_ns: int) -> Group | None:
        series, target_ns, exchange_index, _ = self.creating.pop(event.request_id, NOBODY)
        if event.verdict is Verdict.ACCEPTED and event.group_id:
            # An answer to nobody, because the create was given up: the group belongs to no window, so it goes.
            phase = GroupPhase.READY if series else GroupPhase.DELETING
            group = Group(event.group_id, series, target_ns, exchange_index, phase)
            self.known[event.group_id] = group
            return group
        self.create_after_ns[series] = now_ns + CREATE_RETRY_NS
        if event.verdict is Verdict.UNKNOWN:
            self.lost_creates += 1
        return None

    def unanswered(self, patience_ns: int, now_ns: int) -> int:
        """Give up on creates that were never answered; how many. What they left, a listing will show."""
        given_up = [r for r, c in self.creating.items() if now_ns >= c.asked_ns + patience_ns]
        for request in given_up:
            del self.creating[request]
        self.lost_creates += len(given_up)
        return len(given_up)

    def lost(self, group_id: GroupId, now_ns: int) -> Group | None:
        """The exchange says that a group was triggered (by its own limit, or by somebody): it takes no more orders."""
        group = self.known.get(group_id)
        if group is None or group.phase is not GroupPhase.READY:
            return None
        group.phase, group.triggered_ns = GroupPhase.TRIGGERED, now_ns
        return group

    def tidy(self, over: set[tuple[str, int]], busy: set[GroupId], now_ns: int, out: list[AnyAction]) -> None:
        """Delete groups of windows that are over, and triggered ones, once no live order is in them."""
        for group in list(self.known.values()):
            ended = (group.series, group.target_ns) in over or group.phase is GroupPhase.TRIGGERED
            deleting = group.phase is GroupPhase.DELETING
            if not (ended or deleting) or group.group_id in busy or now_ns < group.retry_ns:
                continue
            if group.phase is GroupPhase.TRIGGERED and now_ns < group.triggered_ns + 2 * NS_PER_S:
                # A place that was still travelling when we triggered must meet the dead group, not a missing one.
                continue
            if deleting and group.tries > DELETE_TRIES_MAX:
                del self.known[group.group_id]
                continue
            request = self.numbers.request()
            group.phase, group.retry_ns = GroupPhase.DELETING, now_ns + DELETE_RETRY_NS
            group.asked_ns = group.asked_ns or now_ns
            group.tries += 1
            self.asked[request] = group.group_id
            self.budget.spend(self.budget.group_cost, now_ns)
            out.append(DeleteGroup(request, group.group_id, group.exchange_index))

    def adopt(self, event: GroupsRead) -> int:
        """Take over groups at the exchange that no record of ours knows, so that `tidy` deletes them; how many."""
        if self.creating:
            return 0
        strangers = [g for g in event.groups if g.group_id not in self.known]
        for said in strangers:
            group = Group(said.group_id, "", 0, said.exchange_index, GroupPhase.DELETING)
            self.known[said.group_id] = group
        return len(strangers)
