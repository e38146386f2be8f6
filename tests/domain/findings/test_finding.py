"""Findings: what blocks, and that a table comes back as it was written."""

from __future__ import annotations

import msgspec
import pytest

from domain.door import Refused
from domain.findings.finding import (
    BLOCKING,
    DUE_LATER,
    FAIL,
    NOT_CONFIGURED,
    PASS,
    UNKNOWN,
    Finding,
    Findings,
    FindingStatus,
    environment_of,
    read_findings,
)


@pytest.mark.parametrize("status", list(FindingStatus))
def test_only_what_passed_or_is_left_out_or_is_due_later_does_not_block(status: FindingStatus) -> None:
    assert Finding("x", status, "").blocks is (status not in {PASS, NOT_CONFIGURED, DUE_LATER})
    assert {FAIL, UNKNOWN} == BLOCKING


def test_a_table_comes_back_as_it_was_written() -> None:
    checks = (Finding("a", PASS, "well"), Finding("b", UNKNOWN, "gone", 1.5, 3.0, "path", "sha", "mtime"))
    table = Findings("preflight", False, 1, "paper", environment_of("paper", "localhost"), "c", "b", "now", checks)
    assert read_findings(msgspec.json.encode(table)) == table
    assert [finding.line() for finding in table.against()] == ["b: UNKNOWN gone"]


@pytest.mark.parametrize("text", [b"", b"{}", b"null", b"[1]", b'{"table": 3}'])
def test_what_is_no_table_is_refused(text: bytes) -> None:
    with pytest.raises(Refused):
        read_findings(text)
