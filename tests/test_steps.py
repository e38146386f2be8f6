"""`make steps` judges by what the drills did, and takes no drill, a skipped drill or a failed one for no proof."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest

from tests import steps

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
        ([], steps.Verdict.NONE),
        (["passed"], steps.Verdict.HOLDS),
        (["passed", "skipped"], steps.Verdict.SKIPPED),
        (["skipped"], steps.Verdict.SKIPPED),
        (["passed", "skipped", "failed"], steps.Verdict.FAILS),
    ],
)
def test_a_step_holds_only_when_every_drill_passed(ends: list[str], said: steps.Verdict) -> None:
    assert steps.verdict(ends) is said


def test_page_counts_and_names_the_failing_drill() -> None:
    titles = {"H01": "first", "H02": "second", "H03": "third", "K01": "fourth", "K02": "fifth"}
    page = steps.page(titles, steps.drills(REPORT))
    assert "H. Hourly ladder: 0 of 3 hold" in page
    assert "K. Running the desk: 1 of 2 hold" in page
    assert "failed: tests.a::test_two" in page
    assert page.endswith("1 holds, 2 FAILS, 1 skipped, 1 no drill; 5 steps")


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


def test_the_list_has_every_step_once_with_a_short_title() -> None:
    titles = tomllib.loads(steps.STEPS.read_text("utf-8"))
    assert len(titles) == 112
    assert all(re.fullmatch(r"[HKAGOX]\d\d", step) and 5 < len(title) < 80 for step, title in titles.items())
    for letter in steps.RUNBOOKS:  # numbered without a gap
        numbers = [int(step[1:]) for step in titles if step.startswith(letter)]
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
