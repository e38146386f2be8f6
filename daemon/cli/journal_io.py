"""`ladderd journal` and `ladderd fills`: what a journal says, a line each, once its place in the chain was proven."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from daemon.cli.views_io import require_journal
from domain.errors import EX_NOT_OK, EX_OK, UsageError
from domain.money import Cash, Count, Price, print_cash, print_count, print_price
from domain.records import ENTRIES, FillAdoptedEntry, ForeignFillEntry, OrderFilledEntry, payload_of, type_of
from domain.stamps import utc_ms_text
from journal.facts import RecordedFact, told_in
from journal.reader_io import JournalDamaged, read_proven
from journal.record import canonical

TYPES: Final = frozenset(type_of(entry) for entry in ENTRIES)
FIGURES: Final[dict[str, Callable[[int], str]]] = (
    dict.fromkeys(("price", "fill_price", "fair", "worth"), lambda value: print_price(Price(value)))
    | dict.fromkeys(("fill_count", "position", "exchange", "own"), lambda value: print_count(Count(value)))
    | dict.fromkeys(("fee", "revenue", "pnl", "amount", "odd"), lambda value: print_cash(Cash(value)))
)
FILL_OF_OTHERS: Final[dict[type[OrderFilledEntry], str]] = {
    ForeignFillEntry: "  NOT OURS: not booked",
    FillAdoptedEntry: "  not ours, adopted",
}
COUNTED_IN_CONTRACTS: Final = frozenset({"order_created", "order_refused"})


def print_facts(state_dir: Path, record_type: str | None, say: Callable[[str], None], *, as_json: bool) -> int:
    """Say every record of a type, or all, oldest first; the exit code.

    Raises UsageError for a type that is none, ConfigurationError where no daemon has run.
    """
    if record_type is not None and record_type not in TYPES:
        message = f"--type {record_type}: no record has this type; known: {', '.join(sorted(TYPES))}"
        raise UsageError(message)
    if not (state_dir / "anchor").is_dir():
        require_journal(state_dir)
    try:
        for fact in told_in(read_proven(state_dir)):
            if record_type in (None, type_of(type(fact.entry))):
                say(canonical(fact.whole()).decode() if as_json else line_of(fact))
    except JournalDamaged as problem:
        say(f"journal NOT whole: {problem.file}:{problem.line}: {problem.what}")
        return EX_NOT_OK
    return EX_OK


def line_of(fact: RecordedFact) -> str:
    """A record as its line: time, id, type, and what it says, money in the exchange's own decimals."""
    kind = type_of(type(fact.entry))
    said = []
    for key, value in payload_of(fact.entry).items():
        figure = print_contracts if key == "count" and kind in COUNTED_IN_CONTRACTS else FIGURES.get(key)
        told = figure(value) if figure is not None and isinstance(value, int) else _plain(value)
        said.append(f"{key}={told}")
    return f"{utc_ms_text(fact.utc_ns)} {fact.ident} {kind} {' '.join(said)}"


def print_fills(state_dir: Path, say: Callable[[str], None], *, as_json: bool) -> int:
    """Say every execution on the account, oldest first, and how many there were; the exit code as above.

    Raises ConfigurationError where no daemon has run.
    """
    if not (state_dir / "anchor").is_dir():
        require_journal(state_dir)
    fills = 0
    try:
        for fact in told_in(read_proven(state_dir)):
            if isinstance(fact.entry, OrderFilledEntry):
                fills += 1
                say(canonical(fact.whole()).decode() if as_json else fill_line(fact.utc_ns, fact.entry))
    except JournalDamaged as problem:
        say(f"journal NOT whole: {problem.file}:{problem.line}: {problem.what}")
        return EX_NOT_OK
    if not as_json:
        say(f"{fills} fills")
    return EX_OK


def fill_line(utc_ns: int, fill: OrderFilledEntry) -> str:
    """One execution for people."""
    whose = FILL_OF_OTHERS.get(type(fill), "")
    return (
        f"{utc_ms_text(utc_ns)}  {print_count(fill.fill_count)} {fill.side.value} at {print_price(fill.fill_price)}"
        f"  {fill.ticker}  {fill.liquidity_side}  fee {print_cash(fill.fee)}{whose}"
    )


def print_contracts(value: int) -> str:
    """A count of contracts."""
    return print_count(Count(value))


def _plain(value: object) -> str:
    """A text as it is when it is one word, all else as JSON."""
    if isinstance(value, str) and value and not any(mark in value for mark in ' "=\n'):
        return value
    return canonical(round(value, 3) if isinstance(value, float) else value).decode()
