"""What all alerts have in common: how grave they are, and what makes two of them the same."""

from __future__ import annotations

import enum
import re
from typing import ClassVar

import msgspec


class Severity(enum.StrEnum):
    """How grave an alert is, the least first."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


def in_words(class_name: str) -> str:
    """`FeedDownAlert` is `feed_down_alert`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", class_name).lower()


class Alert(msgspec.Struct, frozen=True, tag=in_words, tag_field="kind"):
    """Tell people. The class name without `Alert`, in lower case with underscores, names it and its runbook's section.

    `ABOUT` names the fields that make two alerts of one type the same, so that the second is not said again soon; a
    type without any is about one thing only.
    """

    ABOUT: ClassVar[tuple[str, ...]] = ()

    severity: Severity


def kind_of(alert: type[Alert]) -> str:
    """The name of a type of alert, as people know it."""
    return in_words(alert.__name__.removesuffix("Alert"))
