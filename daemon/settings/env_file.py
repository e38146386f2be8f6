r"""The grammar of `.env.local`: `NAME=VALUE` lines, and nothing that is not understood is passed over. Pure.

A value is bare (up to ` #`), in single quotes (as it stands) or in double quotes (with \n, \t, \", \\ and \$);
quoted ones may run over several lines, so that a PEM fits. Nothing is substituted. A message never repeats a line,
for the line may be the secret.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from domain.errors import ConfigurationError

PREFIX: Final = "LADDERD_"
NAME: Final = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*")
OURS: Final = re.compile(r"[ \t]*(?:export[ \t]+)?(LADDERD_[A-Za-z0-9_]*)")
AFTER_QUOTE: Final = re.compile(r"[ \t]*(?:#[^\n]*)?(?=\n|$)")
BARE_END: Final = re.compile(r"[ \t]+#")
ESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "$": "$", "'": "'"}
# Named in a message; any other name may be a piece of a key that was broken over lines.
FROM_THE_ENVIRONMENT: Final = frozenset({"EXECUTION_HALTED", "EXECUTION_HALTED_FILE", "CREDENTIALS_DIRECTORY"})


class Assignment(NamedTuple):
    """One setting of the file: its value, and the line on which it begins."""

    value: str
    line: int


def parse_env(text: str, where: str) -> dict[str, Assignment]:
    """Every setting by its name in capitals. Raises ConfigurationError with file and line for what does not parse."""
    text = text.replace("\r\n", "\n")
    found: dict[str, Assignment] = {}
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        line = text.count("\n", 0, at) + 1
        bare = text[at:end].strip()
        if not bare or bare.startswith("#"):
            at = end + 1
            continue
        place = f"{where}:{line}"
        name, begin = _name(text, at, place)
        if name in found:
            raise ConfigurationError(f"{place}: {name} is set again, first on line {found[name].line}; keep one")
        value, at = _value(text, begin, f"{place}: {name}")
        found[name] = Assignment(value, line)
        at += 1
    return found


def _name(text: str, at: int, place: str) -> tuple[str, int]:
    """The name that is set on this line, and where its value begins."""
    head = NAME.match(text, at)
    if head is None:
        ours = OURS.match(text, at)
        told = f"{ours[1]} is not followed by =" if ours else "not understood"
        raise ConfigurationError(f"{place}: {told}; write NAME=VALUE, or # before a comment")
    name = head[1].upper()
    if not name.startswith(PREFIX):
        told = f"{name} is read from the environment alone" if name in FROM_THE_ENVIRONMENT else "not one of LADDERD_*"
        raise ConfigurationError(f"{place}: {told}; only settings of ladderd stand in this file")
    return name, head.end()


def _value(text: str, begin: int, place: str) -> tuple[str, int]:
    """The value, and the place of the line's end."""
    quote = text[begin : begin + 1]
    if quote not in {"'", '"'} or not quote:
        end = text.find("\n", begin)
        end = len(text) if end < 0 else end
        bare = f" {text[begin:end]}"
        comment = BARE_END.search(bare)
        return (bare[: comment.start()] if comment else bare).strip(), end
    value, at = [], begin + 1
    while at < len(text) and text[at] != quote:
        if quote == '"' and text[at] == "\\":
            at += 1
            if text[at : at + 1] not in ESCAPED:
                raise ConfigurationError(f"{place}: a backslash before what is no escape; write two of them")
            value.append(ESCAPED[text[at]])
        else:
            value.append(text[at])
        at += 1
    if at >= len(text):
        raise ConfigurationError(f"{place}: the quote is never closed; close it")
    rest = AFTER_QUOTE.match(text, at + 1)
    if rest is None:
        raise ConfigurationError(f"{place}: something follows the closing quote; delete it")
    return "".join(value), rest.end()
