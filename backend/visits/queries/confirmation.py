"""All reading of what the customer is asked: offered windows, and the link to the answer."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.visits.models import ConfirmationLink, Visit, WindowOffer, WorkOrder
from backend.visits.rules import ConfirmationLinkExpired, ConfirmationLinkNotFound
from schemas.visits import OfferState


def offers_of(
    session: Session, visit_id: UUID, *, state: OfferState = OfferState.OPEN
) -> Sequence[WindowOffer]:
    """The windows on offer for a visit, the earliest first."""
    return session.scalars(
        select(WindowOffer)
        .where(WindowOffer.visit_id == visit_id, WindowOffer.state == state)
        .order_by(WindowOffer.starts_at, WindowOffer.id)
    ).all()


def offer_of(session: Session, visit_id: UUID, offer_id: UUID) -> WindowOffer | None:
    """That offer, in whatever state, if it was made for this visit."""
    return session.scalars(
        select(WindowOffer).where(WindowOffer.id == offer_id, WindowOffer.visit_id == visit_id)
    ).one_or_none()


def token_digest(token: str) -> bytes:
    """What is kept of a token."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def link_behind(session: Session, token: str, now: datetime) -> ConfirmationLink:
    """The link a token opens; raises ConfirmationLinkNotFound or ConfirmationLinkExpired."""
    link = session.scalars(
        select(ConfirmationLink).where(ConfirmationLink.token_sha256 == token_digest(token))
    ).one_or_none()
    if link is None:
        raise ConfirmationLinkNotFound("Open the link exactly as it is in the mail, or call us.")
    if link.revoked_at is not None:
        raise ConfirmationLinkExpired("A newer link was sent: open the one in the latest mail, or call us.")
    if link.expires_at <= now:
        raise ConfirmationLinkExpired("Call us and we will send a new one.")
    return link


def live_links_of(session: Session, visit_id: UUID) -> Sequence[ConfirmationLink]:
    """The links of a visit that were not replaced."""
    return session.scalars(
        select(ConfirmationLink).where(
            ConfirmationLink.visit_id == visit_id, ConfirmationLink.revoked_at.is_(None)
        )
    ).all()


def customer_of_visit(session: Session, visit_id: UUID) -> UUID:
    """The id of the customer a visit is for."""
    return session.scalars(
        select(WorkOrder.customer_id)
        .join(Visit, Visit.work_order_id == WorkOrder.id)
        .where(Visit.id == visit_id)
    ).one()
