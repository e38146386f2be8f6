"""What an operator types in a hurry: wrong directory, no key, another encoding; nothing is lost quietly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.stage import Stage, playing, until


def typed(stage: Stage, *words: str | bytes, without: tuple[str, ...] = (), **more: str) -> tuple[int, str]:
    """A command in a directory of its own: exit code, and all that it said."""
    environment = {name: value for name, value in stage.environment.items() if name not in without} | more
    (stage.state_dir / "desk").mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "daemon", *words], cwd=stage.state_dir / "desk", env=environment, capture_output=True,
        check=False, timeout=60,
    )  # fmt: skip
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")


@pytest.mark.step("K12")
def test_the_wrong_directory_no_key_and_odd_letters(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, period_s=60, first_open_s=2)) as stage:
        stage.until_quoting()
        config = ("--config", str(stage.config))
        # In a terminal of another encoding, found by the configuration alone; the answer says where it was done.
        who = (b"--by", b"M\xfcller", b"--cause", b"caf\xe9")
        code, said = typed(stage, "note", b"\xa1ol\xe9!", b"--by", b"M\xfcller", *config, LC_ALL="C", PYTHONUTF8="0")
        assert code == 0, said
        assert f"state directory {tmp_path}" in said
        assert {"text": "\u00a1ol\u00e9!", "by": "M\u00fcller"} in stage.records("note")
        # The wrong directory is named as such; nothing is pretended, and the account is not left fighting unseen.
        wrong = ("--state-dir", str(tmp_path / "desk"))
        code, said = typed(stage, "kill", "--reason", "drill", *wrong, without=("LADDERD_EXCHANGE__API_KEY_ID",))
        assert code == 1, said
        assert "no daemon lives in" in said
        assert "obeys it" not in said
        code, said = typed(stage, "pause", *who, *wrong)
        assert (code, "no daemon lives in" in said) == (69, True), said
        code, said = typed(stage, "cancel-all", *wrong, *config, without=("LADDERD_EXCHANGE__API_KEY_ID",))
        assert (code, "no daemon lives in" in said) == (69, True), said
        assert "systemctl start ladderd-cancel-all" in said
        assert stage.truth()["resting"], "the live daemon was not meant"
        # Without a key the live daemon is asked, and its word waited for.
        code, said = typed(stage, "cancel-all", *config, without=("LADDERD_EXCHANGE__API_KEY_ID",))
        assert code == 0, said
        assert "the daemon has seen the account flat" in said
        assert not stage.truth()["resting"]
        until("paused by it", lambda: stage.picture().get("paused"))
        assert stage.stop() == 0
        code, said = typed(stage, "kill", "--reason", "drill", *config, without=("LADDERD_EXCHANGE__API_KEY_ID",))
        assert (code, "no daemon lives in" in said) == (1, True), said
        assert (tmp_path / "KILL_SWITCH").exists()
