"""The evidence pack: every control once, each with a proven step or the operator, and honest about what is not."""

from __future__ import annotations

import pytest

from domain.errors import ConfigurationError
from ops.evidence.controls import CONTROLS
from ops.evidence.docs_io import DOCS, installed_proofs
from ops.evidence.pack import ControlStanding, StepProof, markdown, pack, step_proofs, summary, text

# What the pack must come to once every step that it leans on is proven.
SHOWN_LEAST = 45
STEPS = "[K13]\nstep = 'Close'\n[K12]\nstep = 'Cancel'\nnot_held = 'half'\n[K11]\nstep = 'Halt'\n"
GOOD = "[[proof]]\nstep = 'K13'\nwhat = 'a'\nverdict = 'proven'\non = '2026-11-30'\n"
OLD = "[[proof]]\nstep = 'K13'\nwhat = 'b'\nverdict = 'proven'\non = '2026-11-02'\n"
HOLLOW = "[[proof]]\nstep = 'K13'\nwhat = 'the cap'\nverdict = 'hollow'\non = '2026-11-30'\n"


def of(ident: str, proofs: dict[str, StepProof]) -> ControlStanding:
    return next(each.standing for each in pack(proofs).controls if each.control.ident == ident)


def all_proven() -> dict[str, StepProof]:
    return {step: StepProof(step, step, 1, "2026-11-30") for control in CONTROLS for step in control.steps}


@pytest.mark.step("X11")
def test_all_71_controls_stand_there_once_each_with_a_step_or_the_operator() -> None:
    assert [control.ident for control in CONTROLS] == [f"C{number:02}" for number in range(1, 72)]
    assert all(control.steps or control.operator for control in CONTROLS)
    assert all(control.asks and control.source for control in CONTROLS)
    known = step_proofs((DOCS / "steps.toml").read_text(), "")
    assert {step for control in CONTROLS for step in control.steps} <= known.keys()


@pytest.mark.step("X11")
def test_at_least_45_are_shown_once_their_steps_are_proven() -> None:
    found = pack(all_proven())
    assert found.shown >= SHOWN_LEAST
    assert (found.not_shown, found.shown + found.operator) == (0, 71)


@pytest.mark.step("X11")
@pytest.mark.parametrize(
    ("proofs", "why"),
    [
        (GOOD + OLD, ""),
        ("", "no proof of it in the ledger"),
        (GOOD + HOLLOW, "not proven: the cap"),
    ],
)
def test_a_step_counts_only_while_every_proof_of_it_stands(proofs: str, why: str) -> None:
    found = step_proofs(STEPS, proofs)
    assert found["K13"].why_not == why
    assert of("C37", found) is (ControlStanding.NOT_SHOWN if why else ControlStanding.SHOWN)


@pytest.mark.step("X11")
def test_a_step_that_is_not_held_or_not_known_shows_nothing() -> None:
    held = step_proofs(STEPS, GOOD.replace("K13", "K12"))
    assert held["K12"].why_not == "not held: half"
    proven = all_proven()
    for lost in ("K12", "K13"):
        fewer = {step: proof for step, proof in proven.items() if step != lost}
        gone = [c.ident for c in CONTROLS if lost in c.steps]
        unshown = [each for each in pack(fewer).controls if each.standing is ControlStanding.NOT_SHOWN]
        assert [each.control.ident for each in unshown] == gone
        assert f"{lost}: no such step" in text(pack(fewer))


@pytest.mark.step("X11")
def test_the_installed_ledger_is_found_and_said_as_it_is() -> None:
    found = pack(installed_proofs())
    assert found.shown + found.not_shown + found.operator == 71
    page = markdown(found, "b1f0c2d")
    assert summary(found) in page
    for each in found.controls:
        assert f"| {each.control.ident} | " in page
        assert (each.standing is ControlStanding.SHOWN) == (bool(each.steps) and not each.why_not)
        if each.standing is ControlStanding.NOT_SHOWN:
            assert each.why_not in page
    assert "text to be checked" in page


@pytest.mark.parametrize(("steps", "proofs"), [("[", ""), (STEPS, "["), (STEPS, "[[proof]]\nx = 1\n"), ("a = 1", "")])
def test_a_ledger_that_cannot_be_read_shows_nothing_by_mistake(steps: str, proofs: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        step_proofs(steps, proofs)


def test_no_ledger_is_no_evidence() -> None:
    with pytest.raises(ConfigurationError, match="was not installed"):
        installed_proofs(DOCS / "none")


def test_the_oldest_proof_is_the_one_that_is_told() -> None:
    found = step_proofs(STEPS, GOOD + OLD)["K13"]
    assert (found.oldest, found.proofs) == ("2026-11-02", 2)
