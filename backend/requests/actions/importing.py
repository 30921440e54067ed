"""What an import does with one batch of rows: customers, sites and requests that are not known yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from backend.access.actor import Actor
from backend.access.permissions import requires
from backend.customers.actions import create_customer, create_site, edit_site
from backend.customers.queries import customers_by_external_key, sites_by_external_key
from backend.db.unit_of_work import UnitOfWork
from backend.requests.import_csv import ImportedRow, to_utc
from backend.requests.models import CaseTouch, ServiceRequest
from backend.requests.queries import draw_numbers, known_external_keys
from backend.requests.rules import NUMBER_SERIES, response_due
from schemas.requests import Channel, Priority, RequestStatus, Touch


@dataclass(frozen=True)
class BatchCount:
    """How many rows of a batch became requests, and how many were requests already."""

    new: int
    known: int


@requires("service_request:import")
def import_service_requests(
    uow: UnitOfWork, actor: Actor, *, rows: Sequence[ImportedRow], default_zone: str
) -> BatchCount:
    """Take in the rows whose key no imported request has; a row without a place is flagged as needing one.

    Agencies become customers, their addresses sites, one per customer and address. Local times are those of
    the row's place, without a place those of `default_zone` (IANA). Doing it again does nothing.
    """
    known = known_external_keys(uow.session, Channel.IMPORT, {row.key for row in rows})
    fresh = {row.key: row for row in reversed(rows) if row.key not in known}
    wanted = [row for row in rows if fresh.get(row.key) is row]
    if not wanted:
        return BatchCount(0, len(rows))
    customers = _customers(uow, actor, wanted)
    sites = _sites(uow, actor, wanted, customers, default_zone)
    numbers = draw_numbers(uow, NUMBER_SERIES, len(wanted))
    requests = [
        _request(uow, actor, row, number, customers[row.customer_key], sites, default_zone)
        for row, number in zip(wanted, numbers, strict=True)
    ]
    uow.add_all(requests)
    uow.add_all(
        CaseTouch(id=uow.mint_id(), case_id=request.id, user_id=actor.user_id, how=Touch.INTAKE)
        for request in requests
    )
    return BatchCount(len(wanted), len(rows) - len(wanted))


def _customers(uow: UnitOfWork, actor: Actor, rows: Sequence[ImportedRow]) -> dict[str, UUID]:
    """The ids of the rows' customers by their keys; those that are missing are created."""
    found = customers_by_external_key(uow.session, {row.customer_key for row in rows})
    ids = {key: customer.id for key, customer in found.items()}
    for row in rows:
        if row.customer_key not in ids:
            created = create_customer(uow, actor, name=row.customer_name, external_key=row.customer_key)
            ids[row.customer_key] = created.id
    return ids


def _sites(
    uow: UnitOfWork, actor: Actor, rows: Sequence[ImportedRow], customers: dict[str, UUID], default_zone: str
) -> dict[tuple[UUID, str], UUID]:
    """The ids of the rows' sites by customer and key; those that are missing are created."""
    found = sites_by_external_key(uow.session, set(customers.values()), {row.site_key for row in rows})
    ids = {key: site.id for key, site in found.items()}
    _locate(uow, actor, rows, customers, {key for key, site in found.items() if site.needs_location}, ids)
    # Of several rows of one new site the first that knows the place describes it.
    for row in sorted(rows, key=lambda row: row.place is None):
        place_key = (customers[row.customer_key], row.site_key)
        if place_key not in ids:
            created = create_site(
                uow,
                actor,
                customer_id=customers[row.customer_key],
                address=row.address,
                city=row.city,
                postal_code=row.postal_code,
                latitude=None if row.place is None else row.place.latitude,
                longitude=None if row.place is None else row.place.longitude,
                time_zone=row.zone(default_zone),
                external_key=row.site_key,
            )
            ids[place_key] = created.id
    return ids


def _locate(
    uow: UnitOfWork,
    actor: Actor,
    rows: Sequence[ImportedRow],
    customers: dict[str, UUID],
    unlocated: set[tuple[UUID, str]],
    ids: dict[tuple[UUID, str], UUID],
) -> None:
    """Give sites that an earlier row left without a place the one that a row knows now."""
    for row in rows:
        key = (customers[row.customer_key], row.site_key)
        if row.place is not None and key in unlocated:
            edit_site(uow, actor, ids[key], latitude=row.place.latitude, longitude=row.place.longitude)
            unlocated.discard(key)


def _request(
    uow: UnitOfWork,
    actor: Actor,
    row: ImportedRow,
    number: str,
    customer_id: UUID,
    sites: dict[tuple[UUID, str], UUID],
    default_zone: str,
) -> ServiceRequest:
    zone = row.zone(default_zone)
    received_at = to_utc(row.created, zone)
    return ServiceRequest(
        id=uow.mint_id(),
        number=number,
        channel=Channel.IMPORT,
        external_key=row.key,
        customer_id=customer_id,
        site_id=sites[customer_id, row.site_key],
        said=row.said,
        category=row.category,
        descriptor=row.descriptor,
        priority=Priority.NORMAL,
        received_at=received_at,
        due_at=None if row.due is None else to_utc(row.due, zone),
        first_response_due_at=response_due(
            Priority.NORMAL, Channel.IMPORT, received_at=received_at, taken_at=uow.now
        ),
        status=RequestStatus.NEW,
        needs_location=row.place is None,
        taken_by=actor.user_id,
    )
