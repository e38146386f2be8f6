"""Whether what a daemon shows of itself can be believed: judged from looks at its pages, as Prometheus would take them.

One look is both renderings of `/metrics`, each parsed by the library's own parser, and `/ops/status`. A page that
stands still, belongs to something else, lacks a name, or contradicts itself or the other page is a finding. A counter
that did not rise is one too, with what the daemon says of the traffic: nothing seen proves nothing. Pure: answers in,
findings out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from prometheus_client import parser as text_parser
from prometheus_client.core import Metric as Family
from prometheus_client.openmetrics import parser as open_parser

from domain.clock import NS_PER_S
from domain.door import PAGE_BYTES_MAX, Door
from domain.metrics import REQUIRED, RISING, Metric, MetricKind
from domain.stamps import parse_rfc3339
from ops.ops_status import HEARTBEAT_TTL_S, Identity

STATUS_AGE_LIMIT_S: Final = 5.0
HTTP_OK: Final = 200
_document: Final = Door(dict[str, Any], PAGE_BYTES_MAX)
OPEN_METRICS: Final = "OpenMetrics"
TEXT: Final = "text"
SUFFIX: Final = {MetricKind.COUNTER: "_total", MetricKind.GAUGE: "", MetricKind.HISTOGRAM: "_count"}


class Got(msgspec.Struct, frozen=True):
    """One answer: HTTP status and body. Status 0: none came, and the body says why."""

    status: int
    text: str


class Scrape(msgspec.Struct, frozen=True):
    """What was fetched at one instant (Unix nanoseconds)."""

    utc_ns: int
    openmetrics: Got
    text: Got
    status: Got


class Exposition(msgspec.Struct, frozen=True):
    """One parsed page of metrics: each family's kind, and each sample by name, added up over its labels."""

    kinds: Mapping[str, str]
    samples: Mapping[str, float]
    labels: Mapping[str, Mapping[str, str]]


class Observed(msgspec.Struct, frozen=True):
    """One thing looked at: whether it holds, and what was seen."""

    ok: bool
    what: str
    detail: str


def sample_of(metric: Metric) -> str:
    """The sample that tells of a metric: what it counted, or where it stands."""
    return metric.value.name + SUFFIX[metric.value.kind]


def parse(text: str, form: str) -> Exposition:
    """A page by the library's parser of that format. Raises ValueError for what is not one."""
    parsed: Iterable[Family]
    if form == OPEN_METRICS:
        parsed = open_parser.text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    else:
        parsed = text_parser.text_string_to_metric_families(text)
    kinds: dict[str, str] = {}
    samples: dict[str, float] = {}
    labels: dict[str, Mapping[str, str]] = {}
    try:
        for family in parsed:
            kinds[family.name] = family.type
            for sample in family.samples:
                samples[sample.name] = samples.get(sample.name, 0.0) + sample.value
                labels[sample.name] = sample.labels
    except (KeyError, IndexError, AttributeError) as problem:  # the parser trips over some garbage instead of refusing
        raise ValueError(f"the parser broke on it: {problem!r}") from problem
    return Exposition(kinds, samples, labels)


