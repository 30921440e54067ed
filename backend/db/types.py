"""Column types that mean the same on SQLite and on PostgreSQL: instants, JSON documents and WGS 84 shapes."""

import math
import operator
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from geoalchemy2 import Geography, WKBElement
from sqlalchemy import JSON, Column, DateTime, Dialect, String, Table, event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

from backend.db.ddl import extra_ddl

WGS84 = 4326
_HORIZON = math.cos(math.radians(80))

JsonDocument = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""A JSON document; Python's None is SQL NULL."""


@dataclass(frozen=True, slots=True)
class Coordinates:
    """A place on WGS 84: degrees, latitude −90…90, longitude −180…180; anything else is a `ValueError`."""

    latitude: float
    longitude: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.latitude) and -90 <= self.latitude <= 90):
            raise ValueError(f"latitude {self.latitude} is not between -90 and 90 degrees")
        if not (math.isfinite(self.longitude) and -180 <= self.longitude <= 180):
            raise ValueError(f"longitude {self.longitude} is not between -180 and 180 degrees")


class Instant(TypeDecorator[datetime]):
    """A moment: an aware datetime, always UTC when it comes back, to the microsecond.

    PostgreSQL keeps a `timestamptz`, SQLite text of fixed width ("2026-03-01T08:00:00.000000Z"), so that
    `<`, `ORDER BY`, `min` and `max` in SQL agree with time on both. A naive datetime is refused.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(27))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone: an instant is an aware datetime")
        utc = value.astimezone(UTC)
        return instant_text(utc) if dialect.name == "sqlite" else utc

    def literal_processor(self, dialect: Dialect) -> Callable[[datetime], str]:  # noqa: ARG002 - the same on both
        return lambda value: f"'{instant_text(value.astimezone(UTC))}'"

    def process_result_value(self, value: Any, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.fromisoformat(value).astimezone(UTC)
        utc: datetime = value.astimezone(UTC)
        return utc


def instant_text(utc: datetime) -> str:
    """The one text form of a UTC datetime: four digits of year and six decimals, so that it sorts as time."""
    return f"{utc.year:04}-{utc:%m-%dT%H:%M:%S}.{utc.microsecond:06}Z"


class _GeographyInSqlite(Geography):
    """Kept as WKB; SQLite has no word for the type, and no other use for one than reflection."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "BLOB"


def _shape_type(shape: str, dialect: Dialect) -> TypeEngine[Any]:
    kind = _GeographyInSqlite if dialect.name == "sqlite" else Geography
    return kind(geometry_type=shape, srid=WGS84, spatial_index=False)


class Point(TypeDecorator[Coordinates]):
    """A WGS 84 point, `Coordinates` in Python; an indexed `geography(POINT)` on PostgreSQL, WKB on SQLite."""

    impl = Geography(geometry_type="POINT", srid=WGS84, spatial_index=False)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return _shape_type("POINT", dialect)

    def process_bind_param(self, value: Coordinates | None, _dialect: Dialect) -> str | None:
        return None if value is None else f"SRID={WGS84};POINT({_pair(value)})"

    def process_result_value(self, value: Any, _dialect: Dialect) -> Coordinates | None:
        if value is None:
            return None
        (point,) = _rings(_wkb(value))[0]
        return point


class Polygon(TypeDecorator[tuple[Coordinates, ...]]):
    """A WGS 84 area without holes: its corners, as `area_of` takes them.

    The edges are great circles, as in PostGIS. `geography(POLYGON)` on PostgreSQL, WKB on SQLite.
    """

    impl = Geography(geometry_type="POLYGON", srid=WGS84, spatial_index=False)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return _shape_type("POLYGON", dialect)

    def process_bind_param(self, value: tuple[Coordinates, ...] | None, _dialect: Dialect) -> str | None:
        if value is None:
            return None
        corners = area_of(value)
        ring = ",".join(_pair(corner) for corner in (*corners, corners[0]))
        return f"SRID={WGS84};POLYGON(({ring}))"

    def process_result_value(self, value: Any, _dialect: Dialect) -> tuple[Coordinates, ...] | None:
        return None if value is None else _rings(_wkb(value))[0][:-1]


def area_of(corners: Sequence[Coordinates]) -> tuple[Coordinates, ...]:
    """The corners of an area, each once. A `ValueError` for fewer than three, or for half the globe.

    Which side of its edges an area lies on is only clear while all of it is seen from above its middle.
    """
    ring = tuple(corners[:-1] if len(corners) > 1 and corners[0] == corners[-1] else corners)
    if len(set(ring)) < 3:
        raise ValueError("an area needs at least three different corners")
    vectors = [_unit_vector(corner) for corner in ring]
    middle = [math.fsum(axis) for axis in zip(*vectors, strict=True)]
    length = math.hypot(*middle)
    if any(sum(map(operator.mul, vector, middle)) < _HORIZON * length for vector in vectors):
        raise ValueError("an area cannot reach around half the globe")
    return ring


def _unit_vector(place: Coordinates) -> tuple[float, float, float]:
    latitude, longitude = math.radians(place.latitude), math.radians(place.longitude)
    level = math.cos(latitude)
    return level * math.cos(longitude), level * math.sin(longitude), math.sin(latitude)


def _pair(place: Coordinates) -> str:
    return f"{float(place.longitude)!r} {float(place.latitude)!r}"


def _wkb(value: Any) -> bytes:
    data = value.data if isinstance(value, WKBElement) else value
    return bytes.fromhex(data) if isinstance(data, str) else bytes(data)


def _rings(wkb: bytes) -> list[tuple[Coordinates, ...]]:
    """The rings of a two-dimensional WKB point (one ring of one) or polygon, in either byte order."""
    order = "<" if wkb[0] == 1 else ">"
    (kind,) = struct.unpack_from(f"{order}I", wkb, 1)
    offset = 5
    if kind == 1:
        longitude, latitude = struct.unpack_from(f"{order}2d", wkb, offset)
        return [(Coordinates(latitude, longitude),)]
    if kind != 3:
        raise ValueError(f"WKB type {kind} is neither a point nor a polygon")
    (ring_count,) = struct.unpack_from(f"{order}I", wkb, offset)
    offset += 4
    rings = []
    for _ in range(ring_count):
        (corner_count,) = struct.unpack_from(f"{order}I", wkb, offset)
        flat = struct.unpack_from(f"{order}{2 * corner_count}d", wkb, offset + 4)
        rings.append(tuple(Coordinates(flat[i + 1], flat[i]) for i in range(0, len(flat), 2)))
        offset += 4 + 16 * corner_count
    return rings


@event.listens_for(Column, "after_parent_attach")
def _index_shapes(column: Column[Any], table: object) -> None:
    """Give every shape its GiST index on PostgreSQL; on SQLite a B-tree over WKB would only cost."""
    if isinstance(table, Table) and isinstance(column.type, Point | Polygon):
        statement = f"CREATE INDEX ix_{table.name}_{column.name} ON {table.name} USING gist ({column.name})"
        extra_ddl(table.metadata, "postgresql", [statement])
