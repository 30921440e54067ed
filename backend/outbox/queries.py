"""What the outbox holds: the message to send next, the figures, and the dead letters for a person to see."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, func, select
from sqlalchemy.orm import Session

from backend.db.outbox_message import OutboxMessage, OutboxState, put_off_at
from backend.db.paging import Page, PageRequest, fetch_page
from backend.db.unit_of_work import UnitOfWork
from backend.outbox.rules import KINDS_OF, OWN_KINDS, SLOW_KINDS, Lane

_MOST_LINES = 500


@dataclass(frozen=True)
class OutboxFigures:
    """How many messages wait, were sent, were given up; and since when the oldest one that is due waits."""

    due: int
    sent: int
    dead: int
    waiting_since: datetime | None


def _is_due(now: datetime, lane: Lane, resting: Collection[str]) -> ColumnElement[bool]:
    due = (OutboxMessage.state == OutboxState.DUE) & (OutboxMessage.next_attempt_at <= now)
    if resting:
        due &= OutboxMessage.kind.not_in(sorted(resting))
    if lane in KINDS_OF:
        return due & OutboxMessage.kind.in_(sorted(KINDS_OF[lane]))
    return due & OutboxMessage.kind.not_in(sorted(SLOW_KINDS | OWN_KINDS))


def is_anything_due(session: Session, now: datetime, lane: Lane, resting: Collection[str] = ()) -> bool:
    """Whether a worker of this lane would find something to send now; `resting`: kinds it leaves alone."""
    return bool(session.scalar(select(exists().where(_is_due(now, lane, resting)))))


def is_anything_put_off(session: Session, now: datetime, kind: str) -> bool:
    """Whether messages of that kind failed and wait for their next attempt."""
    return bool(session.scalar(select(exists().where(put_off_at(now), OutboxMessage.kind == kind))))


def next_due_locked(
    session: Session, now: datetime, lane: Lane, resting: Collection[str] = ()
) -> OutboxMessage | None:
    """The message of a lane that is due longest and that no other worker is taking, locked; or None."""
    return session.scalars(
        select(OutboxMessage)
        .where(_is_due(now, lane, resting))
        .order_by(OutboxMessage.next_attempt_at, OutboxMessage.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()


def outbox_figures(session: Session) -> OutboxFigures:
    """The state of the outbox in four figures."""
    by_state = select(OutboxMessage.state, func.count()).group_by(OutboxMessage.state)
    counted = {state: count for state, count in session.execute(by_state)}  # noqa: C416 - dict() is not typed
    waiting = select(func.min(OutboxMessage.created_at)).where(OutboxMessage.state == OutboxState.DUE)
    return OutboxFigures(
        due=counted.get(OutboxState.DUE, 0),
        sent=counted.get(OutboxState.SENT, 0),
        dead=counted.get(OutboxState.DEAD, 0),
        waiting_since=session.scalar(waiting),
    )


def outbox_messages(session: Session, state: OutboxState, request: PageRequest) -> Page[OutboxMessage]:
    """Messages in one state, oldest first; `doorstep outbox` shows the dead ones with their `last_error`."""
    statement = select(OutboxMessage).where(OutboxMessage.state == state)
    return fetch_page(session, statement, request, key=OutboxMessage.created_at)


def unsent(uow: UnitOfWork) -> list[OutboxMessage]:
    """What waits and what was given up, the oldest first; at most 500, as somebody is to read it."""
    statement = select(OutboxMessage).where(OutboxMessage.state != OutboxState.SENT)
    oldest_first = statement.order_by(OutboxMessage.created_at, OutboxMessage.id)
    return list(uow.session.scalars(oldest_first.limit(_MOST_LINES)))


def forget_sent_before(session: Session, moment: datetime) -> None:
    """Delete what was sent before that moment: mails hold personal data and are not kept for ever."""
    session.execute(
        delete(OutboxMessage).where(OutboxMessage.state == OutboxState.SENT, OutboxMessage.sent_at < moment)
    )
