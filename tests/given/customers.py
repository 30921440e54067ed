"""Customers, sites, assets and entitlements that tests begin with."""

from datetime import date
from typing import Any

from backend.access.permissions import SYSTEM
from backend.customers import actions
from backend.customers.models import Asset, Customer, Entitlement, Site
from backend.db.unit_of_work import UnitOfWork
from schemas.customers import EntitlementKind


def a_customer(uow: UnitOfWork, **over: Any) -> Customer:
    """A customer."""
    return actions.create_customer(uow, SYSTEM, over.pop("id", None), **{"name": "Ada Lindgren", **over})


def a_site(uow: UnitOfWork, **over: Any) -> Site:
    """A site in Berlin, of a new customer unless one is given."""
    customer_id = over.pop("customer_id", None) or a_customer(uow).id
    fields = {"address": "Torstraße 1", "city": "Berlin", "latitude": 52.5286, "longitude": 13.4105, **over}
    return actions.create_site(uow, SYSTEM, fields.pop("id", None), customer_id=customer_id, **fields)


def an_asset(uow: UnitOfWork, **over: Any) -> Asset:
    """A boiler, at a new site unless one is given."""
    site_id = over.pop("site_id", None) or a_site(uow).id
    fields = {"model": "Vaillant ecoTEC", "serial_number": f"SN-{uow.mint_id()}", **over}
    return actions.create_asset(uow, SYSTEM, fields.pop("id", None), site_id=site_id, **fields)


def an_entitlement(uow: UnitOfWork, **over: Any) -> Entitlement:
    """A warranty for the year 2026, on a new asset unless one is given."""
    asset_id = over.pop("asset_id", None) or an_asset(uow).id
    fields = {
        "kind": EntitlementKind.WARRANTY,
        "starts_on": date(2026, 1, 1),
        "ends_on": date(2026, 12, 31),
        "covers": "Parts and labour",
        **over,
    }
    return actions.create_entitlement(uow, SYSTEM, fields.pop("id", None), asset_id=asset_id, **fields)
