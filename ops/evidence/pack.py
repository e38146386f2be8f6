"""Which controls are shown today: each cites steps whose proofs stand in the ledger as shipped, or the operator. Pure.

A step is proven when the ledger (`docs/proofs.toml`) has proofs of it, every one of them `proven`, and the table of
steps (`docs/steps.toml`) knows it and does not say that a part of it is not held. A control is shown when all its steps
are; one step that is not leaves it not shown, by name. The ledger speaks of the tree it was shipped with.
"""

from __future__ import annotations

import enum
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from domain.errors import ConfigurationError
from ops.evidence.controls import CONTROLS, IndustryControl

PROVEN: Final = "proven"


class ControlStanding(enum.StrEnum):
    """What can be said of a control today."""

    SHOWN = "shown"
    NOT_SHOWN = "not shown"
    OPERATOR = "operator"


class StepProof(msgspec.Struct, frozen=True):
    """One step as the ledger has it: how many controls of it were unplugged, the oldest proof, and why not, if not."""

    step: str
    title: str
    proofs: int
    oldest: str
    why_not: str = ""


class ControlShown(msgspec.Struct, frozen=True):
    """One control, what it rests on, and what the operator adds or must do."""

    control: IndustryControl
    standing: ControlStanding
    steps: tuple[StepProof, ...]

    @property
    def why_not(self) -> str:
        """Which of its steps are not proven, and why."""
        return "; ".join(f"{each.step}: {each.why_not}" for each in self.steps if each.why_not)


class EvidencePack(msgspec.Struct, frozen=True):
    """All controls, and how many are shown by steps."""

    shown: int
    not_shown: int
    operator: int
    controls: tuple[ControlShown, ...]


def step_proofs(steps: str, proofs: str) -> dict[str, StepProof]:
    """Every step of the table by its name, judged by the ledger. Raises ConfigurationError for other texts."""
    try:
        table, ledger = tomllib.loads(steps), tomllib.loads(proofs).get("proof", [])
        of = {name: [each for each in ledger if each["step"] == name] for name in table}
        return {name: _judged(name, row, of[name]) for name, row in table.items()}
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as problem:
        raise ConfigurationError(f"docs/steps.toml or docs/proofs.toml cannot be read: {problem!r}") from None


def _judged(name: str, row: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> StepProof:
    failed = [each["what"] for each in found if each["verdict"] != PROVEN]
    why = ""
    if row.get("not_held"):
        why = f"not held: {row['not_held']}"
    elif not found:
        why = "no proof of it in the ledger"
    elif failed:
        why = f"not proven: {failed[0]}"
    oldest = min((str(each["on"]) for each in found), default="")
    return StepProof(name, str(row["step"]), len(found), oldest, why)


def pack(proven: Mapping[str, StepProof], controls: Sequence[IndustryControl] = CONTROLS) -> EvidencePack:
    """Judge every control. A step that the table does not know proves nothing."""
    found = tuple(_shown(control, proven) for control in controls)
    of = {standing: sum(each.standing is standing for each in found) for standing in ControlStanding}
    return EvidencePack(of[ControlStanding.SHOWN], of[ControlStanding.NOT_SHOWN], of[ControlStanding.OPERATOR], found)


def _shown(control: IndustryControl, proven: Mapping[str, StepProof]) -> ControlShown:
    steps = tuple(proven.get(step) or StepProof(step, "", 0, "", "no such step") for step in control.steps)
    if not steps:
        return ControlShown(control, ControlStanding.OPERATOR, ())
    shown = not any(each.why_not for each in steps)
    return ControlShown(control, ControlStanding.SHOWN if shown else ControlStanding.NOT_SHOWN, steps)


def text(found: EvidencePack) -> str:
    """One line a control, for the terminal."""
    lines = [_line(each) for each in found.controls]
    return "\n".join([*lines, summary(found)])


def summary(found: EvidencePack) -> str:
    """The counts in one line."""
    return (
        f"{len(found.controls)} controls: {found.shown} shown by proven steps, {found.not_shown} not shown,"
        f" {found.operator} the operator's"
    )


def markdown(found: EvidencePack, build_id: str) -> str:
    """The pack as a page."""
    out = ["# Evidence", "", f"Build {build_id}. {summary(found)}.", ""]
    area = None
    for each in found.controls:
        control = each.control
        if control.area is not area:
            area = control.area
            out += ["", f"## {area}", "", "| control | asked | source | standing | rests on |", "|---|---|---|---|---|"]
        source = f"{control.source} (text to be checked)" if control.to_check else control.source
        out.append(f"| {control.ident} | {control.asks} | {source} | {each.standing} | {_rests_on(each)} |")
    return "\n".join(out) + "\n"


def _line(each: ControlShown) -> str:
    return f"{each.control.ident} {each.standing:<9} {each.control.asks}: {_rests_on(each)}"


def _rests_on(each: ControlShown) -> str:
    proven = [step for step in each.steps if not step.why_not]
    steps = ", ".join(f"{step.step} ({step.proofs} unplugged, since {step.oldest})" for step in proven)
    parts = [steps, each.why_not, f"operator: {each.control.operator}" if each.control.operator else ""]
    return "; ".join(part for part in parts if part)
