"""The metrics of this process, made once the library behind them is there: the launch imports it on the side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ops.metrics.fold import MetricsFold
    from ops.metrics.registry import Metrics


def metering(series: Iterable[str]) -> tuple[Metrics, MetricsFold]:
    """A registry of the process's own, and what folds its steps into it."""
    from ops.metrics.fold import MetricsFold  # noqa: PLC0415 - late: no start has to wait for the library
    from ops.metrics.registry import Metrics  # noqa: PLC0415 - the same

    metrics = Metrics()
    return metrics, MetricsFold(metrics, tuple(series))
