"""What a customer says to a window: yes, no, or another one; said to a dispatcher or through the link in a
mail."""

import secrets
from datetime import timedelta
from uuid import UUID

from backend.access.actor import Actor
from backend.access.permissions import requires
from backend.access.rules import Allowance
from backend.access.throttle import bucket_key, take
from backend.customers.queries import customer_for
from backend.db.unit_of_work import UnitOfWork
from backend.visits import queries
from backend.visits.letters import link_letter
from backend.visits.models import ConfirmationLink, Visit, WindowOffer
from backend.visits.rules import (
    LinksMailedOften,
    MailAddressMissing,
    OfferGone,
    Transition,
    Window,
    WindowChanged,
)
from backend.visits.steps import (
    Report,
    change_hands,
    check_step,
    check_version,
    clear_window,
    set_window,
    take_step,
    tell_rescheduled,
    touch_case_of,
    window_of,
    withdraw_offers,
)
from schemas.base import write_instant
from schemas.requests import Touch
from schemas.visits import Confirmation, OfferState, VisitStatus

TOKEN_BYTES = 32
"""256 bits: nobody guesses one."""
LINKS_PER_VISIT = Allowance(burst=4, seconds=4 * 3600)
LINKS_PER_CUSTOMER = Allowance(burst=20, seconds=15 * 60)
"""A housing company has many visits, yet nobody reads a hundred mails a day."""


@requires("visit:confirm")
def confirm_visit(uow: UnitOfWork, actor: Actor, visit_id: UUID, *, window_version: int) -> Visit:
    """The customer says yes to this version of the window. Twice is once.

    Raises VisitNotFound, WindowChanged when there is a newer version (or none), TransitionRefused when it
    is too late.
    """
    visit = queries.visit_to_change(uow.session, actor, visit_id)
    if visit.confirmation is Confirmation.CONFIRMED and visit.confirmed_window_version == window_version:
        return visit
    check_step(visit, Transition.CONFIRM)
    check_version(visit, window_version)
    if window_of(visit) is None:
        raise WindowChanged("Pick one of the windows on offer.", window_version=visit.window_version)
    _accept_window(visit)
    withdraw_offers(uow, visit.id)
    take_step(uow, actor, visit, Transition.CONFIRM)
    touch_case_of(uow, actor, visit, Touch.DISPATCH)
    return visit


@requires("visit:decline")
def decline_visit(
    uow: UnitOfWork, actor: Actor, visit_id: UUID, *, window_version: int, reason: str | None = None
) -> Visit:
    """The customer says no to this version of the window: the visit requires a slot again. Twice is once.

    Plan and technician are free again. Raises VisitNotFound, WindowChanged, TransitionRefused.
    """
    visit = queries.visit_to_change(uow.session, actor, visit_id)
    said_before = visit.status is VisitStatus.REQUIRES_SLOT and visit.confirmation is Confirmation.DECLINED
    if said_before and visit.window_version == window_version:
        return visit
    check_step(visit, Transition.DECLINE)
    check_version(visit, window_version)
    visit.confirmation = Confirmation.DECLINED
    visit.reason = reason
    change_hands(uow, visit, None)
    clear_window(visit)
    withdraw_offers(uow, visit.id)
    take_step(uow, actor, visit, Transition.DECLINE, Report(reason=reason))
    touch_case_of(uow, actor, visit, Touch.DISPATCH)
    return visit


@requires("visit:pick_window")
def pick_window(uow: UnitOfWork, actor: Actor, visit_id: UUID, *, offer_id: UUID) -> Visit:
    """The customer takes a window on offer: promised and confirmed in one. Twice is once.

    The technician keeps the visit only if he is free then (`VisitRescheduled`). Raises VisitNotFound,
    OfferGone, TransitionRefused.
    """
    visit = queries.visit_to_change(uow.session, actor, visit_id)
    offer = queries.offer_of(uow.session, visit_id, offer_id)
    if offer is None:
        raise OfferGone("Choose one of the windows that are on offer now.")
    window = Window(offer.starts_at, offer.ends_at)
    if offer.state is OfferState.PICKED and window_of(visit) == window:
        return visit
    check_step(visit, Transition.PICK_WINDOW)
    if offer.state is not OfferState.OPEN:
        raise OfferGone("Choose one of the windows that are on offer now.")
    _take_offer(uow, visit, offer)
    previous = change_hands(uow, visit, None)
    set_window(visit, window)
    _accept_window(visit)
    take_step(uow, actor, visit, Transition.PICK_WINDOW)
    touch_case_of(uow, actor, visit, Touch.DISPATCH)
    tell_rescheduled(uow, actor, visit, previous)
    return visit


def _accept_window(visit: Visit) -> None:
    visit.confirmation = Confirmation.CONFIRMED
    visit.confirmed_window_version = visit.window_version


def _take_offer(uow: UnitOfWork, visit: Visit, offer: WindowOffer) -> None:
    offer.state = OfferState.PICKED
    uow.flush()
    withdraw_offers(uow, visit.id)


# --- the link ----------------------------------------------------------------------------------


@requires("visit:issue_confirmation_link")
def issue_confirmation_link(
    uow: UnitOfWork, actor: Actor, visit_id: UUID, *, public_url: str, valid_days: int = 30
) -> ConfirmationLink:
    """Mail the customer a key to this visit, valid for `valid_days`; a link sent before stops working.

    The token goes into the mail and is kept as its hash only. Raises VisitNotFound, MailAddressMissing,
    LinksMailedOften.
    """
    visit = queries.visit_to_change(uow.session, actor, visit_id)
    work_order = queries.work_order_by_id(uow.session, visit.work_order_id)
    customer = customer_for(uow.session, actor, work_order.customer_id)
    if customer.email is None:
        raise MailAddressMissing("Add a mail address to the customer, or call and confirm for him.")
    _count_link(uow, visit.id, customer.id)
    for replaced in queries.live_links_of(uow.session, visit.id):
        replaced.revoked_at = uow.now
    token = secrets.token_urlsafe(TOKEN_BYTES)
    link = uow.add(
        ConfirmationLink(
            id=uow.mint_id(),
            visit_id=visit.id,
            token_sha256=queries.token_digest(token),
            expires_at=uow.now + timedelta(days=valid_days),
            revoked_at=None,
        )
    )
    address = f"{public_url.rstrip('/')}/v/{token}"
    offers = queries.offers_of(uow.session, visit.id)
    letter = link_letter(visit, work_order, customer.name, offers, address)
    uow.post("mail", {"to": customer.email, **letter}, key=f"confirmation-link:{link.id}")
    touch_case_of(uow, actor, visit, Touch.DISPATCH)
    return link


def _count_link(uow: UnitOfWork, visit_id: UUID, customer_id: UUID) -> None:
    refusal = take(
        uow,
        {
            bucket_key("link of visit", str(visit_id)): LINKS_PER_VISIT,
            bucket_key("link of customer", str(customer_id)): LINKS_PER_CUSTOMER,
        },
    )
    if refusal is not None:
        again = uow.now + timedelta(seconds=refusal.retry_after)
        raise LinksMailedOften(
            f"Call the customer, or send the next link after {write_instant(again)}.",
            retry_after=refusal.retry_after,
        )
