"""Two daemons on one account: over one state directory the second does not start, over two each names the other."""

from __future__ import annotations

import signal
from pathlib import Path

from journal.reader_io import read_steps
from ops.alerts.raised import Raised
from sim.local.child import Child
from tests.heard import heard
from tests.live.stage import Stage, assert_flat_and_maker, assert_journal, playing, until

ANOTHER = "another process trades this account"
FEEDS_FOR_TWO = ("--quota", "4")


def alerts(state_dir: Path, kind: str) -> list[Raised]:
    return [alert for step in read_steps(state_dir) for alert in heard(step.actions, kind)]


def start_second(stage: Stage) -> tuple[Child, Path]:
    """Another daemon with the same key, over a state directory of its own."""
    home = stage.state_dir / "second"
    home.mkdir()
    config = home / "second.toml"
    told = stage.config.read_text(encoding="utf-8").replace(f'state_dir = "{stage.state_dir}"', f'state_dir = "{home}"')
    config.write_text(told, encoding="utf-8")
    return stage.programs.start("second", ("-m", "daemon", "run", "--config", str(config)), home), home


def stands_still(state_dir: Path) -> bool:
    """Whether that daemon has named the other and has paused by itself, for that or for the groups the other ended."""
    named = [str(alert.payload["what"]) for alert in alerts(state_dir, "another_trader")]
    causes = [str(alert.payload["cause"]) for alert in alerts(state_dir, "paused")]
    return any(what.startswith(ANOTHER) for what in named) and any(cause.startswith("by itself: ") for cause in causes)


def test_two_daemons_of_one_account_name_each_other_and_neither_rests_an_order(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, period_s=60, strict_s=10, feed_options=FEEDS_FOR_TWO)) as stage:
        stage.until_quoting(least=2)
        # Over the same state directory there is no second.
        refused = stage.ladderd("run", "--config", str(stage.config))
        assert refused.returncode != 0
        assert "another process is already writing this journal" in refused.stderr
        assert len(refused.stderr.strip().splitlines()) == 1
        stage.until_quoting(least=2)
        # Over another one it is known by its boot epoch, in the names of its orders, and by its order groups.
        second, home = start_second(stage)
        until("the second's journal", lambda: (home / "journal").exists() and second.alive, 20)
        until("both have named the other", lambda: stands_still(tmp_path) and stands_still(home), 45, 0.5)
        for folder in (tmp_path, home):
            told = alerts(folder, "another_trader")
            assert [alert.severity for alert in told] == ["critical"], "once a minute at most"
            assert str(told[0].payload["what"]).startswith(ANOTHER)
        until("flat", lambda: not stage.truth()["resting"], 3)
        assert stage.picture()["paused"]
        assert stage.stop(signal.SIGTERM, "second") == 0
        assert stage.stop(signal.SIGTERM) == 0
        assert_flat_and_maker(stage.truth())
        assert_journal(stage)
