"""The routes of customers, sites, assets and entitlements."""

from typing import Any, TypeAlias
from uuid import UUID

from backend.access.actor import Actor
from backend.customers import actions, queries
from backend.customers.models import Asset, Customer, Entitlement, Site
from backend.customers.rules import Covered
from backend.db.paging import Page, PageRequest
from backend.db.unit_of_work import UnitOfWork
from backend.web.blueprint import Room
from schemas.customers import (
    AssetBody,
    AssetQuery,
    Coverage,
    CoverageQuery,
    CreateAsset,
    CreateCustomer,
    CreateEntitlement,
    CreateSite,
    CustomerBody,
    CustomerQuery,
    EditAsset,
    EditCustomer,
    EditEntitlement,
    EditSite,
    EntitlementBody,
    EntitlementQuery,
    SiteBody,
    SiteQuery,
)

Fields: TypeAlias = dict[str, Any]

room = Room("customers", __name__, description="Customers, their sites and assets, and what is covered.")


@room.get("/customers", query=CustomerQuery, page_of=CustomerBody, permission="customer:read")
def list_customers(uow: UnitOfWork, actor: Actor, page: PageRequest, query: Fields) -> Page[Customer]:
    """Customers, by the beginning of their name."""
    return queries.list_customers(uow.session, actor, page, **query)


@room.post("/customers", body=CreateCustomer, answer=CustomerBody, creates=True, permission="customer:create")
def create_customer(uow: UnitOfWork, actor: Actor, fields: Fields) -> Customer:
    """A new customer."""
    return actions.create_customer(uow, actor, fields.pop("id", None), **fields)


@room.get("/customers/<uuid:customer_id>", answer=CustomerBody, permission="customer:read")
def show_customer(uow: UnitOfWork, actor: Actor, customer_id: UUID) -> Customer:
    """One customer, archived or not."""
    return queries.customer_for(uow.session, actor, customer_id)


@room.patch(
    "/customers/<uuid:customer_id>",
    body=EditCustomer,
    answer=CustomerBody,
    edits=True,
    permission="customer:edit",
)
def edit_customer(uow: UnitOfWork, actor: Actor, fields: Fields, customer_id: UUID) -> Customer:
    """Change some fields of a customer."""
    return actions.edit_customer(uow, actor, customer_id, **fields)


@room.post("/customers/<uuid:customer_id>/archive", answer=CustomerBody, permission="customer:archive")
def archive_customer(uow: UnitOfWork, actor: Actor, customer_id: UUID) -> Customer:
    """Take a customer out of the lists."""
    return actions.archive_customer(uow, actor, customer_id)


@room.get("/sites", query=SiteQuery, page_of=SiteBody, permission="site:read")
def list_sites(uow: UnitOfWork, actor: Actor, page: PageRequest, query: Fields) -> Page[Site]:
    """Sites, of a customer or those that need a location."""
    return queries.list_sites(uow.session, actor, page, **query)


@room.post("/sites", body=CreateSite, answer=SiteBody, creates=True, permission="site:create")
def create_site(uow: UnitOfWork, actor: Actor, fields: Fields) -> Site:
    """A new site; without a time zone that of its place is taken."""
    return actions.create_site(uow, actor, fields.pop("id", None), **fields)


@room.get("/sites/<uuid:site_id>", answer=SiteBody, permission="site:read")
def show_site(uow: UnitOfWork, actor: Actor, site_id: UUID) -> Site:
    """One site, archived or not."""
    return queries.site_for(uow.session, actor, site_id)


@room.patch("/sites/<uuid:site_id>", body=EditSite, answer=SiteBody, edits=True, permission="site:edit")
def edit_site(uow: UnitOfWork, actor: Actor, fields: Fields, site_id: UUID) -> Site:
    """Change some fields of a site."""
    return actions.edit_site(uow, actor, site_id, **fields)


@room.post("/sites/<uuid:site_id>/archive", answer=SiteBody, permission="site:archive")
def archive_site(uow: UnitOfWork, actor: Actor, site_id: UUID) -> Site:
    """Take a site out of the lists."""
    return actions.archive_site(uow, actor, site_id)


