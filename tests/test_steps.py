"""`make steps` judges by what the drills did, and takes no drill, a skipped drill or a failed one for no proof."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests import steps
from tests.proofs.catalogue import Mutation, Row, rows
from tests.proofs.ledger import Proof
from tests.steps import Drill, Evidence, Verdict

pytest_plugins = ["pytester"]

REPORT = """<testsuites><testsuite>
<testcase classname="tests.a" name="test_one"><properties><property name="step" value="H01"/></properties></testcase>
<testcase classname="tests.a" name="test_two"><properties><property name="step" value="H01"/>
  <property name="step" value="H02"/></properties><failure message="no"/></testcase>
<testcase classname="tests.a" name="test_three"><properties><property name="step" value="H03"/></properties>
  <skipped/></testcase>
<testcase classname="tests.a" name="test_four"><properties><property name="step" value="K01"/></properties></testcase>
<testcase classname="tests.a" name="test_plain"/>
</testsuite></testsuites>"""


def test_reads_each_drill_with_every_step_it_proves() -> None:
    assert [(d.step, d.ended) for d in steps.drills(REPORT)] == [
        ("H01", "passed"),
        ("H01", "failed"),
        ("H02", "failed"),
        ("H03", "skipped"),
        ("K01", "passed"),
    ]


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ([], Verdict.NONE),
        (["passed"], Verdict.HOLDS),
        (["passed", "skipped"], Verdict.SKIPPED),
        (["skipped"], Verdict.SKIPPED),
        (["passed", "skipped", "failed"], Verdict.FAILS),
    ],
)
def test_a_step_holds_only_when_every_drill_passed(ends: list[str], said: Verdict) -> None:
    assert steps.outcome(ends) is said


def test_page_counts_and_names_the_failing_drill_and_what_is_not_held() -> None:
    table = {step: Row(f"the {step}") for step in ("H01", "H02", "H03", "K01", "K02")}
    table["K03"] = Row("sixth", not_held="a part is missing")
    page = steps.page(table, Evidence(tuple(steps.drills(REPORT))))
    assert "H. Hourly ladder: 0 of 3 hold" in page
    assert "K. Running the desk: 1 of 3 hold" in page
    assert "failed: tests.a::test_two" in page
    assert "why: a part is missing" in page
    assert "no mutation: the K01" in page
    assert "0 holds, proven; 1 holds, not proven; 0 HOLLOW; 2 FAILS; 1 skipped; 1 not held; 1 no drill; 6 steps" in page


def evidence(*verdicts: str, ended: str = "passed", marked: tuple[str, ...] = ("t::a",)) -> Evidence:
    """Of one step with a mutation for each verdict; an empty one is a proof that does not stand."""
    found = tuple(Mutation("H01", f"m{n}", (), ("t::a",), ()) for n in range(len(verdicts)))
    proofs = {
        m.name: Proof("H01", m.what, said, "", "", "", "") for m, said in zip(found, verdicts, strict=True) if said
    }
    return Evidence((Drill("H01", "t::a", ended),), found, proofs, {"H01": list(marked)})


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (evidence("proven", "proven"), Verdict.PROVEN),
        (evidence(), Verdict.HOLDS),
        (evidence("proven", ""), Verdict.HOLDS),
        (evidence("proven", "broken"), Verdict.HOLDS),
        (evidence("proven", "hollow"), Verdict.HOLLOW),
        (evidence("proven", marked=("t::a", "t::never_unplugged")), Verdict.HOLDS),
        (evidence("proven", ended="failed"), Verdict.FAILS),
        (evidence("proven", ended="skipped"), Verdict.SKIPPED),
    ],
)
def test_a_step_is_proven_when_every_unplugging_was_seen_to_fail_its_drills(told: Evidence, said: Verdict) -> None:
    assert steps.verdict("H01", Row("one"), told) is said
    assert steps.verdict("H01", Row("one", not_held="why"), told) is Verdict.NOT_HELD


def test_a_missing_report_is_not_fresh(tmp_path: Path) -> None:
    assert not steps.fresh((tmp_path / "none.xml",))


def test_a_report_older_than_the_tree_is_not_fresh(tmp_path: Path) -> None:
    report = tmp_path / "junit.xml"
    report.write_text(REPORT)
    os.utime(report, (0, 0))
    assert not steps.fresh((report,))


def test_a_report_younger_than_the_tree_is_fresh(tmp_path: Path) -> None:
    report = tmp_path / "junit.xml"
    report.write_text(REPORT)
    os.utime(report, (2**33, 2**33))
    assert steps.fresh((report,))


def test_the_list_has_every_row_of_the_runbook() -> None:
    table = rows()
    assert len(table) == 113
    assert all(re.fullmatch(r"[HKAGOX]\d\d", step) and row.clauses for step, row in table.items())
    assert all(row.offer and row.holds_when for step, row in table.items() if not step.startswith("X"))
    for letter in steps.RUNBOOKS:  # numbered without a gap
        numbers = [int(step[1:]) for step in table if step.startswith(letter)]
        assert numbers == list(range(1, len(numbers) + 1))


def test_a_mark_reaches_the_report_of_a_real_run(pytester: pytest.Pytester) -> None:
    # the very conftest of this tree, in a tree of its own
    pytester.makeconftest(
        (steps.ROOT / "tests" / "conftest.py").read_text("utf-8").replace(".parent.parent", ".parent")
    )
    (pytester.mkdir("docs") / "steps.toml").write_text('H01 = "one"\n')
    pytester.makepyfile('import pytest\n@pytest.mark.step("H01")\ndef test_it(): pass\n')
    pytester.makeini("[pytest]\nmarkers = step(id): a step\n")
    done = pytester.runpytest_subprocess("-n", "2", "--junitxml=out.xml")
    done.assert_outcomes(passed=1)
    assert [(d.step, d.ended) for d in steps.drills((pytester.path / "out.xml").read_text())] == [("H01", "passed")]


def test_a_mark_with_an_unknown_step_stops_the_run(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        (steps.ROOT / "tests" / "conftest.py").read_text("utf-8").replace(".parent.parent", ".parent")
    )
    (pytester.mkdir("docs") / "steps.toml").write_text('H01 = "one"\n')
    pytester.makepyfile('import pytest\n@pytest.mark.step("H99")\ndef test_it(): pass\n')
    pytester.makeini("[pytest]\nmarkers = step(id): a step\n")
    done = pytester.runpytest_subprocess()
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*no runbook step 'H99'*"])
