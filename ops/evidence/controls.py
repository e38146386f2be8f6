# long: one table, a line or two for each control
"""The controls that rules and guides ask of automated trading, in our words, and what shows each one here.

A control is shown by steps of `docs/steps.toml`: each of them has a drill that was seen to fail with its control taken
out. What people do, and no program can show, is the operator's, with what he must do. A control may want both: then
`operator` is what remains beside the steps. Sources: Delegated Regulation (EU) 2017/589 (RTS 6) by its articles, RTS
25, 17 CFR 240.15c3-5 by its paragraphs, FIA's guides, and conventions of operations. `to_check`: the source's own text
has not been read for this row yet.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec


class Area(enum.StrEnum):
    """Where a control belongs."""

    GOVERNANCE = "Governance and change"
    RELEASE = "Testing and release"
    PRE_TRADE = "Pre-trade"
    KILL = "Kill and cancel"
    MONITORING = "Real-time monitoring"
    POST_TRADE = "Post-trade"
    RECORDS = "Surveillance and records"
    CONTINUITY = "Continuity and security"
    OPERATIONS = "Operations"


class IndustryControl(msgspec.Struct, frozen=True):
    """One control: what is asked, by whom, which steps show it, and what is left to the operator."""

    ident: str
    area: Area
    asks: str
    source: str
    steps: tuple[str, ...] = ()
    operator: str = ""
    to_check: bool = False


def _by(
    area: Area, ident: str, asks: str, source: str, steps: str = "", operator: str = "", *, to_check: bool = False
) -> IndustryControl:
    return IndustryControl(ident, area, asks, source, tuple(steps.split()), operator, to_check)


_G, _R, _P, _K, _M, _T, _S, _C, _O = Area
CONTROLS: Final = (
    _by(_G, "C01", "each algorithm has a named owner and a named approver", "RTS 6 1(a), 5(2)",
        operator="name both in writing; approve each configuration with `ladderd config pin --by`"),
    _by(_G, "C02", "the risk role is apart from trading and can stop it", "RTS 6 1(c), 16(2)", "K11 X07",
        "give the risk role an account in the daemon's group that is no trader's"),
    _by(_G, "C03", "development and tests follow a written method", "RTS 6 5(1)-(4)",
        operator="adopt ARCHITECTURE.md and docs/adding.md as the method, or write another"),
    _by(_G, "C04", "every change is recorded: when, who, who approved, what kind", "RTS 6 5(7)",
        operator="keep the repository's history and the pins; say who approved in each"),
    _by(_G, "C05", "material changes are reviewed first, and those concerned are told", "RTS 6 11",
        operator="review before a release and tell trading, risk and compliance"),
    _by(_G, "C06", "skills and training of the staff are on record", "RTS 6 3", operator="keep the training record"),
    _by(_G, "C07", "responsibility for what is bought or outsourced stays here, feeds too", "RTS 6 4",
        operator="name who answers for the exchange's and the vendor's services, and review the contracts"),
    _by(_G, "C08", "controls are documented and a copy of the procedures is kept", "15c3-5(b)",
        operator="archive docs/ with each release for as long as your rules ask"),
    _by(_G, "C09", "controls are under our own direct and exclusive control", "15c3-5(d)", "K16 A01"),
    _by(_R, "C10", "conformance with the venue is tested before going live and after its changes", "RTS 6 6", "X06",
        "run `ladderd probe` and `ladderd preflight --orders` against the exchange's demo host"),
    _by(_R, "C11", "tests do not touch production", "RTS 6 7", "A01"),
    _by(_R, "C12", "limits are set before deployment: instruments, prices, numbers, positions, venues", "RTS 6 8",
        "K16 K18 A01"),
    _by(_R, "C13", "it works under stress and can be switched off", "RTS 6 5(4)(d)", "K11 K12 X12"),
    _by(_R, "C14", "twice the message peak of six months is survived", "RTS 6 10(a)",
        operator="compare `make bench` with twice your own recorded peak"),
    _by(_R, "C15", "twice the volume peak of six months is survived", "RTS 6 10(b)",
        operator="compare `make bench` with twice your own recorded peak"),
    _by(_R, "C16", "roll-out in stages, with a way back", "FIA; SRE launch list", "A01 A02",
        "paper first, then pilot; keep the build before at hand", to_check=True),
    _by(_R, "C17", "a yearly self-assessment with a validation report, audited and approved", "RTS 6 9, Annex I",
        operator="do it each year; `ladderd evidence --md` is an input"),
    _by(_R, "C18", "a yearly review, certified by a senior officer", "15c3-5(e)", operator="do it each year"),
    _by(_P, "C19", "orders too far from the price are kept back, each and over a period",
        "RTS 6 15(1)(a); 15c3-5(c)(1)(ii)", "K22 H11"),
    _by(_P, "C20", "no order exceeds a value", "RTS 6 15(1)(b)", "K18"),
    _by(_P, "C21", "no order exceeds a volume", "RTS 6 15(1)(c); FIA", "K18", to_check=True),
    _by(_P, "C22", "messages are limited in number", "RTS 6 15(1)(d); FIA", "X12", to_check=True),
    _by(_P, "C23", "exposure counts an order when it is entered", "RTS 6 15(2); 15c3-5", "K18"),
    _by(_P, "C24", "repeated execution is throttled, and a person lets it go on", "RTS 6 15(3)", "G07 K15"),
    _by(_P, "C25", "limits on market and credit risk follow from capital", "RTS 6 15(4); 15c3-5(c)(1)(i)", "O13 K18"),
    _by(_P, "C26", "a threshold for the whole account refuses orders", "RTS 6 15(5); 15c3-5(c)(1)(i)", "O13"),
    _by(_P, "C27", "positions within the day are limited, long and short, per instrument", "RTS 6 17(4); FIA", "K18",
        to_check=True),
    _by(_P, "C28", "no order goes out twice", "15c3-5(c)(1)(ii)", "G07"),
    _by(_P, "C29", "what may not be traded is blocked", "RTS 6 15(5); 15c3-5(c)(2)", "G06"),
    _by(_P, "C30", "a blocked order goes on only by a verified and authorised exception", "RTS 6 15(6)", "G09 K15"),
    _by(_P, "C31", "own orders do not trade with each other", "FIA", "X02 H11", to_check=True),
    _by(_P, "C32", "market data is judged before it is used", "FIA", "H14 G04 K06", to_check=True),
    _by(_P, "C33", "without a reference price nothing is sent, no default is taken", "enforcement cases", "H14 K06"),
    _by(_K, "C34", "any and all unexecuted orders are cancelled at once", "RTS 6 12(1)", "K12 X01 H16"),
    _by(_K, "C35", "also by algorithm; each order can be attributed", "RTS 6 12(2)(3)", "X01 O07"),
    _by(_K, "C36", "the kill may stand outside the trading program", "FIA 1.11", "K11 X07 K12"),
    _by(_K, "C37", "orders that reduce risk may go while others are blocked", "FIA 1.11", "K13"),
    _by(_K, "C38", "when the kill is used is written down and known", "RTS 6 14(2)(e); FIA 1.11", "K11",
        "adopt docs/runbooks as the policy"),
    _by(_K, "C39", "compliance can reach the kill at all times", "RTS 6 2(2)", "K11",
        "give compliance an account in the daemon's group and the phone number of who is on call"),
    _by(_K, "C40", "orders end when the connection does, where the venue offers it", "FIA", "X02 X07", to_check=True),
    _by(_K, "C41", "it trips by itself and is cleared by a person, with the cause on record", "enforcement cases",
        "K03 K15 G09"),
    _by(_K, "C42", "it shuts down without disorder", "RTS 6 14(3)", "A10 O02"),
    _by(_M, "C43", "it is watched for as long as it sends orders", "RTS 6 16(1)", "K09 G10 X07"),
    _by(_M, "C44", "by trading and by an independent risk function", "RTS 6 16(2)",
        operator="have both read the page and the alerts"),
    _by(_M, "C45", "alerts come within 5 s", "RTS 6 16(5)", "O10 G11"),
    _by(_M, "C46", "there is a remedy for each, orderly withdrawal included", "RTS 6 16(3)(5)", "K14 K13 K15"),
    _by(_M, "C47", "halts and circuit breakers of the venue are told", "RTS 6 16(5)", "H19"),
    _by(_M, "C48", "contacts can be reached, tested out of hours", "RTS 6 16(4)",
        operator="fill `incidents.on_call`, and call the numbers at night once a quarter"),
    _by(_M, "C49", "executions are reported to surveillance at once", "15c3-5(c)(2)(iv)", "O14 H20"),
    _by(_T, "C50", "post-trade controls are always on; a breach adjusts or stops", "RTS 6 17(1)", "G05 O09"),
    _by(_T, "C51", "exposure is known in real time", "RTS 6 17(2)(3)", "O09 H05"),
    _by(_T, "C52", "own logs are reconciled with the venue's", "RTS 6 17(3), 13(9)", "O09 K07"),
    _by(_T, "C53", "an independent copy of the executions is compared often", "FIA 2024", "K07 O09"),
    _by(_T, "C54", "credit limits hold after the trade", "FIA 2024", "O13"),
    _by(_T, "C55", "what to do about an error trade is known", "FIA 2024", "K14"),
    _by(_S, "C56", "own orders are watched for abuse by a program, replayable", "RTS 6 13(1)-(3), (7)", "X05",
        "run a surveillance product over `ladderd journal --json`; none is built in"),
    _by(_S, "C57", "its alerts come by the next day, and what followed is on record", "RTS 6 13(7)(8)",
        operator="follow the surveillance product's alerts up, in writing"),
    _by(_S, "C58", "its parameters are reviewed each year", "RTS 6 13(6)", operator="do it each year"),
    _by(_S, "C59", "records are complete, accurate and consistent", "RTS 6 17(3)", "K23 O05 O06"),
    _by(_S, "C60", "order records name who decided and are kept five years", "RTS 6 28, Annex II", "O06 O07",
        "keep the archives five years; nothing here deletes them"),
    _by(_S, "C61", "the clock is traceable to UTC, its divergence is limited and stated", "RTS 25", "K09",
        "discipline the machine's clock (chrony), and state the class; ours is watched against the exchange's"),
    _by(_C, "C62", "a plan for going on names its cases", "RTS 6 14(1)(2)", "H18",
        "adopt docs/runbooks/outage.md and add staff and supplier"),
    _by(_C, "C63", "another site where appropriate", "RTS 6 14(2)(c)", operator="decide; restore a backup there once"),
    _by(_C, "C64", "there is another way to manage orders and positions", "RTS 6 14(2)(g)", "K13 K12 X07"),
    _by(_C, "C65", "the plan is tested each year", "RTS 6 14(4)", operator="play it each year"),
    _by(_C, "C66", "access is managed; critical users are few, listed and traced", "RTS 6 18(2)(5)", "H02 K04",
        "list the members of the daemon's group"),
    _by(_C, "C67", "penetration test and scan each year", "RTS 6 18(4)", operator="have them done each year"),
    _by(_C, "C68", "a breach leaves an incident report", "RTS 6 18(3)", "G05 G08"),
    _by(_O, "C69", "what happens when machine, network or back-end die is answered", "SRE launch list", "K25 O02 X07"),
    _by(_O, "C70", "metrics have one prefix, base units, totals and few labels", "Prometheus conventions", "A04 G17"),
    _by(_O, "C71", "alerts are few, on symptoms, each with an action, and a watchdog fires for ever",
        "Prometheus conventions", "K21"),
)  # fmt: skip
