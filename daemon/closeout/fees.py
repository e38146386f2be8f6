"""What taking costs, by the fee file, and whether the exchange agrees: what only close-all has to know."""

from __future__ import annotations

from domain.events import FeesRead
from domain.money import Cash, Count, Price
from pricing.fees import TAKER_BASE_PPM, FeeFile, agreement, order_fee


class FileFees:
    """The fee file as a taker reads it; None where it cannot be read, and then nothing may be taken."""

    def __init__(self, file: FeeFile | None) -> None:
        self._file = file

    def problem(self, told: FeesRead) -> str:
        """Why a taker's fee is not known; nothing when it is. A change that is only planned is none yet."""
        agreed = agreement(self._file, told.series, told.fee_type, told.multiplier_ppm)
        return "" if agreed.may_take else agreed.problem or agreed.warning

    def fee(self, series: str, price: Price, count: Count) -> Cash:
        """Of one order that fills whole at this price."""
        terms = None if self._file is None else self._file.of(series)
        return order_fee(TAKER_BASE_PPM if terms is None else terms.taker_ppm, price, count)
