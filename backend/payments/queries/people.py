"""Reading who of finance may come in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, delete, exists, func, select
from sqlalchemy.orm import Session

from backend.db.types import Instant
from backend.payments.models import (
    LedgerAudit,
    Person,
    PersonSession,
)
from backend.payments.rules.errors import PersonNotFound

HOLDER = (
    select(Person.id)
    .join(PersonSession, PersonSession.person_id == Person.id)
    .where(
        PersonSession.token_sha256 == bindparam("token"),
        PersonSession.expires_at > bindparam("now", type_=Instant()),
        Person.disabled_at.is_(None),
    )
)
"""Who holds the token with this hash now."""


def person_by_email(session: Session, email: str) -> Person | None:
    """Whoever may sign in with this address."""
    return session.scalar(select(Person).where(Person.email == email, Person.disabled_at.is_(None)))


def is_known_address(session: Session, email: str) -> bool:
    """Whether the address is anybody's, disabled or not."""
    return bool(session.scalar(select(exists().where(Person.email == email))))


def refused_sign_ins(session: Session, person_id: UUID, since: datetime) -> int:
    """How often somebody was refused at the door since then."""
    return (
        session.scalar(
            select(func.count())
            .select_from(LedgerAudit)
            .where(
                LedgerAudit.subject_id == person_id,
                LedgerAudit.action == "session.refused",
                LedgerAudit.at > since,
            )
        )
        or 0
    )


def people(session: Session) -> Sequence[Person]:
    """Everybody of finance, those who may no longer come in as well, by address."""
    return session.scalars(select(Person).order_by(Person.email)).all()


def person_by_id(session: Session, person_id: UUID) -> Person:
    """That person, held until the transaction ends; raises PersonNotFound."""
    found = session.get(Person, person_id, with_for_update=True)
    if found is None:
        raise PersonNotFound("Check the id.")
    return found


def end_sessions(session: Session, person_id: UUID) -> None:
    """Delete every session of a person."""
    session.execute(delete(PersonSession).where(PersonSession.person_id == person_id))


def forget_sessions(session: Session, now: datetime) -> None:
    """Delete what is over."""
    session.execute(delete(PersonSession).where(PersonSession.expires_at <= now))
