"""The runner records before it performs; a cancel waits for nothing, a place for its record."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from daemon.runtime.inbox_io import Inbox
from daemon.runtime.runner_io import LOOK_AT_CLOCKS_NS, LOOK_OUTSIDE_WINDOWS_NS, STALL_NS, Runner
from domain.actions import (
    AnyAction,
    Ask,
    CancelAll,
    CancelOrders,
    CreateGroup,
    DeleteGroup,
    Exit,
    Place,
    Read,
    TriggerGroup,
)
from domain.alert_types.catalogue import Alert, PausedAlert, Severity
from domain.clock import Now
from domain.events import (
    AnyEvent,
    CancelOutcome,
    GroupOutcome,
    JournalFault,
    LoopStall,
    PlaceOutcome,
    ReadFailed,
    Stop,
    Verdict,
    Wake,
)
from domain.ids import ClientOrderId, GroupId, OrderId, RequestId
from domain.market import Side
from domain.money import Count, Price
from domain.records import Entry, NoteEntry
from tests.daemon.timepiece import Timepiece
from tests.execution.made import TICKER, cleared

R = RequestId(1)
PLACE = Place(R, ClientOrderId("c"), TICKER, Side.BID, Price(1), Count(100), GroupId("g"), 0, 9, cleared())
NOTE = NoteEntry("x", "ann")
CREATE, DELETE = CreateGroup(R, "INXU", 1, 20, 0), DeleteGroup(R, GroupId("g"), 0)
CANCELLED = CancelOutcome(RequestId(8), Verdict.ACCEPTED, 200, order_id=OrderId("o"))
CANCELS: list[AnyAction] = [CancelOrders(R, (), "x"), TriggerGroup(R, GroupId("g"), 0, "x"), CancelAll(R, "x")]


class Log:
    """A journal whose disk is as slow as the test wants."""

    def __init__(self) -> None:
        self.durable_seq = 0
        self.rows: list[tuple[str, bytes]] = []
        self.causes: list[tuple[str, str]] = []
        self.broken = False

    def append(self, record_type: str, payload: object, *, correlation_id: str = "", causation_id: str = "") -> int:
        if self.broken:
            return 0
        assert isinstance(payload, bytes)
        self.rows.append((record_type, payload))
        self.causes.append((causation_id, correlation_id))
        return len(self.rows)


class Puppet:
    """An engine that does what the test says."""

    def __init__(self, *answers: list[AnyAction]) -> None:
        self.answers = list(answers)
        self.events: list[AnyEvent] = []
        self.in_window = True
        self.deadline: int | None = None

    def step(self, event: AnyEvent, now: Now) -> list[AnyAction]:
        del now
        self.events.append(event)
        return self.answers.pop(0) if self.answers else []

    def next_deadline(self, now: Now) -> int | None:
        del now
        return self.deadline


class Bench:
    """A runner with its neighbours."""

    def __init__(self, *answers: list[AnyAction]) -> None:
        self.clock, self.log, self.done = Timepiece(), Log(), list[AnyAction]()
        self.engine = Puppet(*answers)
        self.inbox = Inbox(self.clock)
        engine: Any = self.engine
        self.heard: list[Entry] = []
        self.runner = Runner(engine, self.inbox, self.clock, self.log, self.done.append, self.heard.append)

    def step(self) -> None:
        self.runner.step(Wake(), self.clock.now())


def test_a_place_waits_for_its_record_to_be_durable_and_a_cancel_for_nothing() -> None:
    bench = Bench([PLACE, CREATE, *CANCELS])
    bench.step()
    assert bench.done == CANCELS
    bench.runner.release()
    assert bench.done == CANCELS
    bench.log.durable_seq = 1
    bench.runner.release(1)
    assert bench.done == [*CANCELS, PLACE, CREATE]


def test_a_place_waits_for_the_one_line_of_its_step_that_holds_its_records_too() -> None:
    bench = Bench([NOTE], [PLACE, NOTE])
    bench.step()
    bench.step()
    bench.log.durable_seq = 1
    bench.runner.release()
    assert bench.done == []
    bench.log.durable_seq = len(bench.log.rows)
    bench.runner.release()
    assert (bench.done, len(bench.log.rows)) == ([PLACE], 2)


def test_every_step_is_one_line_with_event_now_and_actions_its_records_among_them() -> None:
    bench = Bench([NOTE, Ask(R, Read.FILLS)])
    bench.step()
    ((kind, body),) = bench.log.rows
    assert kind == "step"
    tree = msgspec.json.decode(body)
    assert tree["event"] == {"kind": "wake"}
    assert tree["now"] == [bench.clock.mono_ns, bench.clock.utc_ns]
    assert tree["actions"][0] == {"kind": "note", "text": "x", "by": "ann"}
    assert [action["kind"] for action in tree["actions"]] == ["note", "ask"]
    assert bench.done == [Ask(R, Read.FILLS)]


async def test_with_a_broken_journal_nothing_is_placed_but_cancels_leave() -> None:
    bench = Bench([PLACE, CREATE, DELETE, *CANCELS])
    bench.log.broken = True
    bench.step()
    assert bench.done == CANCELS
    back = [await bench.inbox.get(0) for _ in range(3)]
    assert [type(event) for event in back] == [PlaceOutcome, GroupOutcome, GroupOutcome]
    assert {event.verdict for event in back if isinstance(event, PlaceOutcome | GroupOutcome)} == {Verdict.UNSENT}


async def test_when_the_journal_fails_what_was_held_comes_back_unsent_and_the_engine_is_told_first() -> None:
    bench = Bench([PLACE])
    bench.step()
    bench.runner.journal_failed("disk full")
    bench.log.durable_seq = 99
    bench.runner.release()
    assert bench.done == []
    assert await bench.inbox.get(0) == JournalFault("disk full")
    assert isinstance(await bench.inbox.get(0), PlaceOutcome)


async def test_it_runs_until_the_engine_says_exit() -> None:
    bench = Bench([], [], [Exit(7, "done")])
    for reason in ("a", "b", "c"):
        bench.inbox.emit(Stop(reason))
    assert await bench.runner.run() == Exit(7, "done")
    assert bench.engine.events == [Stop("a"), Stop("b"), Stop("c")]


async def test_an_overdue_timer_is_a_stall_and_is_told_before_the_event() -> None:
    bench = Bench([], [Exit(0, "x")])
    bench.inbox.emit(Stop("a"))
    step = bench.engine.step

    def slow(event: AnyEvent, now: Now) -> list[AnyAction]:
        if event == Stop("a"):
            bench.clock.wait(LOOK_AT_CLOCKS_NS + STALL_NS + 1)
            bench.inbox.emit(Stop("b"))
        return step(event, now)

    bench.engine.step = slow  # type: ignore[method-assign]
    await bench.runner.run()
    assert bench.engine.events[0] == Stop("a")
    assert bench.engine.events[1] == LoopStall(STALL_NS + 1)
    assert bench.engine.events[2] == Stop("b")


def test_it_looks_at_the_clocks_often_in_a_window_and_seldom_outside() -> None:
    bench = Bench()
    now = bench.clock.now()
    assert bench.runner.wake_at(now) == now.mono_ns + LOOK_AT_CLOCKS_NS
    bench.engine.in_window = False
    assert bench.runner.wake_at(now) == now.mono_ns + LOOK_OUTSIDE_WINDOWS_NS
    bench.engine.deadline = now.mono_ns + 5
    assert bench.runner.wake_at(now) == now.mono_ns + 5
    bench.engine.deadline = now.mono_ns
    with pytest.raises(AssertionError):
        bench.runner.wake_at(now)


def test_each_record_is_said_once_and_only_records_are() -> None:
    bench = Bench([NOTE, *CANCELS])
    bench.step()
    assert bench.heard == [NOTE]


def test_an_answer_names_the_step_that_asked_and_the_step_that_it_all_began_in() -> None:
    first, second = Ask(RequestId(7), Read.FILLS), CancelOrders(RequestId(8), (), "x")
    bench = Bench([first], [second], [], [])
    answers: list[AnyEvent] = [Wake(), ReadFailed(RequestId(7), "fills", 0, "late"), CANCELLED, Wake()]
    for event in answers:
        bench.runner.step(event, bench.clock.now())
    assert bench.log.causes == [("", ""), ("1", "1"), ("2", "1"), ("", "")]


def test_what_is_performed_can_say_to_which_step_it_belongs() -> None:
    told = PausedAlert(Severity.WARNING, "")
    bench = Bench([Ask(RequestId(7), Read.FILLS)], [told], [told])
    seen: list[str] = []
    engine: Any = bench.engine

    def perform(action: AnyAction) -> None:
        if isinstance(action, Alert):
            seen.append(runner.correlation_id)

    runner = Runner(engine, bench.inbox, bench.clock, bench.log, perform)
    answers: list[AnyEvent] = [Wake(), ReadFailed(RequestId(7), "fills", 0, "late")]
    for event in answers:
        runner.step(event, bench.clock.now())
    bench.log.broken = True
    runner.step(Wake(), bench.clock.now())
    assert seen == ["1", ""]


def test_an_answer_that_comes_again_belongs_to_nothing_and_what_is_never_answered_is_forgotten() -> None:
    many: list[list[AnyAction]] = [[Ask(RequestId(n), Read.FILLS)] for n in range(9, 5000)]
    bench = Bench([Ask(RequestId(7), Read.FILLS)], [], [], [], *many)
    for _ in range(2):
        bench.step()
        bench.runner.step(ReadFailed(RequestId(7), "fills", 0, "late"), bench.clock.now())
    assert bench.log.causes[1::2] == [("1", "1"), ("", "")]
    for _ in range(9, 5000):
        bench.step()
    bench.runner.step(ReadFailed(RequestId(9), "fills", 0, "late"), bench.clock.now())
    bench.runner.step(ReadFailed(RequestId(4_999), "fills", 0, "late"), bench.clock.now())
    assert bench.log.causes[-2] == ("", "")
    assert bench.log.causes[-1] != ("", "")


def test_each_step_is_folded_once_after_it_was_performed() -> None:
    bench = Bench([CANCELS[0]], [])
    folded: list[tuple[AnyEvent, Now, list[AnyAction], int, int]] = []

    def fold(event: AnyEvent, now: Now, actions: Sequence[AnyAction], took_ns: int) -> None:
        folded.append((event, now, list(actions), took_ns, len(bench.done)))

    engine: Any = bench.engine
    bench.runner = Runner(engine, bench.inbox, bench.clock, bench.log, bench.done.append, fold=fold)
    bench.step()
    bench.step()
    now = bench.clock.now()
    assert folded == [(Wake(), now, [CANCELS[0]], 0, 1), (Wake(), now, [], 0, 1)]
    assert bench.runner.steps == 2


async def test_halted_it_decides_nothing_and_lets_no_place_leave() -> None:
    bench = Bench([PLACE], [*CANCELS])
    bench.step()
    bench.runner.halt()
    bench.log.durable_seq = 99
    bench.runner.release()
    bench.inbox.emit(Stop("a"))
    task = asyncio.create_task(bench.runner.run())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not task.done()
    assert bench.engine.events == [Wake()]
    assert bench.done == []
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
