"""Amounts of money: whole minor units of an ISO 4217 currency, never a float."""

from __future__ import annotations

import re
from dataclasses import dataclass

from backend.payments.rules.errors import AmountUnusable, CurrenciesMixed
from schemas.base import LARGEST_AMOUNT
from schemas.currencies import EXPONENTS

LARGEST = LARGEST_AMOUNT * 1000
"""The largest balance, in minor units; a thousand of the largest amounts, and far from what 64 bits hold."""

_DECIMAL = re.compile(r"(\d{1,16})(?:\.(\d{1,5}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units: 14550 EUR is € 145.50, 1500 JPY is ¥ 1500, 1500 KWD is 1.500 dinars.

    Raises AmountUnusable for a float, a bool, an unknown currency or more than anybody owes.
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:  # bool is an int, too
            raise AmountUnusable("Give a whole number of minor units, such as 14550 for 145.50 EUR.")
        if self.currency not in EXPONENTS:
            raise AmountUnusable("Give a currency of ISO 4217 such as EUR.")
        if not -LARGEST <= self.minor <= LARGEST:
            raise AmountUnusable("Nobody owes this much; check the amount.")

    def __add__(self, other: Money) -> Money:
        self._check_same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._check_same(other)
        return Money(self.minor - other.minor, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def _check_same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise CurrenciesMixed(f"{self.currency} and {other.currency} cannot be added.")

    @property
    def decimal(self) -> str:
        """`145.50`, with as many decimals as the currency has."""
        exponent = EXPONENTS[self.currency]
        sign, digits = ("-" if self.minor < 0 else ""), str(abs(self.minor)).rjust(exponent + 1, "0")
        return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}" if exponent else f"{sign}{digits}"

    def __str__(self) -> str:
        return f"{self.currency} {self.decimal}"


def parse_decimal(text: str, currency: str) -> Money:
    """The amount written as `145.5` or `145.50`; never negative; beyond its currency's decimals only zeros.

    Raises AmountUnusable.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None or currency not in EXPONENTS:
        raise AmountUnusable(f"{text[:30]!r} {currency[:10]!r} is not an amount such as 145.50 EUR.")
    whole, fraction = match[1], match[2] or ""
    exponent = EXPONENTS[currency]
    if fraction[exponent:].strip("0"):
        raise AmountUnusable(f"{currency} has {exponent} decimals, and {text!r} has more.")
    return Money(int(whole + fraction[:exponent].ljust(exponent, "0")), currency)
