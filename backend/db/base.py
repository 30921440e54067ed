"""What every table of Doorstep is made from: one MetaData with stable constraint names, and `Record`."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, Enum, MetaData, Numeric, Text, Uuid
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from backend.db.types import Coordinates, Instant, Point

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Errors are recognised by constraint name (`backend.db.integrity`): no name is left to the engine."""

_LONGEST_ENUM_VALUE = 40


def _values(enumeration: type[StrEnum]) -> list[str]:
    return [member.value for member in enumeration]


class Base(DeclarativeBase):
    """Base of all tables of the business. `Mapped[...]` annotations choose the column type.

    `str` is Text, `int` is a 64 bit integer, `datetime` is an `Instant` (aware, UTC), `Coordinates` is a
    WGS 84 point, any `StrEnum` is text: the member's *value* (no native enum: a new value must not need DDL).
    """

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        int: BigInteger(),
        Decimal: Numeric(),
        datetime: Instant(),
        UUID: Uuid(),
        Coordinates: Point,  # the class: GeoAlchemy2 notes on the instance whether its column takes NULL
        StrEnum: Enum(
            StrEnum,
            native_enum=False,
            create_constraint=False,
            length=_LONGEST_ENUM_VALUE,
            values_callable=_values,
        ),
    }


class Record(Base):
    """A row with an identity, a revision that every update raises by one, and the instant it was made.

    `id` has no default on purpose: it comes from the client or from `UnitOfWork.mint_id()`.
    An update that finds another revision than the one loaded raises SQLAlchemy's `StaleDataError`.
    """

    __abstract__ = True

    id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-3)
    revision: Mapped[int] = mapped_column(sort_order=-2)
    created_at: Mapped[datetime] = mapped_column(sort_order=-1)

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012 - SQLAlchemy declares it as an instance variable