class Watch:
    """Gathers looks at one daemon. `pid`: the process that is meant to answer, if that is known."""

    def __init__(self, pid: int | None = None) -> None:
        self._pid = pid
        self._pages: list[Exposition] = []
        self._stamps: list[int] = []
        self._faults: dict[str, str] = {}
        self._looks = 0

    def take(self, look: Scrape) -> None:
        """One look; what is wrong with it is kept, once for each thing that is."""
        self._looks += 1
        pages = {form: self._page(form, got) for form, got in ((OPEN_METRICS, look.openmetrics), (TEXT, look.text))}
        for form, page in pages.items():
            if page is not None:
                self._names(form, page)
        main = pages[OPEN_METRICS]
        told = self._status(look)
        if main is not None:
            self._sane(main)
            if self._pages:
                self._falls(self._pages[-1], main)
            if told is not None:
                self._same_daemon(told, main)
            self._pages.append(main)

    @property
    def broken(self) -> bool:
        """Whether something is wrong that no further look can mend."""
        return bool(self._faults)

    @property
    def risen(self) -> bool:
        """Whether everything that traffic moves was seen to move."""
        return not self._still() and self._moved_ns() > 0

    def findings(self) -> tuple[Observed, ...]:
        """The verdict on each thing, after the last look."""
        found = [Observed(ok=False, what=what, detail=detail) for what, detail in self._faults.items()]
        asked = ("OpenMetrics page", "text page", "/ops/status")
        found += [Observed(ok=True, what=w, detail=f"{self._looks} looks") for w in asked if w not in self._faults]
        for metric in RISING:
            name = sample_of(metric)
            seen = [page.samples[name] for page in self._pages if name in page.samples]
            rose = len(seen) > 1 and seen[-1] > seen[0]
            detail = f"{seen[0]:g} -> {seen[-1]:g}" if seen else "never seen"
            found.append(Observed(rose, f"{name} rises", detail if rose else f"{detail}: {self._traffic()}"))
        moved = f"{self._moved_ns() / NS_PER_S:.1f} s on" if self._stamps else "no stamp was seen"
        found.append(Observed(self._moved_ns() > 0, "/ops/status moves", moved))
        return tuple(found)

    # --- one look --------------------------------------------------------------------------------------------------

    def _fault(self, what: str, detail: str) -> None:
        self._faults.setdefault(what, detail)

    def _page(self, form: str, got: Got) -> Exposition | None:
        what = f"{form} page"
        try:
            return parse(_text_of(got), form)
        except ValueError as problem:
            self._fault(what, f"no {form}: {problem}")
            return None

    def _names(self, form: str, page: Exposition) -> None:
        for metric in REQUIRED:
            named = metric.value
            name = sample_of(metric)
            if name not in page.samples:
                self._fault(f"{name} ({form})", "is not on the page")
            elif page.kinds.get(named.name) != named.kind:
                self._fault(f"{name} ({form})", f"is a {page.kinds.get(named.name)}, not a {named.kind}")

    def _status(self, look: Scrape) -> dict[str, Any] | None:
        what, got = "/ops/status", look.status
        try:
            told = _document.read(_text_of(got))
            name, pid = told["service_name"], told["pid"]
            stamp_ns = parse_rfc3339(told["status"]["last_updated_utc"])
        except (ValueError, KeyError, TypeError) as problem:
            self._fault(what, f"not the daemon's document: {problem}")
            return None
        if name != Identity().service_name:
            self._fault(what, f"it is the document of {name!r}")
        if self._pid is None:
            self._pid = pid
        if pid != self._pid:
            self._fault(what, f"process {pid} answers, not {self._pid}")
        age_s = (look.utc_ns - stamp_ns) / NS_PER_S
        if abs(age_s) > STATUS_AGE_LIMIT_S:
            self._fault(what, f"it is {age_s:.1f} s old")
        self._stamps.append(stamp_ns)
        found: dict[str, Any] = told
        return found

    def _same_daemon(self, told: dict[str, Any], page: Exposition) -> None:
        labels = page.labels.get(Metric.BUILD.value.name, {})
        for key in ("build_id", "config_hash"):
            if told.get(key) != labels.get(key):
                self._fault("both pages are one daemon's", f"{key} {told.get(key)!r} beside {labels.get(key)!r}")

    def _sane(self, page: Exposition) -> None:
        age_s = page.samples.get(sample_of(Metric.HEARTBEAT_AGE), math.nan)
        if not 0 <= age_s <= HEARTBEAT_TTL_S:
            self._fault(f"{sample_of(Metric.HEARTBEAT_AGE)} is young", f"{age_s:g} s, limit {HEARTBEAT_TTL_S} s")
        # Rendering gives way to the engine between two families, so the later one may have counted some steps more: but
        # not more than the earlier one shows on the next page.
        fewer, more = _steps(page)
        most = _steps(self._pages[-1])[1] if self._pages else 0.0
        if not most <= fewer <= more:
            self._fault(f"{sample_of(Metric.TICK_DURATION)} is the steps made", f"{fewer:g} after {most:g} steps")

    def _falls(self, before: Exposition, page: Exposition) -> None:
        for metric in REQUIRED:
            name = sample_of(metric)
            had, has = before.samples.get(name, 0.0), page.samples.get(name, 0.0)
            if metric.value.kind is not MetricKind.GAUGE and has < had:
                self._fault(f"{name} never falls", f"{had:g} -> {has:g}: another process, or no counter")

    # --- over time -------------------------------------------------------------------------------------------------

    def _still(self) -> list[str]:
        names = [sample_of(metric) for metric in RISING]
        if len(self._pages) < 2:  # noqa: PLR2004 - a rise has two ends
            return names
        first, last = self._pages[0].samples, self._pages[-1].samples
        return [name for name in names if not last.get(name, 0.0) > first.get(name, math.inf)]

    def _moved_ns(self) -> int:
        return self._stamps[-1] - self._stamps[0] if self._stamps else 0

    def _traffic(self) -> str:
        """What the pages say of the traffic meanwhile."""
        name = Metric.GATE_OPEN.value.name
        if not any(page.samples.get(name, 0.0) > 0 for page in self._pages):
            return "did not rise; no series' gate was open, so this proves nothing: look again inside a window"
        return "did not rise"


def _steps(page: Exposition) -> tuple[float, float]:
    """The fewest and the most steps that a page tells of; not a number where it tells of none."""
    told = [page.samples.get(sample_of(one), math.nan) for one in (Metric.STEP, Metric.TICK_DURATION)]
    return min(told), max(told)


def _text_of(got: Got) -> str:
    if got.status == HTTP_OK:
        return got.text
    raise ValueError(f"HTTP {got.status}" if got.status else got.text)


def all_hold(findings: Sequence[Observed]) -> bool:
    """Whether there is something that was looked at, and all of it holds."""
    return bool(findings) and all(finding.ok for finding in findings)
