"""Random areas on the globe, and places near them."""

import math

from hypothesis import strategies as st

from backend.db.types import Coordinates


def away(start: Coordinates, bearing: float, angle: float) -> Coordinates:
    """The place `angle` radians from `start` along a great circle."""
    latitude, longitude = math.radians(start.latitude), math.radians(start.longitude)
    sine = math.sin(latitude) * math.cos(angle) + math.cos(latitude) * math.sin(angle) * math.cos(bearing)
    turn = math.atan2(
        math.sin(bearing) * math.sin(angle) * math.cos(latitude), math.cos(angle) - math.sin(latitude) * sine
    )
    east = math.degrees(longitude + turn)
    return Coordinates(math.degrees(math.asin(max(-1, min(1, sine)))), (east + 180) % 360 - 180)


@st.composite
def areas_and_places(draw: st.DrawFn) -> tuple[tuple[Coordinates, ...], Coordinates]:
    """A star-shaped area (no edge crosses another), up to 700 km wide, and a place in or near it."""
    centre = draw(st.builds(Coordinates, st.floats(-89, 89), st.floats(-180, 180)))
    radii = draw(st.lists(st.floats(0.001, 0.05), min_size=4, max_size=9))
    corners = tuple(away(centre, math.tau * n / len(radii), radius) for n, radius in enumerate(radii))
    return corners, away(centre, draw(st.floats(0, math.tau)), draw(st.floats(0, 0.1)))


def areas() -> st.SearchStrategy[tuple[Coordinates, ...]]:
    """Areas alone."""
    return areas_and_places().map(lambda both: both[0])
