"""What devices hold of customers: the sites of their work orders, and what hangs on these."""

from backend.access.reach import TECHNICIAN
from backend.customers.models import Asset, Customer, Entitlement, Site
from schemas.customers import AssetBody, CustomerBody, EntitlementBody, SiteBody
from sync.collections import Collection, Edge, Kind

COLLECTIONS = (
    Collection(
        "customers",
        Customer,
        CustomerBody,
        TECHNICIAN,
        kinds=dict.fromkeys(("name", "email", "phone", "language"), Kind.PROMISE),
    ),
    Collection(
        "sites",
        Site,
        SiteBody,
        TECHNICIAN,
        kinds=dict.fromkeys(
            ("name", "address", "point", "time_zone", "access_hours", "access_notes"), Kind.PROMISE
        ),
        edges=(Edge(Site.customer_id, "customers", "target"),),
    ),
    Collection(
        "assets",
        Asset,
        AssetBody,
        TECHNICIAN,
        kinds=dict.fromkeys(("model", "serial_number", "installed_on"), Kind.PROMISE),
        edges=(Edge(Asset.site_id, "sites", "owner"),),
    ),
    Collection(
        "entitlements",
        Entitlement,
        EntitlementBody,
        TECHNICIAN,
        kinds=dict.fromkeys(("starts_on", "ends_on", "covers"), Kind.PROMISE),
        edges=(Edge(Entitlement.asset_id, "assets", "owner"),),
    ),
)
