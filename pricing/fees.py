"""What a fill costs: the fee file, the formula, and whether the exchange agrees with both.

Formula (exchange's fee schedule; docs/contracts.md, Money and prices): coefficient * C * P * (1 - P) dollars for an
order of C contracts at P dollars, rounded up to a whole cent per order. Coefficients are kept in millionths, so all of
it is integer arithmetic. The exchange publishes a type and a multiplier instead of coefficients (docs/exchange.md 10):
`quadratic` means maker 0 and taker 0.07 * multiplier. Any other type may charge a maker, so it blocks quoting; another
taker multiplier only warns, and blocks `close-all`, the one command that takes.

This models what an order will cost. What it did cost is the exchange's own `fee_cost`.
"""

from __future__ import annotations

from typing import Final

import msgspec

from domain.door import DOCUMENT_BYTES_MAX, Door, Refused
from domain.errors import ConfigurationError
from domain.money import CASH_PER_CENT, PRICE_PER_DOLLAR, Cash, Count, MoneyError, Price, parse_fixed, print_fixed

FEE_DECIMALS: Final = 6
MAKER_FREE_TYPE: Final = "quadratic"
TAKER_BASE_PPM: Final = 70_000
PPM: Final = 1_000_000

# coefficient (1e-6) * count (1e-2) * price (1e-4) * complement (1e-4) = 1e-16 dollar
_UNITS_PER_CENT: Final = 10**14


class FeePath(msgspec.Struct, frozen=True):
    """Which file the maker's fee came from, and what it says; None where no file tells of the series."""

    maker: str | None = None
    maker_coefficient: str | None = None
    taker_coefficient: str | None = None
    effective: str | None = None


class FeeTerms(msgspec.Struct, frozen=True):
    """One series in the fee file; coefficients in millionths."""

    series: str
    exchange_series: str
    maker_ppm: int
    taker_ppm: int


class FeeFile(msgspec.Struct, frozen=True):
    """The fee file as read, and where it was read from (`fee_path`)."""

    path: str
    effective: str
    terms: dict[str, FeeTerms]

    def of(self, series: str) -> FeeTerms | None:
        """The terms of a series, or None when the file does not have it: no quotes then."""
        return self.terms.get(series)


class FeeAgreement(msgspec.Struct, frozen=True):
    """Whether file and exchange agree. `problem` blocks quoting; `warning` blocks only the command that takes."""

    problem: str = ""
    warning: str = ""

    @property
    def may_quote(self) -> bool:
        """Whether a maker's fill is known to cost nothing."""
        return not self.problem

    @property
    def may_take(self) -> bool:
        """Whether a taker's fee is known too."""
        return not self.problem and not self.warning


class _SeriesRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    exchange_series: str
    maker: str
    taker: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    effective: str
    source: str
    series: dict[str, _SeriesRow]


_read: Final = Door(_File, DOCUMENT_BYTES_MAX).read


def parse_fees(text: str | bytes, path: str) -> FeeFile:
    """Read the fee file's text. Raises ConfigurationError naming the file and what is wrong in it."""
    try:
        file = _read(text)
    except Refused as error:
        raise ConfigurationError(f"{path}: not a fee file: {error}; nothing is quoted until it is") from error
    if file.version != 1:
        raise ConfigurationError(f"{path}: fee file version {file.version} is not known (expected 1)")
    terms: dict[str, FeeTerms] = {}
    for name, row in file.series.items():
        maker_ppm = _coefficient(path, f"{name}.maker", row.maker)
        taker_ppm = _coefficient(path, f"{name}.taker", row.taker)
        terms[name] = FeeTerms(name, row.exchange_series, maker_ppm, taker_ppm)
    return FeeFile(path=path, effective=file.effective, terms=terms)


def _coefficient(path: str, where: str, text: str) -> int:
    try:
        ppm = parse_fixed(text, FEE_DECIMALS)
    except MoneyError as error:
        raise ConfigurationError(f"{path}: {where}: {error}; write it like 0.035") from error
    if not 0 <= ppm <= PPM:
        raise ConfigurationError(f"{path}: {where}: {text} is outside 0 to 1")
    return ppm


def order_fee(coefficient_ppm: int, price: Price, count: Count) -> Cash:
    """Fee of one order filled whole at one price, cents rounded up. `count` in 1/100 contract."""
    assert 0 <= price <= PRICE_PER_DOLLAR, f"price {price} outside 0 to 1 dollar"
    assert count >= 0, f"count {count} below zero"
    units = coefficient_ppm * count * price * (PRICE_PER_DOLLAR - price)
    return Cash(-(-units // _UNITS_PER_CENT) * CASH_PER_CENT)


def agreement(fees: FeeFile | None, series: str, fee_type: str, multiplier_ppm: int) -> FeeAgreement:
    """Compare the fee file with the terms that the exchange has in force for a series. Unknown disagrees."""
    if fees is None:
        return FeeAgreement(problem="fee file: unreadable; correct configs/fees.json and restart")
    terms = fees.of(series)
    if terms is None:
        return FeeAgreement(problem=f"{fees.path}: has no series {series}; add it")
    if not fee_type:
        return FeeAgreement(problem=f"{series}: the exchange's fee type is not known yet")
    if fee_type != MAKER_FREE_TYPE:
        return FeeAgreement(
            problem=f"{series}: the exchange charges by {fee_type!r}, not {MAKER_FREE_TYPE!r}: a maker may pay"
        )
    if terms.maker_ppm != 0:
        return FeeAgreement(
            problem=f"{fees.path}: {series}.maker is {print_fixed(terms.maker_ppm, FEE_DECIMALS)}, but the exchange's"
            f" {MAKER_FREE_TYPE!r} charges a maker nothing"
        )
    charged_ppm = TAKER_BASE_PPM * multiplier_ppm // PPM
    if charged_ppm != terms.taker_ppm:
        return FeeAgreement(
            warning=f"{fees.path}: {series}.taker is {print_fixed(terms.taker_ppm, FEE_DECIMALS)}, the exchange"
            f" charges {print_fixed(charged_ppm, FEE_DECIMALS)}; close-all is refused until they agree"
        )
    return FeeAgreement()


def fee_path(fees: FeeFile | None, series: str) -> FeePath:
    """The `fee_path` of reports: which file the maker's fee came from, and what it says."""
    terms = fees.of(series) if fees else None
    if fees is None or terms is None:
        return FeePath()
    return FeePath(
        maker=fees.path,
        maker_coefficient=print_fixed(terms.maker_ppm, FEE_DECIMALS),
        taker_coefficient=print_fixed(terms.taker_ppm, FEE_DECIMALS),
        effective=fees.effective,
    )
