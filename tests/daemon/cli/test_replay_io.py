from __future__ import annotations

from pathlib import Path

import pytest

from daemon.cli.replay_io import kept_config, replay_state
from daemon.settings.files_io import keep_config
from daemon.settings.tree import config_hash
from domain.errors import ConfigurationError
from tests.daemon.kept import a_short_story, keep, settings_in


@pytest.mark.step("X05")
def test_the_journal_of_a_run_replays_byte_for_byte(tmp_path: Path) -> None:
    stand, _ = a_short_story(tmp_path)
    keep(stand, tmp_path)
    verdict, text = replay_state(tmp_path)
    assert verdict.ok
    assert verdict.steps == len(stand.story)
    assert "byte for byte" in text


@pytest.mark.step("X05")
def test_another_action_than_was_taken_is_found_at_its_step(tmp_path: Path) -> None:
    stand, _ = a_short_story(tmp_path)
    step = next(n for n, s in enumerate(stand.story) if s.actions and n > 50)
    stand.story[step] = stand.story[step]._replace(actions=[])
    keep(stand, tmp_path)
    verdict, text = replay_state(tmp_path)
    assert not verdict.ok
    assert verdict.first_divergence is not None
    assert verdict.first_divergence.seq == step + 1
    assert "differs" in text


def test_without_a_run_there_is_nothing_to_show(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no journal there"):
        replay_state(tmp_path)
    (tmp_path / "journal").mkdir()
    verdict, text = replay_state(tmp_path)
    assert not verdict.ok
    assert "no run" in text


def test_a_missing_configuration_is_named(tmp_path: Path) -> None:
    stand, _ = a_short_story(tmp_path)
    keep(stand, tmp_path)
    for path in (tmp_path / "config").iterdir():
        path.unlink()
    with pytest.raises(ConfigurationError, match="configuration of that run is missing"):
        replay_state(tmp_path)


def test_the_kept_configuration_is_the_one_that_ran(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    digest = config_hash(settings)
    keep_config(settings, digest)
    again, reference = kept_config(tmp_path, digest)
    assert config_hash(again) == digest
    assert reference.fees == settings.fees_file.read_bytes()
