"""The fields and the root shape of all that travels: typed, bounded, and refused when unknown."""

from __future__ import annotations

import re
import unicodedata
import zoneinfo
from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import Enum
from functools import cache
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from marshmallow import RAISE, Schema, ValidationError, fields, pre_load, validate

from schemas.currencies import CURRENCIES

JSON_SAFE_INTEGER = 2**53 - 1
"""The largest whole number that every JSON reader keeps exactly."""
LARGEST_AMOUNT = 10**12
"""The largest money amount, in minor units: ten billion of the usual currency."""
FIRST_YEAR, LAST_YEAR = 2000, 2100
DEFAULT_PAGE, LONGEST_PAGE = 50, 200

_INSTANT = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,16}", re.ASCII)
_DECIMAL = re.compile(r"-?\d{1,16}(?:\.\d{1,16})?", re.ASCII)
_EMAIL = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[^\s@<>,;:\"()\[\]\\.]+(?:\.[^\s@<>,;:\"()\[\]\\.]+)+")
EMPTY_IDS = frozenset({UUID(int=0), UUID(int=2**128 - 1)})


def _documented(kwargs: dict[str, Any], **properties: Any) -> dict[str, Any]:
    """The field's keyword arguments with `properties` added to what the OpenAPI document says of it."""
    return {**kwargs, "metadata": {**properties, **kwargs.get("metadata", {})}}


