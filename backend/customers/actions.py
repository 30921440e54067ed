"""What is done with customers, sites, assets and entitlements: create, edit, archive."""

from datetime import date
from typing import TypedDict, Unpack
from uuid import UUID

from backend.access.actor import Actor
from backend.access.permissions import requires
from backend.customers.models import Asset, Customer, Entitlement, Site
from backend.customers.queries import asset_for, customer_for, entitlement_for, site_for
from backend.customers.rules import SiteLocated, check_days, place_of, zone_at, zone_of_site
from backend.db.creation import created_before
from backend.db.folding import fold
from backend.db.unit_of_work import UnitOfWork
from schemas.customers import EntitlementKind

DEFAULT_LANGUAGE = "en"


class CustomerChanges(TypedDict, total=False):
    """What an edit may change; absent keys stay."""

    name: str
    email: str | None
    phone: str | None
    language: str
    external_key: str | None


class SiteChanges(TypedDict, total=False):
    """What an edit may change; absent keys stay. Latitude and longitude come together."""

    name: str | None
    address: str
    postal_code: str | None
    city: str | None
    country: str | None
    latitude: float | None
    longitude: float | None
    time_zone: str
    access_hours: str | None
    access_notes: str | None


class AssetChanges(TypedDict, total=False):
    """What an edit may change; absent keys stay."""

    site_id: UUID
    model: str
    serial_number: str | None
    installed_on: date | None


class EntitlementChanges(TypedDict, total=False):
    """What an edit may change; absent keys stay."""

    kind: EntitlementKind
    starts_on: date
    ends_on: date
    covers: str


@requires("customer:create")
def create_customer(
    uow: UnitOfWork,
    actor: Actor,
    customer_id: UUID | None = None,
    *,
    name: str,
    email: str | None = None,
    phone: str | None = None,
    language: str = DEFAULT_LANGUAGE,
    external_key: str | None = None,
) -> Customer:
    """A new customer; raises IdAlreadyUsed, ExternalKeyTaken (as a broken constraint)."""
    content = {
        "name": name,
        "email": email,
        "phone": phone,
        "language": language,
        "external_key": external_key,
    }
    if known := created_before(uow, Customer, customer_id, **content):
        return known
    return uow.add(Customer(id=customer_id or uow.mint_id(), search_name=fold(name), **content))


@requires("customer:edit")
def edit_customer(
    uow: UnitOfWork, actor: Actor, customer_id: UUID, **changes: Unpack[CustomerChanges]
) -> Customer:
    """Change some fields of a customer; raises CustomerNotFound."""
    customer = customer_for(uow.session, actor, customer_id)
    for name, value in changes.items():
        setattr(customer, name, value)
    customer.search_name = fold(customer.name)
    return customer


@requires("customer:archive")
def archive_customer(uow: UnitOfWork, actor: Actor, customer_id: UUID) -> Customer:
    """Take a customer out of the lists; what refers to it still finds it. Twice is once."""
    customer = customer_for(uow.session, actor, customer_id)
    customer.archived_at = customer.archived_at or uow.now
    return customer


@requires("site:create")
def create_site(
    uow: UnitOfWork,
    actor: Actor,
    site_id: UUID | None = None,
    *,
    customer_id: UUID,
    address: str,
    name: str | None = None,
    postal_code: str | None = None,
    city: str | None = None,
    country: str | None = None,
    latitude: float | None = None,
    longitude: float | None = None,
    time_zone: str | None = None,
    access_hours: str | None = None,
    access_notes: str | None = None,
    external_key: str | None = None,
) -> Site:
    """A new site of a customer; it needs a location until it has coordinates (degrees, WGS 84).

    Raises CustomerNotFound, HalfACoordinate, TimeZoneUnknown without a place and a zone, IdAlreadyUsed.
    """
    customer = customer_for(uow.session, actor, customer_id)
    point = place_of(latitude, longitude)
    content = {
        "customer_id": customer.id,
        "name": name,
        "address": address,
        "postal_code": postal_code,
        "city": city,
        "country": country,
        "point": point,
        "time_zone": zone_of_site(point, time_zone),
        "access_hours": access_hours,
        "access_notes": access_notes,
        "external_key": external_key,
    }
    if known := created_before(uow, Site, site_id, **content):
        return known
    return uow.add(Site(id=site_id or uow.mint_id(), needs_location=point is None, **content))


