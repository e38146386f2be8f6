"""The least that a copy with a control unplugged must still do, so that a drill's failure there is the control's."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.live.stage import Stage, playing


def test_a_window_is_quoted_and_the_daemon_ends_in_order(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, first_open_s=2)) as stage:
        assert stage.until_quoting(), "quotes"
        assert stage.page("/health")[0] == 200
        assert stage.stop(signal.SIGTERM) == 0, "ends in order"
