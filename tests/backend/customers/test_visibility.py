"""Who sees which customers, sites, assets and entitlements."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Select, Table

from backend.access.actor import Actor
from backend.access.permissions import PERMISSIONS
from backend.access.reach import VISIT_ASSIGNMENTS, VISITS, WORK_ORDERS
from backend.customers import queries
from backend.customers.rules import SiteNotFound
from backend.db.base import Base
from backend.db.unit_of_work import UnitOfWork
from schemas.access import Role
from tests.api import Api
from tests.backend.assigned import a_technician, an_assigned_visit, give_to
from tests.clock import SettableClock
from tests.given import customers as given
from tests.given.access import an_actor

EVERYTHING: list[Callable[[Actor], Select[Any]]] = [
    queries.customers_visible_to,
    queries.sites_visible_to,
    queries.assets_visible_to,
    queries.entitlements_visible_to,
]


@pytest.mark.parametrize("named", [VISITS, WORK_ORDERS, VISIT_ASSIGNMENTS], ids=lambda t: t.name)
def test_the_tables_that_reach_names_are_as_it_says(named: Table) -> None:
    real = Base.metadata.tables[named.name]
    assert {column.name for column in named.columns} <= set(real.columns.keys())


def test_a_technician_sees_just_what_belongs_to_the_visits_assigned_to_him(uow: UnitOfWork) -> None:
    mine = an_assigned_visit(uow)
    other = an_assigned_visit(uow)
    my_asset = given.an_asset(uow, site_id=mine.request.site_id)
    my_entitlement = given.an_entitlement(uow, asset_id=my_asset.id)
    given.an_entitlement(uow, asset_id=given.an_asset(uow, site_id=other.request.site_id).id)
    given.an_entitlement(uow)

    seen = [{row.id for row in uow.session.scalars(rows(mine.technician))} for rows in EVERYTHING]

    assert seen == [{mine.request.customer_id}, {mine.request.site_id}, {my_asset.id}, {my_entitlement.id}]


def test_a_technician_reads_no_customer_of_a_visit_long_over(uow: UnitOfWork) -> None:
    assigned = an_assigned_visit(uow)
    asset = given.an_asset(uow, site_id=assigned.request.site_id)
    given.an_entitlement(uow, asset_id=asset.id)
    ends = assigned.visit.scheduled_end
    assert ends is not None

    def seen(since: datetime) -> list[int]:
        technician = replace(assigned.technician, reads_since=since)
        return [len(uow.session.scalars(rows(technician)).all()) for rows in EVERYTHING]

    assert seen(ends) == [1, 1, 1, 1]
    assert seen(ends + timedelta(seconds=1)) == [0, 0, 0, 0]


def test_over_http_a_visit_stays_in_reach_for_three_months_and_no_longer(
    api: Api, clock: SettableClock
) -> None:
    with api.factory.begin() as uow:
        assigned = an_assigned_visit(uow)
        paths = [
            f"/customers/{assigned.request.customer_id}",
            f"/service-requests/{assigned.request.id}",
            f"/work-orders/{assigned.work_order.id}",
            f"/visits/{assigned.visit.id}",
        ]
    for days, status in ((92, 200), (2, 404)):
        clock.advance(days=days)
        technician = api.of(assigned.technician.user_id)
        assert [technician.get(path).status_code for path in paths] == [status] * len(paths)
        assert api.as_("dispatcher", f"after {days}").get(paths[0]).status_code == 200


def test_what_a_technician_may_not_see_is_not_found(uow: UnitOfWork) -> None:
    other = an_assigned_visit(uow)
    with pytest.raises(SiteNotFound):
        queries.site_for(uow.session, a_technician(uow), other.work_order.site_id)


def test_a_visit_that_moves_takes_its_site_along(uow: UnitOfWork) -> None:
    assigned = an_assigned_visit(uow)
    successor = a_technician(uow)
    give_to(uow, assigned.visit, successor)
    site_id = assigned.work_order.site_id
    assert queries.site_for(uow.session, successor, site_id).id == site_id
    with pytest.raises(SiteNotFound):
        queries.site_for(uow.session, assigned.technician, site_id)


@pytest.mark.parametrize("role", [Role.DISPATCHER, Role.FINANCE, Role.MANAGER, Role.ADMINISTRATOR])
def test_the_office_sees_all(uow: UnitOfWork, role: Role) -> None:
    given.an_entitlement(uow)
    actor = an_actor(uow, role)
    assert all(uow.session.scalars(rows(actor)).all() for rows in EVERYTHING)


def test_a_customers_link_sees_nothing_here(uow: UnitOfWork) -> None:
    assigned = an_assigned_visit(uow)
    given.an_entitlement(uow, asset_id=given.an_asset(uow, site_id=assigned.work_order.site_id).id)
    link = Actor(uuid4(), Role.CUSTOMER, PERMISSIONS[Role.CUSTOMER], visit_id=assigned.visit.id)
    assert not any(uow.session.scalars(rows(link)).all() for rows in EVERYTHING)
