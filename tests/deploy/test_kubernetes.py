"""The cluster's switch: where the manifest mounts it, the daemon reads it, and what cannot be read halts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from daemon.client.watched_files_io import HALTED_FILE_VARIABLE, HALTED_VARIABLE, execution_halted

MANIFEST = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes" / "ladderd.json"


def objects() -> dict[str, dict[str, Any]]:
    return {one["kind"]: one for one in json.loads(MANIFEST.read_text("utf-8"))["items"]}


@pytest.mark.step("A09")
def test_the_mounted_switch_is_the_file_that_the_daemon_looks_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = objects()
    pod = made["StatefulSet"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    variables = {row["name"]: row["value"] for row in container["env"]}
    switch = next(volume for volume in pod["volumes"] if "configMap" in volume)
    mount = next(row for row in container["volumeMounts"] if row["name"] == switch["name"])
    assert switch["configMap"]["name"] == made["ConfigMap"]["metadata"]["name"]
    folder, _, key = variables[HALTED_FILE_VARIABLE].rpartition("/")
    assert folder == mount["mountPath"]
    data = made["ConfigMap"]["data"]
    assert set(data) == {key}
    # As a cluster mounts it: the keys are files of the folder.
    monkeypatch.delenv(HALTED_VARIABLE, raising=False)
    monkeypatch.setenv(HALTED_FILE_VARIABLE, str(tmp_path / key))
    assert execution_halted(live=True).active, "not mounted yet"
    (tmp_path / key).write_text(data[key], "utf-8")
    assert execution_halted(live=True).active, "applied as it stands, it halts"
    for text, halted in (("0", False), ("1", True), ("", True), ("0", False), ("yes please", True)):
        (tmp_path / key).write_text(text, "utf-8")
        assert execution_halted(live=True).active is halted, text
    (tmp_path / key).unlink()
    assert execution_halted(live=True).active, "taken away"


def test_one_pod_that_flattens_before_it_ends() -> None:
    spec = objects()["StatefulSet"]["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert spec["replicas"] == 1
    assert container["lifecycle"]["preStop"]["exec"]["command"][:2] == ["ladderd", "cancel-all"]
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] >= 45
