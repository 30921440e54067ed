"""Reading what the daily reconciliation found, and whom to tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.payments.models import Person, Reconciliation

SHOWN = 100


def last_reconciled(session: Session) -> datetime | None:
    """When it was last done."""
    return session.scalar(select(Reconciliation.at).order_by(Reconciliation.at.desc()).limit(1))


def reconciliations(session: Session) -> Sequence[Reconciliation]:
    """The last hundred, the newest first."""
    return session.scalars(select(Reconciliation).order_by(Reconciliation.at.desc()).limit(SHOWN)).all()


def addresses_of_finance(session: Session) -> Sequence[str]:
    """Where everybody of finance reads mail."""
    return session.scalars(
        select(Person.email).where(Person.disabled_at.is_(None)).order_by(Person.email)
    ).all()
