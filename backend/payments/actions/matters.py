"""What people of finance see of what waits for them, and what they end by saying so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from backend.access.actor import Actor
from backend.db.unit_of_work import UnitOfWork
from backend.outbox.sending import try_again
from backend.payments import queries
from backend.payments.matters import Matter, matters
from backend.payments.models import SettledMatter
from backend.payments.permissions import requires
from backend.payments.requesting import Terms
from backend.payments.rules.errors import MatterNotFound
from schemas.payments import MatterKind


@requires("matter:read")
def list_matters(uow: UnitOfWork, person: Actor, *, terms: Terms) -> Sequence[Matter]:
    """Everything that waits for somebody of finance: complaints first, then by the longest wait."""
    return matters(uow, terms)


@requires("matter:settle")
def settle_matter(uow: UnitOfWork, person: Actor, subject_id: UUID, *, kind: MatterKind, words: str) -> None:
    """Say that a complaint, or a message refused or unsent, was dealt with; again changes nothing.

    Raises MatterNotFound, also for what ends with what is done about it.
    """
    queries.lock_subject(uow.session, subject_id)
    waiting = _settled_by_hand(uow, kind)
    if subject_id not in waiting:
        if queries.is_settled(uow.session, kind, subject_id):
            return
        raise MatterNotFound("See GET /matters for what waits, and what of it is settled by hand.")
    uow.add(
        SettledMatter(
            id=uow.mint_id(),
            kind=kind,
            subject_id=subject_id,
            subject_revision=waiting[subject_id],
            words=words,
            at=uow.now,
            person_id=person.user_id,
        )
    )


def _settled_by_hand(uow: UnitOfWork, kind: MatterKind) -> Mapping[UUID, int]:
    """What of a kind waits until somebody says so, with its revision: 0 for what cannot come up again."""
    match kind:
        case MatterKind.CASH_COMPLAINT:
            return {each.id: 0 for each in queries.unsettled_complaints(uow.session)}
        case MatterKind.MESSAGE_REFUSED:
            return {each.event_id: 0 for each in queries.refused_messages(uow.session)}
        case MatterKind.MESSAGE_UNSENT:
            return {each.id: each.revision for each in queries.unsent_messages(uow.session)}
    return {}


@requires("unsent_message:retry")
def retry_unsent_message(uow: UnitOfWork, person: Actor, message_id: UUID) -> None:
    """Try a message again that was given up, at once. Raises RecordNotFound when it is none."""
    try_again(uow, message_id)
