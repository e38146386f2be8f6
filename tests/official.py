"""The vendor's own client, installed unmodified in a folder of its own, and how to run a program with it.

`python -m tests.official` makes the folder (for a set-up); tests make it themselves when it is missing.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements-conformance-massive.txt"
FOLDER = ROOT / ".test-env" / "massive"
STAMP = FOLDER / "stamp"
INSTALL_WITHIN_S = 300


def massive_folder() -> Path:
    """Return the folder with the client, installing it when the lock has changed since. Raises RuntimeError."""
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return FOLDER
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "--no-input", "install", "--upgrade"]
    command = [*pip, "--no-deps", "--require-hashes", "--only-binary=:all:", "--target", str(FOLDER), "-r", str(LOCK)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_WITHIN_S, check=False)
    if done.returncode:
        raise RuntimeError(f"pip could not install {LOCK.name}: {done.stderr.strip()[-500:]}")
    STAMP.write_text(wanted)
    return FOLDER


def environment() -> dict[str, str]:
    """The environment for a program that imports the client: no proxies, our own code not in its way."""
    kept = {name: text for name, text in os.environ.items() if not name.lower().endswith("_proxy")}
    return kept | {"PYTHONPATH": str(massive_folder()), "PYTHONDONTWRITEBYTECODE": "1"}


if __name__ == "__main__":
    massive_folder()
