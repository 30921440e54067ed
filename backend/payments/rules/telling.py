"""How a customer can be told of a bill, and where: pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from schemas.payments import Channel

TAKES_TEXTS = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})
"""Kinds of numbers; to a landline a text is paid for and lost."""


@dataclass(frozen=True)
class Contact:
    """What the field knows of a customer: a mail address, and a telephone number as somebody typed it."""

    email: str | None = None
    phone: str | None = None


@dataclass(frozen=True)
class Texting:
    """Whether the firm sends texts, and in which country (ISO 3166) numbers without a prefix are."""

    is_offered: bool = False
    country: str | None = None


def mobile_number(typed: str, country: str | None) -> str | None:
    """The number in E.164 (`+491701234567`), or None for one that takes no texts or is none.

    A number without its country's prefix is read as one of `country`; without that it is none.
    """
    try:
        number = phonenumbers.parse(typed, country)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.number_type(number) not in TAKES_TEXTS:  # of a number that is not valid: UNKNOWN
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def way_to_tell(contact: Contact, wanted: Channel | None, texting: Texting) -> tuple[Channel, str] | None:
    """Which way and where to: as the customer wants if that can be, else mail, else a text; None: no way."""
    ways = dict(_ways(contact, texting))
    first = wanted if wanted in ways else next(iter(ways), None)
    return None if first is None else (first, ways[first])


def _ways(contact: Contact, texting: Texting) -> Iterator[tuple[Channel, str]]:
    if contact.email is not None:
        yield Channel.MAIL, contact.email
    number = mobile_number(contact.phone, texting.country) if contact.phone else None
    if texting.is_offered and number is not None:
        yield Channel.SMS, number
