"""Each diff of docs/adding.md applies to a copy of this tree, and what it adds is seen at work there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.added import CHECKS
from tests.proofs.copies import Copy
from tests.proofs.sources import ROOT

PAGE = ROOT / "docs" / "adding.md"
SECTION = re.compile(r"^## An? (\w+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
DIFF = re.compile(r"^```diff\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ADDED_MAX = 20

pytestmark = pytest.mark.xdist_group("adding")  # one worker makes the copy, once


def diffs() -> dict[str, str]:
    """Every diff of the page by what it adds."""
    found = {title: DIFF.findall(text) for title, text in SECTION.findall(PAGE.read_text("utf-8"))}
    return {title: diff for title, [diff] in found.items()}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A copy of the tree; nothing that ran in it leaves bytecode behind, for a patch may come within its second."""
    made = Copy(tmp_path_factory.mktemp("adding").resolve())
    made.environment["PYTHONDONTWRITEBYTECODE"] = "1"
    return made


def apply(place: Path, diff: str, *how: str) -> None:
    done = subprocess.run(
        ["git", "apply", *how, "-"], cwd=place, input=diff, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, f"write the diff anew: {done.stderr}"


def run(copy: Copy, title: str) -> tuple[int, str]:
    done = subprocess.run(
        [copy.python, "-m", "tests.added", title],
        cwd=copy.place, env=copy.environment, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr


def test_the_page_shows_each_once_and_in_a_few_lines() -> None:
    assert list(diffs()) == list(CHECKS)
    for title, diff in diffs().items():
        added = [line for line in diff.splitlines() if line.startswith("+") and not line.startswith("+++")]
        assert len(added) <= ADDED_MAX, f"{title}: {len(added)} lines are no small example"


@pytest.mark.slow
@pytest.mark.parametrize("title", list(CHECKS))
def test_what_a_diff_adds_works(copy: Copy, title: str) -> None:
    apply(copy.place, diffs()[title])
    try:
        code, said = run(copy, title)
    finally:
        apply(copy.place, diffs()[title], "--reverse")
    assert code == 0, said


@pytest.mark.slow
@pytest.mark.parametrize("title", list(CHECKS))
def test_without_its_diff_a_check_fails(title: str) -> None:
    with pytest.raises((AssertionError, KeyError, AttributeError, ValueError)):
        CHECKS[title]()
