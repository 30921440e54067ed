"""PostGIS-named functions for SQLite connections, so that one GeoAlchemy2 expression runs on both engines."""

from typing import Any

import shapely


def register_spatial_functions(dbapi_connection: Any) -> None:
    """Make `ST_Distance`, `ST_DWithin`, `ST_Covers` and what GeoAlchemy2 calls known to this connection."""
    for name in ("ST_GeogFromText", "GeomFromEWKT"):
        dbapi_connection.create_function(name, 1, _read_text, deterministic=True)
    for name in ("AsBinary", "AsEWKB"):
        dbapi_connection.create_function(name, 1, lambda shape: shape, deterministic=True)


def _read_text(text: str | None) -> bytes | None:
    return None if text is None else shapely.to_wkb(shapely.from_wkt(text.partition(";")[2]))
