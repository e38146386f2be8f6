"""Tables of findings are kept in dated files, each named by its time."""

from __future__ import annotations

from pathlib import Path

from daemon.preflight.kept_io import file_stamp, folder_of, keep
from domain.clock import NS_PER_S
from domain.findings.finding import PASS, Finding, Findings, read_findings

NOW_NS = 1_796_000_000 * NS_PER_S
TABLE = Findings("preflight", True, 0, "paper", "here", "c", "b", "now", (Finding("a", PASS, "well"),))


def test_a_table_is_kept_under_its_time_and_names_its_own_file(tmp_path: Path) -> None:
    kept, document = keep(tmp_path, TABLE, NOW_NS)
    path = Path(kept.path)
    assert path.parent == folder_of(tmp_path, "preflight")
    assert path.stem == file_stamp(NOW_NS)
    assert path.read_bytes() == document
    assert read_findings(document) == kept
