"""The customer's door: what the holder of a confirmation link sees and may do, with the token in place of
a sign-in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from backend.access.actor import Actor
from backend.access.permissions import PERMISSIONS, SYSTEM
from backend.customers.queries import customer_for, site_for
from backend.db.unit_of_work import UnitOfWork
from backend.visits import queries
from backend.visits.actions.confirmation import confirm_visit, decline_visit, pick_window
from backend.visits.models import Visit, WindowOffer, WorkOrder
from backend.visits.rules import TRANSITIONS, Transition, Window
from backend.visits.steps import window_of
from schemas.access import Role
from schemas.visits import Confirmation


@dataclass(frozen=True)
class VisitBehindLink:
    """All that a customer's page shows of a visit; times are instants, to be shown in the visit's
    `time_zone`."""

    visit: Visit
    work_order: WorkOrder
    customer_name: str
    address: str
    window: Window | None
    offers: Sequence[WindowOffer]
    can_confirm: bool
    can_decline: bool
    can_pick: bool
    expires_at: datetime


def customer_behind_link(uow: UnitOfWork, token: str) -> Actor:
    """Whom a token stands for: the customer, who reaches this one visit and nothing else.

    Raises ConfirmationLinkNotFound, ConfirmationLinkExpired.
    """
    link = queries.link_behind(uow.session, token, uow.now)
    return Actor(
        user_id=queries.customer_of_visit(uow.session, link.visit_id),
        role=Role.CUSTOMER,
        permissions=PERMISSIONS[Role.CUSTOMER],
        visit_id=link.visit_id,
    )


def visit_behind_link(uow: UnitOfWork, token: str) -> VisitBehindLink:
    """What the link shows; changes nothing, so that a mail scanner may follow it as often as it likes.

    Raises ConfirmationLinkNotFound, ConfirmationLinkExpired.
    """
    link = queries.link_behind(uow.session, token, uow.now)
    visit = queries.visit_for(uow.session, SYSTEM, link.visit_id)
    work_order = queries.work_order_by_id(uow.session, visit.work_order_id)
    site = site_for(uow.session, SYSTEM, work_order.site_id)
    window = window_of(visit)
    unanswered = visit.confirmation is not Confirmation.CONFIRMED
    offers = queries.offers_of(uow.session, visit.id)
    return VisitBehindLink(
        visit=visit,
        work_order=work_order,
        customer_name=customer_for(uow.session, SYSTEM, work_order.customer_id).name,
        address=", ".join(part for part in (site.address, site.postal_code, site.city) if part),
        window=window,
        offers=offers,
        can_confirm=window is not None and unanswered and visit.status in TRANSITIONS[Transition.CONFIRM],
        can_decline=visit.status in TRANSITIONS[Transition.DECLINE],
        can_pick=bool(offers) and visit.status in TRANSITIONS[Transition.PICK_WINDOW],
        expires_at=link.expires_at,
    )


def confirm_by_link(uow: UnitOfWork, token: str, window_version: int) -> Visit:
    """Yes to the version of the window that the page showed; see `confirm_visit`."""
    customer = customer_behind_link(uow, token)
    return confirm_visit(uow, customer, _visit_of(customer), window_version=window_version)


def decline_by_link(uow: UnitOfWork, token: str, window_version: int, reason: str | None = None) -> Visit:
    """No to the version of the window that the page showed; see `decline_visit`."""
    customer = customer_behind_link(uow, token)
    return decline_visit(uow, customer, _visit_of(customer), window_version=window_version, reason=reason)


def pick_offer_by_link(uow: UnitOfWork, token: str, offer_id: UUID) -> Visit:
    """Another window, one of those on offer; see `pick_window`."""
    customer = customer_behind_link(uow, token)
    return pick_window(uow, customer, _visit_of(customer), offer_id=offer_id)


def _visit_of(customer: Actor) -> UUID:
    assert customer.visit_id is not None
    return customer.visit_id
