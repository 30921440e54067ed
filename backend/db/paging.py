"""Keyset paging: a page starts after the last row of the one before, so inserts repeat and hide nothing."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, inspect, literal, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from backend.db.types import Instant, instant_text
from schemas.errors import DomainError, ErrorKind

T = TypeVar("T")

_LONGEST_CURSOR = 2048
_INT64 = 1 << 63


class InvalidPageCursor(DomainError):
    """The cursor did not come from a page of this list."""

    title = "The page cursor is not valid here"
    kind = ErrorKind.INVALID


@dataclass(frozen=True)
class PageRequest:
    """Which page: `after` is the `next` of the page before (None: the first), `limit` its most rows (≥ 1)."""

    after: str | None = None
    limit: int = 50


@dataclass(frozen=True)
class Page(Generic[T]):
    """Rows in order, and the cursor of the page after them; None when there is none."""

    items: Sequence[T]
    next: str | None


def fetch_page(
    session: Session,
    statement: Select[T],
    request: PageRequest,
    *,
    key: InstrumentedAttribute[Any],
    descending: bool = False,
) -> Page[T]:
    """One page of `statement`, ordered by `key` and then by id.

    `key` is a NOT NULL column of the selected class; `statement` must not be ordered or limited itself.
    Raises InvalidPageCursor for a cursor of another list or another order, or for no cursor at all.
    """
    columns = _order_columns(key)
    if request.after is not None:
        values = _read_cursor(request.after, columns, descending=descending)
        here = tuple_(*columns)
        last = tuple_(*(literal(value, column.type) for value, column in zip(values, columns, strict=True)))
        statement = statement.where(here < last if descending else here > last)
    order = [column.desc() if descending else column.asc() for column in columns]
    rows = list(session.scalars(statement.order_by(*order).limit(request.limit + 1)))
    items = rows[: request.limit]
    if len(rows) <= request.limit:
        return Page(items, None)
    return Page(items, _write_cursor(items[-1], columns, descending=descending))


def _order_columns(key: InstrumentedAttribute[Any]) -> list[InstrumentedAttribute[Any]]:
    if key.property.columns[0].nullable:
        raise ValueError(f"{key} may be NULL, which has no place in an order: page by another column")
    mapper = inspect(key.class_)
    identity = [mapper.get_property_by_column(column).class_attribute for column in mapper.primary_key]
    return [key, *(attribute for attribute in identity if attribute.key != key.key)]


def _list_name(columns: Sequence[InstrumentedAttribute[Any]], *, descending: bool) -> str:
    return f"{columns[0].class_.__name__}.{columns[0].key}{'-' if descending else '+'}"


def _write_cursor(row: object, columns: Sequence[InstrumentedAttribute[Any]], *, descending: bool) -> str:
    values = [_to_json(getattr(row, column.key)) for column in columns]
    text = json.dumps([_list_name(columns, descending=descending), *values], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _read_cursor(
    cursor: str, columns: Sequence[InstrumentedAttribute[Any]], *, descending: bool
) -> list[Any]:
    try:
        if len(cursor) > _LONGEST_CURSOR:
            raise ValueError("too long")
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        name, *values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if name != _list_name(columns, descending=descending):
            raise ValueError("another list")
        return [_from_json(value, column) for value, column in zip(values, columns, strict=True)]
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error) as error:
        raise InvalidPageCursor(
            "Use the `next` value of the page before exactly as it came, with the same filter and order."
        ) from error


def _to_json(value: Any) -> str | int:
    if isinstance(value, datetime):
        return instant_text(value.astimezone(UTC))
    return value if isinstance(value, int) else str(value)


def _from_json(value: object, column: InstrumentedAttribute[Any]) -> Any:
    """A cursor comes from outside: only values that the column can be compared with pass."""
    kind: type = datetime if isinstance(column.type, Instant) else column.type.python_type
    if kind is int:
        if type(value) is not int or not -_INT64 <= value < _INT64:
            raise ValueError("not a number")
        return value
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("not a text")
    value.encode("utf-8")  # a lone surrogate raises here and not in the database
    if kind is datetime:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("no time zone")
        return moment.astimezone(UTC)
    return date.fromisoformat(value) if kind is date else kind(value)
