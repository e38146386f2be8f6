from __future__ import annotations

import re
from pathlib import Path

import pytest

from domain.reasons import RUNBOOK, GateStatus, Reason, RungReason, advice, rung_advice
from ops.http.markdown import page_of

DOCS = Path(__file__).resolve().parents[2] / "docs"


def linked_in(text: str) -> list[str]:
    return re.findall('id="([^"]+)"', page_of(text))


CONTRACT = {
    "u_series_hourly_roll",
    "scheduler_t_minus_2s",
    "kill_switch_engaged",
    "quality_gate_no_go",
    "polygon_ws_stale",
    "polygon_ws_final_minute_stale",
    "freshness_missing",
    "feed_divergence",
    "feed_stuck",
    "clock_untrusted",
    "loop_stall",
    "book_stale",
    "private_stream_down",
    "order_group_lost",
    "exchange_paused",
    "risk_limit",
    "kalshi_maintenance",
    "operator_sigusr1",
    "operator_cli",
    "operator_http",
    "watcher",
    "shutdown",
    "reconcile_drift",
    "cancel_all_active",
    "cancel_all_tail",
}


def test_every_reason_of_the_contract_is_there_by_its_text() -> None:
    assert {reason.value for reason in Reason} >= CONTRACT


def test_the_four_verdicts() -> None:
    assert {status.value for status in GateStatus} == {"PASS", "FAIL", "UNKNOWN", "NOT_CONFIGURED"}


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words_and_a_section_of_the_runbook_that_names_it(reason: Reason) -> None:
    words = advice(reason)
    assert words.sentence
    assert words.todo
    file, _, section = words.runbook.partition("#")
    text = (DOCS / file).read_text()
    assert section in linked_in(text)
    (own,) = [part for part in text.split("\n## ") if part.startswith(f"{section}\n")]
    assert f"`{reason}`" in own, "the section does not name this code"


def test_no_section_of_the_runbook_is_without_a_reason() -> None:
    used = {advice(reason).runbook.partition("#")[2] for reason in Reason}
    assert set(linked_in((DOCS / RUNBOOK).read_text())[1:]) == used


@pytest.mark.parametrize("reason", RungReason)
def test_every_reason_of_a_rung_has_a_word_a_sentence_and_a_row_of_the_runbook(reason: RungReason) -> None:
    word, sentence = rung_advice(reason)
    assert len(word) <= len("no price")
    assert f"| {word} | {sentence}" in (DOCS / RUNBOOK).read_text()


def test_no_two_reasons_of_a_rung_share_a_word() -> None:
    assert len({rung_advice(reason)[0] for reason in RungReason}) == len(RungReason)
