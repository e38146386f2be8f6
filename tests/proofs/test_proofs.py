"""The machinery that unplugs controls: it proves a drill that bites, and takes no other end of a drill for a proof."""

from __future__ import annotations

import datetime as dt
import subprocess
from pathlib import Path

import pytest

from tests.proofs import copies, ledger, prove, sources
from tests.proofs.catalogue import MUTATIONS, Mutation, Patch, Row, bare_clauses, mistakes, mutations, rows
from tests.proofs.copies import CONTROL_DRILL, Copy

ON = dt.date(2026, 3, 6)
GUARD = "def may(age):\n    return age <= 700\n\n\ndef other():\n    return 1\n"
DRILLS = """
import time
import pytest
from guards import may
LIMIT = 700

@pytest.mark.step("H14")
def test_bites(): assert not may(LIMIT + 1)

@pytest.mark.step("H14")
def test_never_looks(): assert callable(may)

@pytest.mark.step("H14")
def test_breaks(): {True: 1, False: 0}[may(701)] and 1 / 0

@pytest.mark.step("H14")
def test_fails_while_setting_the_stage(): start(may(701))

def start(on): assert not on

@pytest.mark.step("H14")
def test_refuses():
    with pytest.raises(ValueError):
        if not may(701): raise ValueError

@pytest.mark.step("H14")
@pytest.mark.timeout(1)
def test_hangs():
    while may(701): time.monotonic()
"""
CONTROL = "from guards import may\ndef test_a_window_is_quoted_and_the_daemon_ends_in_order():\n    assert may(700)\n"


