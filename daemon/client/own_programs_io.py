"""How the daemon starts programs of its own beside it: by the same interpreter, with the same modules in reach."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

ROOT: Final = str(Path(__file__).resolve().parents[2])


def own_environment() -> dict[str, str]:
    """This process's environment, with the places that its own modules come from, however it was told of them."""
    places = [ROOT, *(place for place in sys.path if place and place != ROOT)]
    return os.environ | {"PYTHONPATH": os.pathsep.join(places)}
