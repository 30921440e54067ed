"""Amounts as people read them."""

from __future__ import annotations

_WITHOUT = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF"}
    | {"XOF", "XPF"}
)
_WITH_THREE = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])


def amount(minor: int, currency: str) -> str:
    """`1 234.50 EUR`: minor units of a currency (ISO 4217) with the decimals that it has."""
    decimals = 0 if currency in _WITHOUT else 3 if currency in _WITH_THREE else 2
    whole, rest = divmod(abs(minor), 10**decimals)
    text = f"{whole:,}".replace(",", "\u00a0") + (f".{rest:0{decimals}}" if decimals else "")
    return f"{'-' if minor < 0 else ''}{text} {currency}"
