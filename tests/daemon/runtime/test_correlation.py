"""Any fill is walked back to the index value that its order was quoted on, by the journal alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daemon.runtime.inbox_io import Inbox
from daemon.runtime.runner_io import Runner
from domain.actions import AnyAction
from domain.clock import NS_PER_S, Now
from domain.events import AnyEvent, Filled, Tick
from domain.records import OrderAckedEntry, OrderCreatedEntry, OrderFilledEntry
from journal.facts import RecordedFact, told_in
from journal.reader_io import read_proven, read_steps
from journal.writer_io import JournalLimits, JournalWriter
from tests.daemon.stand import Stand
from tests.daemon.timepiece import Timepiece


class Lived:
    """An engine that does what the stand's did."""

    def __init__(self, stand: Stand) -> None:
        self._done = iter(stand.story)
        self.in_window = True

    def step(self, event: AnyEvent, now: Now) -> list[AnyAction]:
        done = next(self._done)
        assert (done.event, done.now) == (event, now)
        return done.actions


def journaled(stand: Stand, folder: Path) -> None:
    """The stand's story as the runner journals it."""
    clock = Timepiece(stand.story[0].now.mono_ns, stand.story[0].now.utc_ns)
    log = JournalWriter(folder, "run", "paper", "c", clock, threaded=False, limits=JournalLimits(ballast_bytes=0))
    engine: Any = Lived(stand)
    runner = Runner(engine, Inbox(clock), clock, log, lambda _: None)
    for step in stand.story:
        clock.mono_ns, clock.utc_ns = step.now.mono_ns, step.now.utc_ns
        runner.step(step.event, step.now)
    assert log.close()


@pytest.mark.step("O07")
def test_a_fill_leads_back_to_its_order_and_the_index_value_behind_it(tmp_path: Path) -> None:
    stand = Stand()
    stand.quote_both()
    stand.run(3 * NS_PER_S)
    for order_id in [order.order_id for order in stand.exchange.resting("INXU")]:
        stand.tell(*stand.exchange.execute(order_id))
    stand.run(2 * NS_PER_S)
    journaled(stand, tmp_path)
    facts = list(told_in(read_proven(tmp_path)))
    steps = {step.seq: step for step in read_steps(tmp_path)}
    created: dict[str, RecordedFact] = {
        fact.entry.client_order_id: fact for fact in facts if isinstance(fact.entry, OrderCreatedEntry)
    }
    acked = {fact.entry.client_order_id: fact for fact in facts if isinstance(fact.entry, OrderAckedEntry)}
    fills = [fact for fact in facts if isinstance(fact.entry, OrderFilledEntry)]
    assert fills
    began = []
    for fill in fills:
        assert isinstance(fill.entry, OrderFilledEntry)
        assert isinstance(steps[fill.record.seq].event, Filled)
        order, ack = created[fill.entry.client_order_id], acked[fill.entry.client_order_id]
        assert ack.record.causation_id == str(order.record.seq), "the answer names the step that sent the place"
        assert ack.record.correlation_id == order.record.correlation_id, "and both the step in which it began"
        assert int(order.record.correlation_id) <= order.record.seq < ack.record.seq < fill.record.seq
        began.append(steps[int(order.record.correlation_id)])
    assert any(isinstance(step.event, Tick) and step.event.symbol == "I:SPX" for step in began)
