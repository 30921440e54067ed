"""What holds for customers, sites, assets and entitlements: places and their time zones, coverage by day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Protocol, TypeVar
from uuid import UUID

from tzfpy import get_tz

from backend.db.types import Coordinates
from backend.db.unit_of_work import Fact
from schemas.customers import EntitlementKind
from schemas.errors import DomainError, ErrorKind, RecordNotFound


class CustomerNotFound(RecordNotFound):
    """There is no such customer, or it is not for these eyes."""

    title = "There is no such customer."


class SiteNotFound(RecordNotFound):
    """There is no such site, or it is not for these eyes."""

    title = "There is no such site."


class AssetNotFound(RecordNotFound):
    """There is no such asset, or it is not for these eyes."""

    title = "There is no such asset."


class EntitlementNotFound(RecordNotFound):
    """There is no such entitlement, or it is not for these eyes."""

    title = "There is no such entitlement."


class ExternalKeyTaken(DomainError):
    """Another record already has this external key."""

    title = "The external key is taken."
    kind = ErrorKind.CONFLICT


class SerialNumberTaken(DomainError):
    """An asset of the same model already has this serial number."""

    title = "The serial number is taken."
    kind = ErrorKind.CONFLICT


class HalfACoordinate(DomainError):
    """A place needs latitude and longitude, or neither."""

    title = "Latitude and longitude belong together."
    kind = ErrorKind.INVALID


class TimeZoneUnknown(DomainError):
    """A site without a place has no time zone of its own."""

    title = "The time zone of the site is not known."
    kind = ErrorKind.INVALID


class DaysOutOfOrder(DomainError):
    """An entitlement ends before it starts."""

    title = "The last day lies before the first."
    kind = ErrorKind.INVALID


@dataclass(frozen=True)
class SiteLocated(Fact):
    """A site that needed a location has one now."""

    site_id: UUID


class EntitlementTerms(Protocol):
    """What the rule of coverage reads of an entitlement."""

    @property
    def id(self) -> UUID: ...

    @property
    def kind(self) -> EntitlementKind: ...

    @property
    def starts_on(self) -> date: ...

    @property
    def ends_on(self) -> date: ...

    @property
    def covers(self) -> str: ...


E = TypeVar("E", bound=EntitlementTerms)


@dataclass(frozen=True)
class Covered:
    """Whether an asset is covered on a day; what follows `covered` is that of the entitlement, or None."""

    asset_id: UUID
    on: date
    covered: bool
    entitlement_id: UUID | None = None
    kind: EntitlementKind | None = None
    covers: str | None = None
    ends_on: date | None = None

    @classmethod
    def by(cls, asset_id: UUID, on: date, terms: EntitlementTerms | None) -> "Covered":
        """The answer that `terms` give, or the answer no."""
        if terms is None:
            return cls(asset_id, on, covered=False)
        return cls(asset_id, on, True, terms.id, terms.kind, terms.covers, terms.ends_on)


def covers_on(terms: EntitlementTerms, day: date) -> bool:
    """Whether `day`, in the calendar of the site, is covered; the first and the last day are."""
    return terms.starts_on <= day <= terms.ends_on


def coverage_on(entitlements: Iterable[E], day: date) -> E | None:
    """Of the entitlements that cover `day` the one that lasts longest, or None."""
    return max((e for e in entitlements if covers_on(e, day)), key=lambda e: e.ends_on, default=None)


def check_days(starts_on: date, ends_on: date) -> None:
    """Raise DaysOutOfOrder unless the first day is not after the last."""
    if starts_on > ends_on:
        raise DaysOutOfOrder("Send a last day (ends_on) that is not before the first (starts_on).")


def place_of(latitude: float | None, longitude: float | None) -> Coordinates | None:
    """The place, or None when neither is known; raises HalfACoordinate when only one is."""
    if latitude is None and longitude is None:
        return None
    if latitude is None or longitude is None:
        raise HalfACoordinate("Send both latitude and longitude, or null for both.")
    return Coordinates(latitude, longitude)


def zone_at(place: Coordinates) -> str:
    """The IANA zone of a place; on the high seas that of its nautical zone (`Etc/GMT…`)."""
    zone: str = get_tz(place.longitude, place.latitude)
    return zone


def zone_of_site(place: Coordinates | None, given: str | None) -> str:
    """The zone given for a site, else that of its place; raises TimeZoneUnknown when there is neither."""
    if given is not None:
        return given
    if place is None:
        raise TimeZoneUnknown("Send time_zone, or the latitude and longitude it can be taken from.")
    return zone_at(place)