def unplugged(drill: str, new: str = "True", what: str = "no limit") -> Mutation:
    return Mutation("H14", what, ("700",), (f"tests/test_it.py::{drill}",), (Patch("guards.py", "age <= 700", new),))


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of its own: one guard, its drills, and the control drill."""
    root = tmp_path_factory.mktemp("tree")
    for name in ("daemon", "sim"):
        (root / name).mkdir()
        (root / name / "__init__.py").touch()
    (root / "guards.py").write_text(GUARD, encoding="utf-8")
    (root / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\nmarkers = ["step(id): one"]\naddopts = "--import-mode=importlib"\n'
        'pythonpath = ["."]\nasyncio_default_fixture_loop_scope = "function"\n', encoding="utf-8",
    )  # fmt: skip
    for path, text in {
        "tests/test_it.py": DRILLS,
        CONTROL_DRILL.partition("::")[0]: CONTROL,
        "tests/proofs/ended.py": (sources.ROOT / "tests/proofs/ended.py").read_text("utf-8"),
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    return root


@pytest.fixture(scope="module")
def copy(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(
        tmp_path_factory.mktemp("copies").resolve() / "copy", tree, home="import guards; print(guards.__file__)"
    )


@pytest.mark.parametrize(
    ("drill", "new", "verdict", "said"),
    [
        ("test_bites", "True", ledger.PROVEN, "test_bites: def test_bites(): assert not may(LIMIT + 1)"),
        ("test_refuses", "True", ledger.PROVEN, "with pytest.raises(ValueError):"),
        ("test_never_looks", "True", ledger.HOLLOW, "test_never_looks passes"),
        ("test_breaks", "True", ledger.BROKEN, "ZeroDivisionError"),
        ("test_fails_while_setting_the_stage", "True", ledger.BROKEN, "(in start)"),
        ("test_hangs", "True", ledger.BROKEN, "Timeout"),
        ("test_bites", "age <", ledger.BROKEN, "does not start, quote and end"),  # cannot be imported
        ("test_bites", "age > 700", ledger.BROKEN, "does not start, quote and end"),  # the control drill fails
    ],
)
def test_only_a_drills_own_assertion_is_a_proof(copy: Copy, drill: str, new: str, verdict: str, said: str) -> None:
    proof = prove.attempt(copy, unplugged(drill, new), ON)
    assert proof.verdict == verdict, proof
    assert any(said in line for line in proof.said), proof
    assert (copy.place / "guards.py").read_text("utf-8") == GUARD, "put back"


def test_a_copy_that_would_import_the_original_is_refused(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="imports the original"):
        Copy(tmp_path / "copy", tree, home=f"print({str(tree)!r})")


def test_a_text_that_is_not_there_just_once_is_never_applied(copy: Copy) -> None:
    twice = Mutation("H14", "x", (), (), (Patch("guards.py", "return", "pass"),))
    with pytest.raises(AssertionError, match="once"), copy.unplugged(twice):
        pytest.fail("applied")
    assert (copy.place / "guards.py").read_text("utf-8") == GUARD


def test_the_rehearsal_is_taken_out_beside_a_control_and_kept_for_its_own_proofs(tree: Path, copy: Copy) -> None:
    for root in (tree, copy.place):
        path = root / copies.REHEARSAL.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(copies.REHEARSAL.old, encoding="utf-8")
    own = Mutation("X03", "x", (), (f"{copies.KEEPS_REHEARSAL[0]}test_it.py::test_bites",), ())
    for mutation, text in ((unplugged("test_bites"), copies.REHEARSAL.new), (own, copies.REHEARSAL.old)):
        with copy.unplugged(mutation):
            assert path.read_text("utf-8") == text
    assert path.read_text("utf-8") == copies.REHEARSAL.old
    (tree / copies.REHEARSAL.file).unlink()
    assert (sources.ROOT / copies.REHEARSAL.file).read_text("utf-8").count(copies.REHEARSAL.old) == 1


def test_a_proof_stands_only_while_drill_control_and_patch_are_the_same(tree: Path, tmp_path: Path) -> None:
    mutation = unplugged("test_bites")
    hashes = mutation.hashes(tree)
    proof = ledger.Proof("H14", "no limit", ledger.PROVEN, "2026-03-06", hashes.drill, hashes.control, hashes.patch)
    assert proof.covers(mutation, tree)
    assert not proof.covers(unplugged("test_bites", "1"), tree), "another patch"
    for path, old, new, stands in (
        ("guards.py", "return 1", "return 2", True),  # another function
        ("guards.py", "age <= 700\n", "age <= 700  # ms\n", False),
        ("tests/test_it.py", "callable(may)", "may", True),  # another drill
        ("tests/test_it.py", "LIMIT = 700", "LIMIT = 701", False),  # what the drill uses
    ):
        whole = (tree / path).read_text("utf-8")
        (tree / path).write_text(whole.replace(old, new), encoding="utf-8")
        assert proof.covers(mutation, tree) is stands, (path, old)
        (tree / path).write_text(whole, encoding="utf-8")
    ledger.save({mutation.name: proof}, tmp_path / "proofs.toml")
    assert ledger.load(tmp_path / "proofs.toml") == {mutation.name: proof}


def test_what_is_proven_next() -> None:
    found = [Mutation(step, "x", (), ("d",), (Patch("f", "a", "b"),)) for step in ("A01", "A02", "A03", "A04", "A09")]
    stands = {m.name: ledger.Proof(m.step, m.what, ledger.PROVEN, "", "", "", "") for m in found[1:]}

    def names(**choice: object) -> list[str]:
        picked = prove.chosen(found, stands, prove.Choice(**choice), "1f")  # type: ignore[arg-type]
        return [mutation.step for mutation in picked]

    assert names() == ["A01", "A02", "A03", "A04", "A09"]
    assert names(resume=True) == ["A01"]
    assert names(steps=frozenset({"A03"})) == ["A03"]
    changed = names(changed=True)
    assert changed[0] == "A01", "what is stale comes first"
    assert changed == names(changed=True), "the same commit, the same spot checks"
    assert 1 < len(changed) <= 1 + prove.SPOT_CHECKS


def test_the_mutations_fit_the_tree_their_rows_and_the_marks() -> None:
    assert not list(mistakes(mutations(), rows()))
    assert mutations(), MUTATIONS


def test_a_mutation_that_does_not_fit_is_named(tree: Path) -> None:
    table = {"H14": Row("one", "", "700 passes; 701 trips")}
    good = Mutation("H14", "a", ("700",), ("tests/test_it.py::test_bites",), (Patch("guards.py", "700", "1"),))
    assert not list(mistakes((good,), table, tree))
    for bad, word in (
        (Mutation("H99", "a", (), good.drills, good.patches), "no such step"),
        (Mutation("H14", "a", ("70",), good.drills, good.patches), "'70'"),
        (Mutation("H14", "a", (), (), good.patches), "names no drill"),
        (Mutation("H14", "a", (), ("tests/test_it.py::start",), good.patches), "carries no mark"),
        (Mutation("H14", "a", (), good.drills, (Patch("guards.py", "return", "1"),)), "stands 2 times"),
        (Mutation("H14", "a", (), good.drills, (Patch("gone.py", "return", "1"),)), "stands 0 times"),
    ):
        assert any(word in line for line in mistakes((bad,), table, tree)), word
    assert any("stands twice" in line for line in mistakes((good, good), table, tree))
    assert bare_clauses(table["H14"], (good,)) == ["701 trips"]
    assert Row("x", "", "a (b; c); `d; e`").clauses == ("a (b; c)", "`d; e`")


def test_the_marks_in_the_source_are_those_of_the_tests() -> None:
    assert "tests/guards/test_windows.py::test_cases_of_the_contracts" in sources.drills()["H01"]
    assert copies.CONTROL_DRILL not in {drill for found in sources.drills().values() for drill in found}
