"""Debian's programs that some tests start: there, or the test says what to install (and fails under CI)."""

from __future__ import annotations

import os
import shutil

import pytest

PACKAGES = {
    "systemd-analyze": "systemd",
    "promtool": "prometheus",
    "chromium": "chromium",
    "amtool": "prometheus-alertmanager",
}


def need(program: str) -> str:
    """Path of a program. Where it is missing: skip on a desk, fail in CI, where .ci/run should have installed it."""
    path = shutil.which(program)
    if path is None:
        told = f"{program} is missing; apt-get install {PACKAGES.get(program, program)}"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    return path
