"""A plugin for pytest (`-p tests.proofs.ended`): how each test ended, and by what, one JSON line a test.

`ENDED_FILE` names the file. A failure is the drill's own when the test's own assertion raised it in its body,
while no part that only sets the stage was running: a daemon that does not start or quote is no proof.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

ENDED = Path(os.environ["ENDED_FILE"])  # read at once: a test may clear the environment
STAGING = frozenset({"start", "start_daemon", "start_simulators", "wait_for_page", "until_quoting", "demo_stage"})


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write the line once the report is made."""
    report = yield
    if report.when == "call" or not report.passed:
        how, where = ended(item, call, report)
        line = {"test": item.nodeid.partition("[")[0], "case": item.nodeid, "how": how, "where": where}
        with ENDED.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    return report


def ended(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> tuple[str, str]:
    """`passed`, `skipped`, `asserted` or `crashed`, and the line of the test (or what went wrong)."""
    if report.passed or report.skipped:
        return report.outcome, ""
    assert call.excinfo is not None
    error, frames = call.excinfo.value, list(call.excinfo.traceback)
    own = [f for f in frames if Path(f.path) == item.path and f.name == getattr(item, "originalname", item.name)]
    said = f"{type(error).__name__}: {error}".splitlines()[0][:160]
    unraised = isinstance(error, pytest.fail.Exception) and str(error).startswith("DID NOT RAISE")
    by_a_test = unraised or Path(frames[-1].path).is_relative_to(item.config.rootpath / "tests")
    staging = [f.name for f in frames if f.name in STAGING]
    if report.when != "call" or not own or staging or not (isinstance(error, AssertionError) or unraised):
        return "crashed", said + (f" (in {staging[0]})" if staging else "")
    return ("asserted", line_of(own[-1])) if by_a_test else ("crashed", said)


def line_of(frame: Any) -> str:  # noqa: ANN401 - pytest's own traceback entry has no public type
    """The statement of the test that did not hold, as its source has it."""
    return " ".join(str(frame.statement).split())
