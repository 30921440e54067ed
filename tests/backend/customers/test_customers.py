"""Customers, sites, assets and entitlements: what is written, what is refused, what is covered."""

from datetime import date
from uuid import uuid4
from zoneinfo import available_timezones

import pytest

from backend.access.permissions import SYSTEM
from backend.customers import actions, queries
from backend.customers.rules import (
    AssetNotFound,
    DaysOutOfOrder,
    HalfACoordinate,
    SiteLocated,
    TimeZoneUnknown,
    zone_at,
)
from backend.db.paging import PageRequest
from backend.db.types import Coordinates
from backend.db.unit_of_work import UnitOfWork
from schemas.access import Role
from schemas.customers import EntitlementKind
from schemas.errors import IdAlreadyUsed, PermissionRefused
from tests.given import customers as given
from tests.given.access import an_actor


def test_the_zone_of_a_site_is_that_of_its_place(uow: UnitOfWork) -> None:
    site = given.a_site(uow, latitude=40.7128, longitude=-74.006)
    assert site.time_zone == "America/New_York"
    assert not site.needs_location


def test_a_given_zone_wins_over_the_place(uow: UnitOfWork) -> None:
    assert given.a_site(uow, time_zone="Europe/Lisbon").time_zone == "Europe/Lisbon"


@pytest.mark.parametrize("place", [(90, 0), (-90, -180), (0, 180), (0, 0), (-89.9, 179.9)])
def test_every_place_on_earth_has_a_zone_that_exists(place: tuple[float, float]) -> None:
    assert zone_at(Coordinates(*place)) in available_timezones()


def test_a_site_without_a_place_needs_a_location_and_a_zone(uow: UnitOfWork) -> None:
    with pytest.raises(TimeZoneUnknown):
        given.a_site(uow, latitude=None, longitude=None)
    site = given.a_site(uow, latitude=None, longitude=None, time_zone="Europe/Berlin")
    assert site.needs_location
    assert site.point is None


def test_half_a_coordinate_is_refused(uow: UnitOfWork) -> None:
    with pytest.raises(HalfACoordinate):
        given.a_site(uow, longitude=None)
    site = given.a_site(uow)
    with pytest.raises(HalfACoordinate):
        actions.edit_site(uow, SYSTEM, site.id, latitude=1.0)


def test_locating_a_site_brings_its_zone_and_is_told(
    uow: UnitOfWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []
    monkeypatch.setattr(uow, "tell", lambda actor, fact: told.append(fact))
    site = given.a_site(uow, latitude=None, longitude=None, time_zone="Europe/Berlin")
    actions.edit_site(uow, SYSTEM, site.id, latitude=35.68, longitude=139.69)
    assert (site.time_zone, site.needs_location) == ("Asia/Tokyo", False)
    actions.edit_site(uow, SYSTEM, site.id, latitude=35.69, longitude=139.7)
    assert told == [SiteLocated(site.id)]


def test_an_asset_belongs_to_the_customer_of_its_site(uow: UnitOfWork) -> None:
    asset = given.an_asset(uow)
    elsewhere = given.a_site(uow)
    actions.edit_asset(uow, SYSTEM, asset.id, site_id=elsewhere.id)
    assert asset.customer_id == elsewhere.customer_id


@pytest.mark.parametrize(
    ("day", "covered"),
    [
        (date(2025, 12, 31), False),
        (date(2026, 1, 1), True),
        (date(2026, 12, 31), True),
        (date(2027, 1, 1), False),
    ],
)
def test_first_and_last_day_of_an_entitlement_are_covered(uow: UnitOfWork, day: date, covered: bool) -> None:
    entitlement = given.an_entitlement(uow)
    answer = queries.coverage_of(uow.session, SYSTEM, entitlement.asset_id, on=day)
    assert answer.covered is covered
    assert answer.entitlement_id == (entitlement.id if covered else None)


def test_of_two_entitlements_the_longer_one_answers_and_an_archived_one_never_does(uow: UnitOfWork) -> None:
    asset = given.an_asset(uow)
    given.an_entitlement(uow, asset_id=asset.id)
    longer = given.an_entitlement(
        uow, asset_id=asset.id, ends_on=date(2030, 1, 1), kind=EntitlementKind.AGREEMENT
    )
    day = date(2026, 6, 1)
    assert queries.coverage_of(uow.session, SYSTEM, asset.id, on=day).kind is EntitlementKind.AGREEMENT
    actions.archive_entitlement(uow, SYSTEM, longer.id)
    assert queries.coverage_of(uow.session, SYSTEM, asset.id, on=day).kind is EntitlementKind.WARRANTY


def test_an_entitlement_cannot_end_before_it_starts(uow: UnitOfWork) -> None:
    with pytest.raises(DaysOutOfOrder):
        given.an_entitlement(uow, ends_on=date(2025, 1, 1))
    entitlement = given.an_entitlement(uow)
    with pytest.raises(DaysOutOfOrder):
        actions.edit_entitlement(uow, SYSTEM, entitlement.id, starts_on=date(2027, 1, 1))


def test_coverage_of_an_unknown_asset_is_not_found(uow: UnitOfWork) -> None:
    with pytest.raises(AssetNotFound):
        queries.coverage_of(uow.session, SYSTEM, uuid4(), on=date(2026, 1, 1))


def test_creating_twice_with_one_id_is_creating_once(uow: UnitOfWork) -> None:
    customer = given.a_customer(uow)
    assert given.a_customer(uow, id=customer.id) is customer
    with pytest.raises(IdAlreadyUsed):
        given.a_customer(uow, id=customer.id, name="Somebody else")


def test_names_are_found_by_their_beginning_whatever_case_and_accents(uow: UnitOfWork) -> None:
    wanted = given.a_customer(uow, name="Éva MÜLLER")
    given.a_customer(uow, name="Müller, Éva")
    given.a_customer(uow, name="100% Eva")
    for text in ("eva m", "ÉVA", "Eva Mü"):
        assert list(queries.list_customers(uow.session, SYSTEM, PageRequest(), name=text).items) == [wanted]
    assert not queries.list_customers(uow.session, SYSTEM, PageRequest(), name="%va").items


def test_an_archived_customer_leaves_the_lists_and_is_still_found(uow: UnitOfWork) -> None:
    customer = given.a_customer(uow)
    actions.archive_customer(uow, SYSTEM, customer.id)
    first = customer.archived_at
    actions.archive_customer(uow, SYSTEM, customer.id)
    assert customer.archived_at == first
    assert not queries.list_customers(uow.session, SYSTEM, PageRequest()).items
    assert queries.list_customers(uow.session, SYSTEM, PageRequest(), archived=True).items == [customer]
    assert queries.customer_for(uow.session, SYSTEM, customer.id) is customer


def test_a_technician_creates_no_customers(uow: UnitOfWork) -> None:
    with pytest.raises(PermissionRefused):
        actions.create_customer(uow, an_actor(uow, Role.TECHNICIAN), name="Mine")
