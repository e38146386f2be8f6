"""The rule over committed text of every kind: no path of somebody's machine, no registry's host name.

The project must install from wherever a machine's own package client looks, and must read the same on every machine.
The patterns are put together from pieces so that this file passes its own rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.tidy.source import Breach

_HOSTS = (
    r"py" + r"pi\.org",
    r"python" + r"hosted\.org",
    r"registry\.npm" + r"js",
    r"deb\.deb" + r"ian",
    r"deb" + r"ian\.org",
    r"index" + r"-url",
    r"find" + r"-links",
)
_PATHS = (
    r"(?:^|[^\w.])/(?:wo" + r"rk|fa" + r"rm)/",
    r"/home/[a-z]",
    r"(?:^|[^\w.])/ro" + r"ot/\.?\w",
    r"\.pye" + r"nv/",
)
_OUTSIDE = re.compile("|".join((*_HOSTS, *_PATHS)))


def names_no_machine(text: str) -> Iterator[Breach]:
    """Lines that name a registry's host, an option that would hold one, or a path of one machine."""
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _OUTSIDE.search(line):
            yield Breach(number, f"names {match[0].strip()}")
