"""Who may go to a visit, and what a shift and a territory have to be: pure decisions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import shapely

from backend.db.types import Coordinates
from schemas.dispatch import ShiftKind
from schemas.errors import DomainError, ErrorKind, RecordNotFound

LONGEST_SHIFT = timedelta(hours=24)
LONGEST_LEAVE = timedelta(days=366)


class TechnicianNotFound(RecordNotFound):
    """There is no such technician, or none for these eyes."""

    title = "There is no such technician."


class ShiftNotFound(RecordNotFound):
    """There is no such shift, or none for these eyes."""

    title = "There is no such shift."


class ShiftInvalid(DomainError):
    """A shift that ends before it starts, or lasts longer than anybody can."""

    title = "The shift cannot be used."
    kind = ErrorKind.INVALID


class TerritoryInvalid(DomainError):
    """An area that crosses itself, has no inside, or spans half the globe."""

    title = "The territory cannot be used."
    kind = ErrorKind.INVALID


class HalfAHome(DomainError):
    """A home base needs latitude and longitude, or neither."""

    title = "Latitude and longitude of the home base belong together."
    kind = ErrorKind.INVALID


class TechnicianUnfit(DomainError):
    """The technician cannot take the visit; `reasons` lists why."""

    title = "The technician cannot take this visit."
    kind = ErrorKind.CONFLICT


class VisitHeldByAnother(DomainError):
    """The visit is no longer with the technician it is to be moved from."""

    title = "The visit is with somebody else by now."
    kind = ErrorKind.STALE


class VisitUnassigned(DomainError):
    """There is nobody to take the visit from."""

    title = "The visit has no technician."
    kind = ErrorKind.CONFLICT


@dataclass(frozen=True)
class Candidate:
    """What a technician is for one visit at its planned time.

    `distance_metres` is that from his home base to the site, None when one of the two is unknown.
    """

    technician_id: UUID
    display_name: str
    active: bool
    qualified: bool
    on_shift: bool
    on_leave: bool
    busy: bool
    in_territory: bool
    distance_metres: float | None

    @property
    def reasons(self) -> list[str]:
        """Why he cannot go; empty when he can. Territory is a preference and no reason."""
        found = (
            (not self.active, "does not work for us at present"),
            (not self.qualified, "lacks a skill that the work needs"),
            (not self.on_shift, "has no shift for the whole time"),
            (self.on_leave, "is on leave during a part of the time"),
            (self.busy, "has another visit at that time"),
        )
        return [reason for holds, reason in found if holds]

    @property
    def rank(self) -> tuple[bool, bool, float, str, UUID]:
        """The place among others: who can go, whose territory it is, the nearest (an unknown distance
        last)."""
        metres = math.inf if self.distance_metres is None else self.distance_metres
        return bool(self.reasons), not self.in_territory, metres, self.display_name, self.technician_id

    @property
    def only_busy(self) -> bool:
        """Whether another visit is all that stands in the way."""
        return self.busy and len(self.reasons) == 1


def check_shift(starts_at: datetime, ends_at: datetime, kind: ShiftKind) -> None:
    """Raise ShiftInvalid for one that nobody can work or take."""
    if ends_at <= starts_at:
        raise ShiftInvalid("Let it end after it starts.")
    longest = LONGEST_LEAVE if kind is ShiftKind.LEAVE else LONGEST_SHIFT
    if ends_at - starts_at > longest:
        raise ShiftInvalid("A shift lasts at most 24 hours, a leave at most 366 days: enter several.")


def home_of(latitude: float | None, longitude: float | None) -> Coordinates | None:
    """The home base, or None when there is none; raises HalfAHome."""
    if latitude is None and longitude is None:
        return None
    if latitude is None or longitude is None:
        raise HalfAHome("Send both home_latitude and home_longitude, or null for both.")
    return Coordinates(latitude, longitude)


def territory_of(corners: Sequence[Coordinates]) -> tuple[Coordinates, ...]:
    """The area with these corners in order; raises TerritoryInvalid.

    An area across the antimeridian has to be given as two technicians' or be left out: its longitudes jump.
    """
    outline = list(corners[:-1] if len(corners) > 1 and corners[0] == corners[-1] else corners)
    if len(set(outline)) < 3:
        raise TerritoryInvalid("Give at least three different corners.")
    longitudes = [corner.longitude for corner in outline]
    if max(longitudes) - min(longitudes) >= 180:
        raise TerritoryInvalid("Give an area narrower than half the globe that does not cross the date line.")
    ring = shapely.Polygon([(corner.longitude, corner.latitude) for corner in outline])
    if not ring.is_valid or ring.area == 0:
        raise TerritoryInvalid(
            "Give the corners in order around the area; its outline must not cross itself."
        )
    return tuple(outline)
