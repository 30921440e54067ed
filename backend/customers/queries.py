"""All reading of customers, sites, assets and entitlements, and who may see which."""

from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from backend.access.actor import Actor
from backend.access.reach import Reach, assigned_work_orders, narrowed
from backend.customers.models import Asset, Customer, Entitlement, Site
from backend.customers.rules import (
    AssetNotFound,
    Covered,
    CustomerNotFound,
    EntitlementNotFound,
    SiteNotFound,
    coverage_on,
)
from backend.db.folding import fold
from backend.db.lookup import one_row
from backend.db.paging import Page, PageRequest, fetch_page


def _site_of(reach: Reach) -> ColumnElement[bool]:
    return Site.id.in_(assigned_work_orders(reach, "site_id"))


def _customer_of(reach: Reach) -> ColumnElement[bool]:
    return or_(
        Customer.id.in_(assigned_work_orders(reach, "customer_id")),
        Customer.id.in_(select(Site.customer_id).where(_site_of(reach))),
    )


def _asset_of(reach: Reach) -> ColumnElement[bool]:
    return or_(
        Asset.site_id.in_(assigned_work_orders(reach, "site_id")),
        Asset.id.in_(assigned_work_orders(reach, "asset_id")),
    )


def _entitlement_of(reach: Reach) -> ColumnElement[bool]:
    return Entitlement.asset_id.in_(select(Asset.id).where(_asset_of(reach)))


def customers_visible_to(actor: Actor) -> Select[Customer]:
    """The office sees all customers, a technician those of the work orders that he has a visit of."""
    return narrowed(select(Customer), actor, _customer_of)


def sites_visible_to(actor: Actor) -> Select[Site]:
    """The office sees all sites, a technician those of the work orders that he has a visit of."""
    return narrowed(select(Site), actor, _site_of)


def assets_visible_to(actor: Actor) -> Select[Asset]:
    """The office sees all assets, a technician those at his sites and of his work orders."""
    return narrowed(select(Asset), actor, _asset_of)


def entitlements_visible_to(actor: Actor) -> Select[Entitlement]:
    """The office sees all entitlements, a technician those of the assets that he sees."""
    return narrowed(select(Entitlement), actor, _entitlement_of)


def customer_for(session: Session, actor: Actor, customer_id: UUID) -> Customer:
    """That customer; raises CustomerNotFound when there is none that `actor` may see."""
    return one_row(session, customers_visible_to(actor).where(Customer.id == customer_id), CustomerNotFound)


def site_for(session: Session, actor: Actor, site_id: UUID) -> Site:
    """That site; raises SiteNotFound when there is none that `actor` may see."""
    return one_row(session, sites_visible_to(actor).where(Site.id == site_id), SiteNotFound)


def asset_for(session: Session, actor: Actor, asset_id: UUID) -> Asset:
    """That asset; raises AssetNotFound when there is none that `actor` may see."""
    return one_row(session, assets_visible_to(actor).where(Asset.id == asset_id), AssetNotFound)


def entitlement_for(session: Session, actor: Actor, entitlement_id: UUID) -> Entitlement:
    """That entitlement; raises EntitlementNotFound when there is none that `actor` may see."""
    statement = entitlements_visible_to(actor).where(Entitlement.id == entitlement_id)
    return one_row(session, statement, EntitlementNotFound)


def list_customers(
    session: Session, actor: Actor, page: PageRequest, *, name: str | None = None, archived: bool = False
) -> Page[Customer]:
    """Visible customers whose name begins with `name`, archived ones or the others."""
    statement = customers_visible_to(actor).where(Customer.archived_at.is_not(None) == archived)
    if name is not None:
        statement = statement.where(Customer.search_name.startswith(fold(name), autoescape=True))
    return fetch_page(session, statement, page, key=Customer.id)


def list_sites(
    session: Session,
    actor: Actor,
    page: PageRequest,
    *,
    customer_id: UUID | None = None,
    needs_location: bool | None = None,
    archived: bool = False,
) -> Page[Site]:
    """Visible sites of a customer, that need a location or do not, archived ones or the others."""
    statement = sites_visible_to(actor).where(Site.archived_at.is_not(None) == archived)
    if customer_id is not None:
        statement = statement.where(Site.customer_id == customer_id)
    if needs_location is not None:
        statement = statement.where(Site.needs_location == needs_location)
    return fetch_page(session, statement, page, key=Site.id)


def list_assets(
    session: Session,
    actor: Actor,
    page: PageRequest,
    *,
    customer_id: UUID | None = None,
    site_id: UUID | None = None,
    serial_number: str | None = None,
    archived: bool = False,
) -> Page[Asset]:
    """Visible assets of a customer, at a site, with a serial number, archived ones or the others."""
    statement = assets_visible_to(actor).where(Asset.archived_at.is_not(None) == archived)
    if customer_id is not None:
        statement = statement.where(Asset.customer_id == customer_id)
    if site_id is not None:
        statement = statement.where(Asset.site_id == site_id)
    if serial_number is not None:
        statement = statement.where(Asset.serial_number == serial_number)
    return fetch_page(session, statement, page, key=Asset.id)


def list_entitlements(
    session: Session, actor: Actor, page: PageRequest, *, asset_id: UUID | None = None, archived: bool = False
) -> Page[Entitlement]:
    """Visible entitlements of an asset, archived ones or the others."""
    statement = entitlements_visible_to(actor).where(Entitlement.archived_at.is_not(None) == archived)
    if asset_id is not None:
        statement = statement.where(Entitlement.asset_id == asset_id)
    return fetch_page(session, statement, page, key=Entitlement.id)


def coverage_of(session: Session, actor: Actor, asset_id: UUID, *, on: date) -> Covered:
    """Whether the asset is covered on that day, and by what; raises AssetNotFound."""
    asset = asset_for(session, actor, asset_id)
    current = select(Entitlement).where(Entitlement.asset_id == asset.id, Entitlement.archived_at.is_(None))
    return Covered.by(asset.id, on, coverage_on(session.scalars(current), on))


def customers_by_external_key(session: Session, keys: set[str]) -> dict[str, Customer]:
    """The customers that an import knows by these keys."""
    rows = session.scalars(select(Customer).where(Customer.external_key.in_(keys)))
    return {str(row.external_key): row for row in rows}


def sites_by_external_key(
    session: Session, customer_ids: set[UUID], keys: set[str]
) -> dict[tuple[UUID, str], Site]:
    """The sites of these customers that an import knows by these keys."""
    rows = session.scalars(
        select(Site).where(Site.customer_id.in_(customer_ids), Site.external_key.in_(keys))
    )
    return {(row.customer_id, str(row.external_key)): row for row in rows}
