"""PostGIS-named functions for SQLite connections, so that one GeoAlchemy2 expression runs on both engines.

As in PostGIS's `geography`: distances are metres along the WGS 84 ellipsoid, edges of areas are great
circles, and longitude and latitude are taken as they are on the unit sphere when an area is asked what it
covers. NULL in, NULL out. `geometry(x)` and `geography(x)` are PostGIS's casts written as functions, which
both engines understand: `func.ST_X(func.geometry(Site.point))`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, TypeAlias

import numpy as np
import shapely
from pyproj import Geod

Vectors: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"
"""Unit vectors, one per row."""

Shape: TypeAlias = bytes | str

_ELLIPSOID = Geod(ellps="WGS84")
_MEAN_RADIUS = (2 * _ELLIPSOID.a + _ELLIPSOID.b) / 3
_TOUCHING = 1e-12
"""Radians (6 µm): closer than the arithmetic can tell."""


def register_spatial_functions(dbapi_connection: Any) -> None:
    """Make the functions below known to this SQLite connection."""
    for name, arguments, function in _FUNCTIONS:
        dbapi_connection.create_function(name, arguments, _null_in_null_out(function), deterministic=True)


def _null_in_null_out(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        return None if None in arguments else function(*arguments)

    return call


@dataclass(frozen=True, eq=False)
class _Corners:
    """A point (one corner, not closed) or the ring of an area (closed), as degrees and as unit vectors."""

    degrees: tuple[tuple[float, float], ...]

    @property
    def is_area(self) -> bool:
        return len(self.degrees) > 1

    @cached_property
    def vectors(self) -> Vectors:
        longitude, latitude = np.radians(np.array(self.degrees)).T
        level = np.cos(latitude)
        return np.column_stack((level * np.cos(longitude), level * np.sin(longitude), np.sin(latitude)))

    @cached_property
    def plane(self) -> "_Plane":
        return _Plane.over(self.vectors)

    @cached_property
    def outline(self) -> Any:
        """The area in its own plane."""
        outline = shapely.Polygon(self.plane.project(self.vectors))
        shapely.prepare(outline)
        return outline

    def covers(self, other: "_Corners") -> bool:
        if not self.is_area:
            return set(self.degrees) == set(other.degrees)
        if not self.plane.sees(other.vectors):
            return False
        if not other.is_area and other.degrees[0] in self.degrees:
            return True  # a corner is covered, whatever rounding says
        projected = self.plane.project(other.vectors)
        shape = shapely.Polygon(projected) if other.is_area else shapely.Point(projected[0])
        return bool(self.outline.covers(shape))

    def crosses(self, other: "_Corners") -> bool:
        """Whether two areas have a place in common."""
        if self.covers(other) or other.covers(self):
            return True
        if not (self.is_area and other.is_area and self.plane.sees(other.vectors)):
            return False
        return bool(self.outline.intersects(shapely.Polygon(self.plane.project(other.vectors))))


@dataclass(frozen=True, eq=False)
class _Plane:
    """A gnomonic projection: less than half the globe, with every great circle a straight line."""

    centre: Vectors
    axes: Vectors

    @classmethod
    def over(cls, vectors: Vectors) -> "_Plane":
        mean = vectors[:-1].mean(axis=0)
        centre = mean / np.linalg.norm(mean)
        aside = np.cross(centre, np.eye(3)[np.argmin(np.abs(centre))])
        first = aside / np.linalg.norm(aside)
        return cls(centre, np.column_stack((first, np.cross(centre, first))))

    def sees(self, vectors: Vectors) -> bool:
        return bool((vectors @ self.centre > 0).all())

    def project(self, vectors: Vectors) -> Vectors:
        projected: Vectors = (vectors @ self.axes) / (vectors @ self.centre)[:, None]
        return projected


@lru_cache(maxsize=8192)
def _corners(shape: Shape) -> _Corners:
    """Read EWKT or (E)WKB: a point or an area without holes; a ValueError for anything else."""
    if isinstance(shape, str):
        geometry = shapely.from_wkt(shape.rpartition(";")[2])
    else:
        geometry = shapely.from_wkb(shape)
    if isinstance(geometry, shapely.Polygon) and not geometry.interiors and not geometry.is_empty:
        return _Corners(tuple(geometry.exterior.coords))
    if isinstance(geometry, shapely.Point) and not geometry.is_empty:
        return _Corners(((geometry.x, geometry.y),))
    raise ValueError(f"{geometry.geom_type} is neither a point nor an area without holes")


def _from_text(text: str) -> bytes:
    return bytes(shapely.to_wkb(shapely.from_wkt(text.rpartition(";")[2]), byte_order=1))


def _same(shape: Shape, _srid: int = 0) -> Shape:
    return shape


def _distance(one: Shape, other: Shape, on_ellipsoid: int = 1) -> float:
    """Metres between the nearest places of two shapes; 0 when they touch."""
    here, there = _corners(one), _corners(other)
    if here.is_area or there.is_area:
        if here.crosses(there):
            return 0.0
        start, end = _nearest(here, there)
    else:
        start, end = here.degrees[0], there.degrees[0]
    if on_ellipsoid:
        metres: float = _ELLIPSOID.inv(*start, *end)[2]
        return metres
    from_vector, to_vector = _Corners((start,)).vectors[0], _Corners((end,)).vectors[0]
    angle = np.arctan2(np.linalg.norm(np.cross(from_vector, to_vector)), from_vector @ to_vector)
    return float(angle * _MEAN_RADIUS)


def _nearest(here: _Corners, there: _Corners) -> tuple[tuple[float, float], tuple[float, float]]:
    """The two places, in degrees, where two shapes that do not touch come nearest; one is a corner."""
    candidates = [
        (angle, corner, place)
        for corners, edges in ((here, there), (there, here))
        for corner in corners.vectors
        for angle, place in [_nearest_on(edges, corner)]
    ]
    _, corner, place = min(candidates, key=lambda candidate: candidate[0])
    return _degrees(corner), _degrees(place)


def _nearest_on(edges: _Corners, corner: Vectors) -> tuple[float, Vectors]:
    """The angle to, and the place on, the nearest edge (or lone point) seen from `corner`."""
    places = edges.vectors
    if edges.is_area:
        places = np.vstack((places, _feet(edges.vectors[:-1], edges.vectors[1:], corner)))
    angles = 2 * np.arcsin(np.clip(np.linalg.norm(places - corner, axis=1) / 2, 0, 1))
    best = int(np.argmin(angles))
    return float(angles[best]), places[best]


def _feet(starts: Vectors, ends: Vectors, corner: Vectors) -> Vectors:
    """Where the perpendicular from `corner` meets each edge; only of edges which it does meet."""
    normals = np.cross(starts, ends)
    lengths = np.linalg.norm(normals, axis=1)
    starts, ends, normals = (rows[lengths > _TOUCHING] for rows in (starts, ends, normals))
    normals = normals / np.linalg.norm(normals, axis=1)[:, None]
    feet = corner - (normals @ corner)[:, None] * normals
    heights = np.linalg.norm(feet, axis=1)
    feet = feet / np.where(heights > _TOUCHING, heights, 1)[:, None]
    after_start = np.einsum("ij,ij->i", np.cross(starts, feet), normals) >= 0
    before_end = np.einsum("ij,ij->i", np.cross(feet, ends), normals) >= 0
    met: Vectors = feet[after_start & before_end & (heights > _TOUCHING)]
    return met


def _degrees(vector: Vectors) -> tuple[float, float]:
    x, y, z = vector
    return float(np.degrees(np.arctan2(y, x))), float(np.degrees(np.arctan2(z, np.hypot(x, y))))


def _within(one: Shape, other: Shape, metres: float, on_ellipsoid: int = 1) -> bool:
    return _distance(one, other, on_ellipsoid) <= metres


def _covers(area: Shape, other: Shape) -> bool:
    return _corners(area).covers(_corners(other))


def _covered_by(shape: Shape, area: Shape) -> bool:
    return _covers(area, shape)


def _intersects(one: Shape, other: Shape) -> bool:
    return _corners(one).crosses(_corners(other))


def _make_point(longitude: float, latitude: float, _srid: int = 0) -> bytes:
    return bytes(shapely.to_wkb(shapely.Point(longitude, latitude), byte_order=1))


def _x(point: Shape) -> float:
    return _corners(point).degrees[0][0]


def _y(point: Shape) -> float:
    return _corners(point).degrees[0][1]


_FUNCTIONS: tuple[tuple[str, int, Callable[..., Any]], ...] = (
    # what GeoAlchemy2 writes around values and columns (it says AsBinary for ST_AsBinary on SQLite)
    ("ST_GeogFromText", 1, _from_text),
    ("GeomFromEWKT", 1, _from_text),
    ("AsBinary", 1, _same),
    ("AsEWKB", 1, _same),
    # what queries ask
    ("ST_Distance", 2, _distance),
    ("ST_Distance", 3, _distance),
    ("ST_DWithin", 3, _within),
    ("ST_DWithin", 4, _within),
    ("ST_Covers", 2, _covers),
    ("ST_CoveredBy", 2, _covered_by),
    ("ST_Intersects", 2, _intersects),
    ("ST_X", 1, _x),
    ("ST_Y", 1, _y),
    ("ST_MakePoint", 2, _make_point),
    ("ST_SetSRID", 2, _same),
    ("geometry", 1, _same),
    ("geography", 1, _same),
)
