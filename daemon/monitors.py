"""The names under which the daemon leaves small files for other processes, in its state directory."""

from __future__ import annotations

MONITORS = "monitors"
ENDED = "ended.json"
HTTP = "http.json"