def _number_in(value: object, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValidationError("Must be a number.")
    if not low <= value <= high:  # NaN is not between anything
        raise ValidationError(f"Must be between {low:g} and {high:g}.")
    return value


class Id(fields.UUID):
    """A UUID in its canonical form of 36 characters; upper case is read, lower case is written."""

    def _deserialize(self, value: object, *_: Any, **__: Any) -> UUID:
        if isinstance(value, UUID):
            return value
        if not isinstance(value, str) or not _UUID.fullmatch(value):
            raise ValidationError("Must be a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057.")
        parsed = UUID(value)
        if parsed in EMPTY_IDS:
            raise ValidationError("Must name something: the nil and the max UUID do not.")
        return parsed


class Instant(fields.Field[datetime]):
    """A moment: RFC 3339 with a zone in, always UTC with six decimals out, so that text sorts."""

    def _serialize(self, value: datetime | None, *_: Any, **__: Any) -> str | None:
        return None if value is None else write_instant(value)

    def _deserialize(self, value: object, *_: Any, **__: Any) -> datetime:
        if not isinstance(value, str) or not (match := _INSTANT.fullmatch(value)):
            raise ValidationError("Must be a time with a zone such as 2025-03-01T08:30:00Z.")
        day, clock, fraction, zone = match.groups()
        text = f"{day}T{clock}.{(fraction or '0')[:6].ljust(6, '0')}{zone.upper().replace('Z', '+00:00')}"
        try:
            moment = datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise ValidationError("There is no such time.") from error
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise ValidationError(f"Must be between the years {FIRST_YEAR} and {LAST_YEAR}.")
        return moment


def write_instant(moment: datetime) -> str:
    """`2025-03-01T08:30:00.000000Z`; a naive moment is a mistake of ours and raises ValueError."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone cannot travel")
    # By isoformat, which takes a quarter of the time of strftime: every body and every answer has some.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


class LocalDate(fields.Field[date]):
    """A calendar day without a zone, such as the last day of a warranty."""

    def __init__(self, *, earliest: int = 1900, latest: int = LAST_YEAR, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.earliest, self.latest = earliest, latest

    def _serialize(self, value: date | None, *_: Any, **__: Any) -> str | None:
        return None if value is None else value.isoformat()

    def _deserialize(self, value: object, *_: Any, **__: Any) -> date:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise ValidationError("Must be a day such as 2025-03-01.")
        try:
            day = date.fromisoformat(value)
        except ValueError as error:
            raise ValidationError("There is no such day.") from error
        if not self.earliest <= day.year <= self.latest:
            raise ValidationError(f"Must be between the years {self.earliest} and {self.latest}.")
        return day


# Controls, lone surrogates, and the last two of every plane, which are no characters.
_UNSTORABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff"
    + "".join(chr(0x10000 * plane + last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)


class Text(fields.String):
    """Words of a person, at most `max` characters: NFC, `\\n` line ends, stripped, not without a visible one.

    NUL, other control characters, lone surrogates and noncharacters are refused: PostgreSQL, UTF-8 or a
    terminal would choke on them.
    """

    allowed_controls: ClassVar[frozenset[str]] = frozenset("\n\t")

    def __init__(self, *, max: int, allow_empty: bool = False, **kwargs: Any) -> None:  # noqa: A002
        # For the OpenAPI document; the check is below, because the text changes before it is measured.
        super().__init__(**_documented(kwargs, maxLength=max, minLength=0 if allow_empty else 1))
        self.longest, self.allow_empty = max, allow_empty

    def _deserialize(self, value: object, *_: Any, **__: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("Must be text.")
        if len(value) > 4 * self.longest + 64:
            # Normalising is not free: do not begin with what can never fit.
            raise ValidationError(f"Must have at most {self.longest} characters.")
        text = unicodedata.normalize("NFC", value.replace("\r\n", "\n")).strip(" \n\t")
        self._refuse_unstorable(text)
        text = text.strip()
        if len(text) > self.longest:
            raise ValidationError(f"Must have at most {self.longest} characters.")
        if not self.allow_empty and not has_visible(text):
            raise ValidationError("Must not be empty.")
        return text

    def _refuse_unstorable(self, text: str) -> None:
        for found in _UNSTORABLE.finditer(text):
            if found[0] not in self.allowed_controls:
                raise ValidationError(f"Must not contain the character U+{ord(found[0]):04X}.")


def has_visible(text: str) -> bool:
    """Whether a reader would see anything: zero-width and format characters alone are nothing."""
    return any(not character.isspace() and unicodedata.category(character) != "Cf" for character in text)


class Line(Text):
    """Text on one line: names, numbers, subjects of mails."""

    allowed_controls = frozenset()


class Secret(fields.String):
    """A password or token: taken exactly as typed (only its length is looked at), and never written out."""

    def __init__(self, *, max: int, min: int = 1, **kwargs: Any) -> None:  # noqa: A002
        super().__init__(load_only=True, validate=validate.Length(min=min, max=max), **kwargs)

    def _deserialize(self, value: object, *_: Any, **__: Any) -> str:
        if not isinstance(value, str) or any(unicodedata.category(character) == "Cs" for character in value):
            raise ValidationError("Must be text.")
        return value


class Verbatim(fields.String):
    """Text whose every byte counts, because it is hashed or signed: taken as it is, or refused."""

    def __init__(self, *, max: int, **kwargs: Any) -> None:  # noqa: A002
        super().__init__(validate=validate.Length(min=1, max=max), **kwargs)

    def _deserialize(self, value: object, *_: Any, **__: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("Must be text.")
        # Canonical JSON and JWS escape or have none of these; a database would refuse some of them.
        if any(unicodedata.category(character) in {"Cs", "Cc"} for character in value):
            raise ValidationError("Must not contain control characters or lone surrogates.")
        return value


class Email(Line):
    """An address such as ada@example.org; the domain is written in lower case."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max=254, **_documented(kwargs, format="email"))

    def _deserialize(self, value: object, *rest: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, *rest, **kwargs)
        if not _EMAIL.fullmatch(text):
            raise ValidationError("Must be an address such as ada@example.org.")
        local, _, domain = text.rpartition("@")
        return f"{local}@{domain.lower()}"


class Number(fields.Float):
    """A finite JSON number within bounds; texts and booleans are refused, minus zero becomes zero."""

    def __init__(self, *, min: float, max: float, **kwargs: Any) -> None:  # noqa: A002
        super().__init__(validate=validate.Range(min, max), **kwargs)
        self.low, self.high = min, max

    def _deserialize(self, value: object, *_: Any, **__: Any) -> float:
        return float(_number_in(value, self.low, self.high)) + 0.0


class Latitude(Number):
    """Degrees north on WGS 84."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min=-90, max=90, **kwargs)


class Longitude(Number):
    """Degrees east on WGS 84."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min=-180, max=180, **kwargs)


class Count(fields.Integer):
    """A whole JSON number within bounds; `2.0`, `"2"` and `true` are refused."""

    def __init__(self, *, min: int = 0, max: int = 1_000_000, **kwargs: Any) -> None:  # noqa: A002
        super().__init__(validate=validate.Range(min, max), **kwargs)

    def _deserialize(self, value: object, *_: Any, **__: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValidationError("Must be a whole number.")
        return value


class MinorUnits(Count):
    """Money in the smallest unit of its currency (cents); the currency stands beside it in the shape."""

    def __init__(self, *, min: int = 0, max: int = LARGEST_AMOUNT, **kwargs: Any) -> None:  # noqa: A002
        super().__init__(min=min, max=max, **kwargs)


class Flag(fields.Boolean):
    """`true` or `false` and nothing that looks like it."""

    def _deserialize(self, value: object, *_: Any, **__: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("Must be true or false.")
        return value


class Currency(fields.String):
    """The three letters of a currency in ISO 4217."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**_documented(kwargs, pattern="^[A-Z]{3}$"))

    def _deserialize(self, value: object, *_: Any, **__: Any) -> str:
        if not isinstance(value, str) or value not in CURRENCIES:
            raise ValidationError("Must be a currency of ISO 4217 such as EUR.")
        return value


@cache
def known_time_zones() -> frozenset[str]:
    """The IANA zones this server can compute with."""
    return frozenset(zoneinfo.available_timezones() - {"localtime", "Factory", "posixrules"})


class TimeZone(fields.String):
    """The name of an IANA time zone."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**_documented(kwargs, example="Europe/Berlin"))

    def _deserialize(self, value: object, *_: Any, **__: Any) -> str:
        if not isinstance(value, str) or value not in known_time_zones():
            raise ValidationError("Must be an IANA time zone such as Europe/Berlin.")
        return value


EnumT = TypeVar("EnumT", bound=Enum)


class Enumeration(fields.Enum[EnumT]):
    """One of the values of an Enum class; columns may hold the member or its value."""

    def __init__(self, enum: type[EnumT], **kwargs: Any) -> None:
        super().__init__(enum, by_value=fields.String(), **kwargs)

    def _serialize(self, value: EnumT | str | None, *_: Any, **__: Any) -> str | None:
        return None if value is None else str(self.enum(value).value)

    def _deserialize(self, value: object, *_: Any, **__: Any) -> EnumT:
        if not isinstance(value, str) or value not in {member.value for member in self.enum}:
            allowed = ", ".join(str(member.value) for member in self.enum)
            raise ValidationError(f"Must be one of: {allowed}.")
        return self.enum(value)


class Shape(Schema):
    """The root of all shapes: fields keep their order, and a field nobody declared is refused."""

    class Meta:
        unknown = RAISE


class RecordShape(Shape):
    """The body of a record: flat, the same in an answer and in a feed."""

    id = Id(dump_only=True)
    revision = Count(dump_only=True, min=1, max=JSON_SAFE_INTEGER)


class QueryShape(Shape):
    """Fields of a query string, where every value arrives as text."""

    @pre_load
    def _read_texts(self, data: Mapping[str, str], **_: Any) -> dict[str, object]:
        return {name: _from_query(self.fields.get(name), value) for name, value in data.items()}


def _from_query(field: fields.Field[Any] | None, value: str) -> object:
    if isinstance(field, fields.Integer) and _WHOLE.fullmatch(value):
        return int(value)
    if isinstance(field, fields.Float) and _DECIMAL.fullmatch(value):
        return float(value)
    if isinstance(field, fields.Boolean) and value in {"true", "false"}:
        return value == "true"
    return value


class PageQuery(QueryShape):
    """Which page of a list: the cursor of the page before, and how many items."""

    after = Line(max=2048, metadata={"description": "The `next` of the page before."})
    limit = Count(min=1, max=LONGEST_PAGE, load_default=DEFAULT_PAGE)