@room.get("/assets", query=AssetQuery, page_of=AssetBody, permission="asset:read")
def list_assets(uow: UnitOfWork, actor: Actor, page: PageRequest, query: Fields) -> Page[Asset]:
    """Assets, of a customer, at a site, or with a serial number."""
    return queries.list_assets(uow.session, actor, page, **query)


@room.post("/assets", body=CreateAsset, answer=AssetBody, creates=True, permission="asset:create")
def create_asset(uow: UnitOfWork, actor: Actor, fields: Fields) -> Asset:
    """A new asset."""
    return actions.create_asset(uow, actor, fields.pop("id", None), **fields)


@room.get("/assets/<uuid:asset_id>", answer=AssetBody, permission="asset:read")
def show_asset(uow: UnitOfWork, actor: Actor, asset_id: UUID) -> Asset:
    """One asset, archived or not."""
    return queries.asset_for(uow.session, actor, asset_id)


@room.get(
    "/assets/<uuid:asset_id>/coverage", query=CoverageQuery, answer=Coverage, permission="entitlement:read"
)
def show_coverage(uow: UnitOfWork, actor: Actor, query: Fields, asset_id: UUID) -> Covered:
    """Whether an asset is covered on a day, and by what."""
    return queries.coverage_of(uow.session, actor, asset_id, **query)


@room.patch("/assets/<uuid:asset_id>", body=EditAsset, answer=AssetBody, edits=True, permission="asset:edit")
def edit_asset(uow: UnitOfWork, actor: Actor, fields: Fields, asset_id: UUID) -> Asset:
    """Change some fields of an asset."""
    return actions.edit_asset(uow, actor, asset_id, **fields)


@room.post("/assets/<uuid:asset_id>/archive", answer=AssetBody, permission="asset:archive")
def archive_asset(uow: UnitOfWork, actor: Actor, asset_id: UUID) -> Asset:
    """Take an asset out of the lists."""
    return actions.archive_asset(uow, actor, asset_id)


@room.get("/entitlements", query=EntitlementQuery, page_of=EntitlementBody, permission="entitlement:read")
def list_entitlements(uow: UnitOfWork, actor: Actor, page: PageRequest, query: Fields) -> Page[Entitlement]:
    """Entitlements, of an asset."""
    return queries.list_entitlements(uow.session, actor, page, **query)


@room.post(
    "/entitlements",
    body=CreateEntitlement,
    answer=EntitlementBody,
    creates=True,
    permission="entitlement:create",
)
def create_entitlement(uow: UnitOfWork, actor: Actor, fields: Fields) -> Entitlement:
    """A new warranty or agreement."""
    return actions.create_entitlement(uow, actor, fields.pop("id", None), **fields)


@room.get("/entitlements/<uuid:entitlement_id>", answer=EntitlementBody, permission="entitlement:read")
def show_entitlement(uow: UnitOfWork, actor: Actor, entitlement_id: UUID) -> Entitlement:
    """One entitlement, archived or not."""
    return queries.entitlement_for(uow.session, actor, entitlement_id)


@room.patch(
    "/entitlements/<uuid:entitlement_id>",
    body=EditEntitlement,
    answer=EntitlementBody,
    edits=True,
    permission="entitlement:edit",
)
def edit_entitlement(uow: UnitOfWork, actor: Actor, fields: Fields, entitlement_id: UUID) -> Entitlement:
    """Change some fields of an entitlement."""
    return actions.edit_entitlement(uow, actor, entitlement_id, **fields)


@room.post(
    "/entitlements/<uuid:entitlement_id>/archive", answer=EntitlementBody, permission="entitlement:archive"
)
def archive_entitlement(uow: UnitOfWork, actor: Actor, entitlement_id: UUID) -> Entitlement:
    """Take an entitlement out of the lists and out of coverage."""
    return actions.archive_entitlement(uow, actor, entitlement_id)