@requires("site:edit")
def edit_site(uow: UnitOfWork, actor: Actor, site_id: UUID, **changes: Unpack[SiteChanges]) -> Site:
    """Change some fields of a site; a new place brings its zone unless one is given, and tells SiteLocated.

    Raises SiteNotFound, HalfACoordinate.
    """
    site = site_for(uow.session, actor, site_id)
    for name, value in changes.items():
        if name not in {"latitude", "longitude"}:
            setattr(site, name, value)
    if "latitude" in changes or "longitude" in changes:
        _move_site(site, changes)
    located = site.needs_location and site.point is not None
    site.needs_location = site.point is None
    if located:
        uow.flush()
        uow.tell(actor, SiteLocated(site.id))
    return site


def _move_site(site: Site, changes: SiteChanges) -> None:
    site.point = place_of(changes.get("latitude"), changes.get("longitude"))
    if site.point is not None and "time_zone" not in changes:
        site.time_zone = zone_at(site.point)


@requires("site:archive")
def archive_site(uow: UnitOfWork, actor: Actor, site_id: UUID) -> Site:
    """Take a site out of the lists; what refers to it still finds it. Twice is once."""
    site = site_for(uow.session, actor, site_id)
    site.archived_at = site.archived_at or uow.now
    return site


@requires("asset:create")
def create_asset(
    uow: UnitOfWork,
    actor: Actor,
    asset_id: UUID | None = None,
    *,
    site_id: UUID,
    model: str,
    serial_number: str | None = None,
    installed_on: date | None = None,
) -> Asset:
    """A new asset of the site's customer; raises SiteNotFound, IdAlreadyUsed, SerialNumberTaken."""
    site = site_for(uow.session, actor, site_id)
    content = {
        "site_id": site.id,
        "customer_id": site.customer_id,
        "model": model,
        "serial_number": serial_number,
        "installed_on": installed_on,
    }
    if known := created_before(uow, Asset, asset_id, **content):
        return known
    return uow.add(Asset(id=asset_id or uow.mint_id(), **content))


@requires("asset:edit")
def edit_asset(uow: UnitOfWork, actor: Actor, asset_id: UUID, **changes: Unpack[AssetChanges]) -> Asset:
    """Change some fields of an asset; a new site brings its customer. Raises AssetNotFound, SiteNotFound."""
    asset = asset_for(uow.session, actor, asset_id)
    for name, value in changes.items():
        setattr(asset, name, value)
    if "site_id" in changes:
        asset.customer_id = site_for(uow.session, actor, changes["site_id"]).customer_id
    return asset


@requires("asset:archive")
def archive_asset(uow: UnitOfWork, actor: Actor, asset_id: UUID) -> Asset:
    """Take an asset out of the lists; what refers to it still finds it. Twice is once."""
    asset = asset_for(uow.session, actor, asset_id)
    asset.archived_at = asset.archived_at or uow.now
    return asset


@requires("entitlement:create")
def create_entitlement(
    uow: UnitOfWork,
    actor: Actor,
    entitlement_id: UUID | None = None,
    *,
    asset_id: UUID,
    kind: EntitlementKind,
    starts_on: date,
    ends_on: date,
    covers: str,
) -> Entitlement:
    """A new right to covered work on an asset; raises AssetNotFound, DaysOutOfOrder, IdAlreadyUsed."""
    check_days(starts_on, ends_on)
    content = {
        "asset_id": asset_for(uow.session, actor, asset_id).id,
        "kind": kind,
        "starts_on": starts_on,
        "ends_on": ends_on,
        "covers": covers,
    }
    if known := created_before(uow, Entitlement, entitlement_id, **content):
        return known
    return uow.add(Entitlement(id=entitlement_id or uow.mint_id(), **content))


@requires("entitlement:edit")
def edit_entitlement(
    uow: UnitOfWork, actor: Actor, entitlement_id: UUID, **changes: Unpack[EntitlementChanges]
) -> Entitlement:
    """Change some fields of an entitlement; raises EntitlementNotFound, DaysOutOfOrder."""
    entitlement = entitlement_for(uow.session, actor, entitlement_id)
    for name, value in changes.items():
        setattr(entitlement, name, value)
    check_days(entitlement.starts_on, entitlement.ends_on)
    return entitlement


@requires("entitlement:archive")
def archive_entitlement(uow: UnitOfWork, actor: Actor, entitlement_id: UUID) -> Entitlement:
    """Take an entitlement out of the lists and out of coverage. Twice is once."""
    entitlement = entitlement_for(uow.session, actor, entitlement_id)
    entitlement.archived_at = entitlement.archived_at or uow.now
    return entitlement
