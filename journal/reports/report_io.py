"""Write the reports: `reports/<SERIES>/YYYY-MM-DD.md` and `.html`, the day's ledger, and a pair for each window.

Reading a day's journal takes about a second of one core for every 200,000 records: run it in a process of its own,
never on a loop that guards orders.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import msgspec

from domain.stamps import utc_ns_text
from journal.disk_io import Disk
from journal.facts import facts, tells_nothing
from journal.layout import first_seq_of
from journal.reader_io import read_records, segment_paths
from journal.reports.fold import Fold, day_of
from journal.reports.ledger import ledger_csv, ledger_rows
from journal.reports.render import Block, html, inline_text, markdown
from journal.reports.report import day_report, window_report
from journal.reports.window_fold import WindowFold

_DAY_CHARS = len("2026-03-06")
ANOMALIES = "anomalies.md"
ANOMALIES_HEAD = ("# Anomalies", "", "What operators noted.", "", "| UTC | by | note |", "|---|---|---|")


class Written(msgspec.Struct, frozen=True):
    """What was written: the day's pages and ledger, and the page of each window asked for."""

    day_markdown: Path
    day_html: Path
    ledger: Path
    window_markdown: tuple[Path, ...]
    window_html: tuple[Path, ...]


def fold_day(state_dir: Path, day: str) -> Fold:
    """Fold what a report of one UTC day needs: its segments, and those of the day before for what still holds.

    Raises JournalDamaged, RecordError, Refused (a step of another build), OSError.
    """
    since = (date.fromisoformat(day) - timedelta(days=1)).isoformat()
    firsts = [first_seq_of(path.name) or 1 for path in segment_paths(state_dir) if path.name[:_DAY_CHARS] >= since]
    return Fold().take_all(facts(read_records(state_dir, min(firsts, default=1) - 1, tells_nothing)))


def write_reports(
    state_dir: Path,
    target_ns: int,
    reports_dir: Path | None = None,
    *,
    only: str | None = None,
    disk: Disk | None = None,
) -> dict[tuple[str, int], str]:
    """Write the pages of the windows with this target, and their days; the window's page by (series, target).

    Of every series, or `only` one. Without `reports_dir` they stand under `<state>/reports`. Raises as `fold_day`.
    """
    day = day_of(target_ns)
    fold = fold_day(state_dir, day)
    write_anomalies(fold, reports_dir or state_dir / "reports", disk=disk)
    pages: dict[tuple[str, int], str] = {}
    for series in sorted(window.series for window in fold.windows.values() if window.target_ns == target_ns):
        if only not in (None, series):
            continue
        written = write_series(fold, reports_dir or state_dir / "reports", series, day, target_ns, disk=disk)
        (page,) = written.window_html
        pages[series, target_ns] = str(page)
    return pages


def write_day(
    state_dir: Path, reports_dir: Path, day: str, series: Sequence[str] = (), *, disk: Disk | None = None
) -> dict[str, Written]:
    """Write a UTC day's pages from its journal, for these series or all that had a window that day.

    Raises as `fold_day`.
    """
    fold = fold_day(state_dir, day)
    write_anomalies(fold, reports_dir, disk=disk)
    names = series or sorted({window.series for window in fold.windows.values() if day_of(window.target_ns) == day})
    return {name: write_series(fold, reports_dir, name, day, disk=disk) for name in names}


def write_anomalies(fold: Fold, reports_dir: Path, *, disk: Disk | None = None) -> Path:
    """Write `reports/anomalies.md`, every note of operators, oldest first; days outside the fold stay as they stand.

    Raises OSError.
    """
    disk, path = disk or Disk(), reports_dir / ANOMALIES
    disk.make_directory(reports_dir)
    lines = []
    for note in fold.notes:
        by, said = inline_text(note.said.by), inline_text(note.said.text)
        lines.append(f"| {utc_ns_text(note.utc_ns)[:19]} | {by} | {said} |")
    days = {line[2 : 2 + _DAY_CHARS] for line in lines}
    kept = path.read_text("utf-8").splitlines()[len(ANOMALIES_HEAD) :] if path.is_file() else []
    lines += [line for line in kept if line[2 : 2 + _DAY_CHARS] not in days]
    disk.replace(path, "\n".join([*ANOMALIES_HEAD, *sorted(lines), ""]).encode(), durable=False)
    return path


def write_series(
    fold: Fold, reports_dir: Path, series: str, day: str, target_ns: int | None = None, *, disk: Disk | None = None
) -> Written:
    """Write one series' pages of a day from a fold that is at hand; of its windows, that of `target_ns` or all.

    Raises OSError.
    """
    disk = disk or Disk()
    folder = reports_dir / series
    disk.make_directory(folder / day)
    pages, texts = [], []
    for window in fold.of_day(series, day):
        if target_ns is None or window.target_ns == target_ns:
            text, page = _write_pair(disk, folder / day / _window_name(window), window_report(fold, window))
            texts.append(text)
            pages.append(page)
    day_text, day_page = _write_pair(disk, folder / day, day_report(fold, series, day))
    ledger = folder / f"{day}.ledger.csv"
    disk.replace(ledger, ledger_csv(ledger_rows(fold, series, day)).encode(), durable=False)
    return Written(day_text, day_page, ledger, tuple(texts), tuple(pages))


def _write_pair(disk: Disk, stem: Path, blocks: Sequence[Block]) -> tuple[Path, Path]:
    text, page = stem.with_name(f"{stem.name}.md"), stem.with_name(f"{stem.name}.html")
    disk.replace(text, markdown(blocks).encode(), durable=False)
    disk.replace(page, html(blocks).encode(), durable=False)
    return text, page


def _window_name(window: WindowFold) -> str:
    """Label and target, for a short template gives many windows of a day the same label."""
    label = re.sub(r"[^A-Za-z0-9_-]+", "-", window.label or "window")
    at = utc_ns_text(window.target_ns)[11:19].replace(":", "")
    return f"{label}_{at}Z"
