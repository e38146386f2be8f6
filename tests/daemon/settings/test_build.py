"""The same settings and reference data give the same engine: any story that one engine lived, another lives again."""

from __future__ import annotations

import msgspec
import pytest

from daemon.settings.build import ReferenceData, build_engine, build_plan
from daemon.settings.tree import Settings
from domain.clock import NS_PER_MS, NS_PER_S
from domain.errors import ConfigurationError
from domain.events import AnyEvent, Command, LoopStall, Stop
from tests.daemon.stand import FEES, Stand, short_settings

MS, S = NS_PER_MS, NS_PER_S


def a_story() -> Stand:
    stand = Stand()
    stand.quote_both()
    stand.tell(*stand.exchange.execute(stand.exchange.resting("INXU")[0].order_id))
    stand.run(2 * S)
    stand.operator(Command.PAUSE)
    stand.exchange.bad.list_lag_ns = 300 * MS
    stand.run(3 * S)
    stand.operator(Command.RESUME)
    stand.run(2 * S)
    stand.stream(up=False)
    stand.run(1 * S)
    stand.stream(up=True)
    stand.step(LoopStall(200 * MS))
    stand.run(4 * S)
    stand.run_before_target(15 * S)
    stand.silence("INXU")
    stand.run_before_target(-12 * S)
    stand.step(Stop("SIGTERM"))
    stand.run(5 * S)
    assert stand.exit is not None
    return stand


def test_replaying_a_story_gives_the_same_actions_byte_for_byte_also_through_the_journals_json() -> None:
    stand = a_story()
    encode = msgspec.json.Encoder().encode
    decode = msgspec.json.Decoder(AnyEvent).decode
    engine = build_engine(short_settings(), ReferenceData(FEES))
    for number, step in enumerate(stand.story):
        again = engine.step(decode(encode(step.event)), step.now)
        assert encode(again) == encode(step.actions), f"step {number} of {len(stand.story)}: {step.event}"


def test_asking_an_engine_for_its_deadline_or_its_picture_changes_nothing() -> None:
    stand = a_story()
    engine = build_engine(short_settings(), ReferenceData(FEES))
    for step in stand.story:
        assert engine.step(step.event, step.now) == step.actions  # the stand asked for deadlines, this one never does


def test_the_hourly_plan_needs_a_calendar_and_takes_the_committed_one() -> None:
    plan = build_plan(Settings(), ReferenceData(None, None))
    assert plan.current_window("INXU", 1_772_808_600 * S) is not None
    with pytest.raises((ConfigurationError, ValueError)):
        build_plan(Settings(), ReferenceData(None, b"not a table"))


def test_an_unreadable_fee_file_is_no_error_but_a_closed_gate() -> None:
    for fees in (None, b"", b"{", b"[]", b"\xff"):
        assert build_engine(short_settings(), ReferenceData(fees)).state.settings.fees is None


def test_a_calendar_in_another_encoding_is_named_with_its_line() -> None:
    with pytest.raises(ConfigurationError, match=r"configs/nyse_days\.csv:2: not UTF-8"):
        build_plan(Settings(), ReferenceData(None, b"day,session,close_et,note\n\xe9\n"))
