"""Words and shapes of customers, sites, assets and entitlements."""

from enum import StrEnum

from marshmallow import validate

from schemas.base import (
    Email,
    Enumeration,
    Flag,
    Id,
    Instant,
    Latitude,
    Line,
    LocalDate,
    Longitude,
    PageQuery,
    QueryShape,
    RecordShape,
    Shape,
    Text,
    TimeZone,
)

_PHONE = validate.Regexp(
    r"\+?[0-9][0-9 ()./-]{2,38}\Z", error="Must be a telephone number such as +1 212 555 0100."
)
_LANGUAGE = validate.Regexp(r"[a-z]{2,3}(-[A-Z]{2})?\Z", error="Must be a language such as en or pt-BR.")
_COUNTRY = validate.Regexp(r"[A-Z]{2}\Z", error="Must be a country of ISO 3166 such as US.")


class EntitlementKind(StrEnum):
    """Where a right to free or reduced work comes from."""

    WARRANTY = "warranty"
    AGREEMENT = "agreement"


class CustomerBody(RecordShape):
    """A customer, as GET and the feed show it."""

    name = Line(max=200)
    email = Email(allow_none=True)
    phone = Line(max=40, allow_none=True)
    language = Line(max=6)
    external_key = Line(max=200, allow_none=True)
    archived_at = Instant(allow_none=True)


class CreateCustomer(Shape):
    """A new customer; `external_key` is the name another system gives to it, unique here."""

    id = Id()
    name = Line(max=200, required=True)
    email = Email(allow_none=True)
    phone = Line(max=40, validate=_PHONE, allow_none=True)
    language = Line(max=6, validate=_LANGUAGE)
    external_key = Line(max=200, allow_none=True)


class EditCustomer(Shape):
    """What may change of a customer; what is absent stays."""

    name = Line(max=200)
    email = Email(allow_none=True)
    phone = Line(max=40, validate=_PHONE, allow_none=True)
    language = Line(max=6, validate=_LANGUAGE)
    external_key = Line(max=200, allow_none=True)


class CustomerQuery(PageQuery):
    """Which customers: `name` is the beginning of a name, whatever its case and accents."""

    name = Line(max=200)
    archived = Flag(load_default=False)


class SiteBody(RecordShape):
    """A site, as GET and the feed show it; latitude and longitude are null while `needs_location`."""

    customer_id = Id()
    name = Line(max=200, allow_none=True)
    address = Text(max=400)
    postal_code = Line(max=20, allow_none=True)
    city = Line(max=100, allow_none=True)
    country = Line(max=2, allow_none=True)
    latitude = Latitude(allow_none=True)
    longitude = Longitude(allow_none=True)
    needs_location = Flag()
    time_zone = TimeZone()
    access_hours = Text(max=400, allow_none=True)
    access_notes = Text(max=2000, allow_none=True)
    archived_at = Instant(allow_none=True)


class CreateSite(Shape):
    """A new site; without `time_zone` the zone of its place is taken."""

    id = Id()
    customer_id = Id(required=True)
    name = Line(max=200, allow_none=True)
    address = Text(max=400, required=True)
    postal_code = Line(max=20, allow_none=True)
    city = Line(max=100, allow_none=True)
    country = Line(max=2, validate=_COUNTRY, allow_none=True)
    latitude = Latitude(allow_none=True)
    longitude = Longitude(allow_none=True)
    time_zone = TimeZone()
    access_hours = Text(max=400, allow_none=True)
    access_notes = Text(max=2000, allow_none=True)


class EditSite(Shape):
    """What may change of a site; a new place brings its own time zone unless one is given with it."""

    name = Line(max=200, allow_none=True)
    address = Text(max=400)
    postal_code = Line(max=20, allow_none=True)
    city = Line(max=100, allow_none=True)
    country = Line(max=2, validate=_COUNTRY, allow_none=True)
    latitude = Latitude(allow_none=True)
    longitude = Longitude(allow_none=True)
    time_zone = TimeZone()
    access_hours = Text(max=400, allow_none=True)
    access_notes = Text(max=2000, allow_none=True)


class SiteQuery(PageQuery):
    """Which sites."""

    customer_id = Id()
    needs_location = Flag()
    archived = Flag(load_default=False)


class AssetBody(RecordShape):
    """An asset, as GET and the feed show it."""

    site_id = Id()
    customer_id = Id()
    model = Line(max=200)
    serial_number = Line(max=100, allow_none=True)
    installed_on = LocalDate(allow_none=True)
    archived_at = Instant(allow_none=True)


class CreateAsset(Shape):
    """A new asset; it belongs to the customer of its site."""

    id = Id()
    site_id = Id(required=True)
    model = Line(max=200, required=True)
    serial_number = Line(max=100, allow_none=True)
    installed_on = LocalDate(allow_none=True)


class EditAsset(Shape):
    """What may change of an asset; a new site brings its customer along."""

    site_id = Id()
    model = Line(max=200)
    serial_number = Line(max=100, allow_none=True)
    installed_on = LocalDate(allow_none=True)


class AssetQuery(PageQuery):
    """Which assets."""

    customer_id = Id()
    site_id = Id()
    serial_number = Line(max=100)
    archived = Flag(load_default=False)


class EntitlementBody(RecordShape):
    """An entitlement, as GET and the feed show it; both days belong to it."""

    asset_id = Id()
    kind = Enumeration(EntitlementKind)
    starts_on = LocalDate()
    ends_on = LocalDate()
    covers = Text(max=400)
    archived_at = Instant(allow_none=True)


class CreateEntitlement(Shape):
    """A new warranty or agreement on an asset."""

    id = Id()
    asset_id = Id(required=True)
    kind = Enumeration(EntitlementKind, required=True)
    starts_on = LocalDate(required=True)
    ends_on = LocalDate(required=True)
    covers = Text(max=400, required=True)


class EditEntitlement(Shape):
    """What may change of an entitlement."""

    kind = Enumeration(EntitlementKind)
    starts_on = LocalDate()
    ends_on = LocalDate()
    covers = Text(max=400)


class EntitlementQuery(PageQuery):
    """Which entitlements."""

    asset_id = Id()
    archived = Flag(load_default=False)


class CoverageQuery(QueryShape):
    """The day in question, in the calendar of the asset's site."""

    on = LocalDate(required=True)


class Coverage(Shape):
    """Whether an asset is covered on a day, and by which entitlement (the one that lasts longest)."""

    asset_id = Id()
    on = LocalDate()
    covered = Flag()
    entitlement_id = Id(allow_none=True)
    kind = Enumeration(EntitlementKind, allow_none=True)
    covers = Text(max=400, allow_none=True)
    ends_on = LocalDate(allow_none=True)
