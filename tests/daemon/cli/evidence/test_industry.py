from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from daemon.cli.commands import app


@pytest.mark.step("X11")
def test_the_pack_in_three_forms() -> None:
    told = CliRunner().invoke(app, ["evidence", "--json"])
    found = json.loads(told.stdout)
    assert told.exit_code == (1 if found["not_shown"] else 0)
    assert len(found["controls"]) == 71
    page = CliRunner().invoke(app, ["evidence", "--md"]).stdout
    assert page.startswith("# Evidence")
    assert "| C71 |" in page
    lines = CliRunner().invoke(app, ["evidence"]).stdout.splitlines()
    assert lines[-1].startswith("71 controls: ")
    assert len(lines) == 72
