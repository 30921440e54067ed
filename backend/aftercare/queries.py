"""All reading of callbacks, who may see them, and who may not take them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, false, select
from sqlalchemy.orm import Session

from backend.access.actor import Actor
from backend.access.queries import user_names
from backend.access.reach import narrowed
from backend.aftercare.models import Callback, CallbackAttempt
from backend.aftercare.rules import Barred, CallbackNotFound
from backend.db.lookup import locked, one_row
from backend.db.paging import Page, PageRequest, fetch_page
from backend.requests.queries import touches_of_cases
from schemas.aftercare import CallbackOutcome, CallbackStatus


@dataclass(frozen=True)
class CallbackListed:
    """A callback as it is listed: with those who may not take it."""

    id: UUID
    revision: int
    visit_id: UUID
    request_id: UUID | None
    case_id: UUID
    status: CallbackStatus
    due_at: datetime
    assignee_id: UUID | None
    attempts: int
    reached_at: datetime | None
    closed_at: datetime | None
    outcome: CallbackOutcome | None
    words: str | None
    barred: Sequence[Barred]


def callbacks_visible_to(actor: Actor) -> Select[Callback]:
    """The office sees all callbacks, nobody in the field any:

    what customers say about a visit is not theirs.
    """
    return narrowed(select(Callback), actor, lambda _: false())


def callback_for(session: Session, actor: Actor, callback_id: UUID, *, lock: bool = False) -> Callback:
    """That callback; raises CallbackNotFound when there is none that `actor` may see.

    `lock`: as it is now, held.
    """
    statement = callbacks_visible_to(actor).where(Callback.id == callback_id)
    # A trigger may have released it behind the session's back: locked, it is read anew.
    return one_row(session, locked(statement) if lock else statement, CallbackNotFound)


def callback_of_visit(session: Session, visit_id: UUID) -> Callback | None:
    """The callback of a visit, if one was opened."""
    return session.scalars(select(Callback).where(Callback.visit_id == visit_id)).one_or_none()


def listed_callback(session: Session, actor: Actor, callback_id: UUID) -> CallbackListed:
    """That callback with those who may not take it; raises CallbackNotFound."""
    (listed,) = _with_barred(session, [callback_for(session, actor, callback_id)])
    return listed


def list_callbacks(
    session: Session,
    actor: Actor,
    page: PageRequest,
    *,
    status: CallbackStatus | None = None,
    mine: bool = False,
) -> Page[CallbackListed]:
    """Visible callbacks, the one due first first, each with those who may not take it and why."""
    statement = callbacks_visible_to(actor)
    if status is not None:
        statement = statement.where(Callback.status == status)
    if mine:
        statement = statement.where(Callback.assignee_id == actor.user_id)
    found = fetch_page(session, statement, page, key=Callback.due_at)
    return Page(_with_barred(session, found.items), found.next)


def attempts_of(session: Session, actor: Actor, callback_id: UUID) -> Sequence[CallbackAttempt]:
    """The calls that were made, the first first; raises CallbackNotFound."""
    callback = callback_for(session, actor, callback_id)
    statement = select(CallbackAttempt).where(CallbackAttempt.callback_id == callback.id)
    return session.scalars(statement.order_by(CallbackAttempt.id)).all()


def _with_barred(session: Session, callbacks: Sequence[Callback]) -> list[CallbackListed]:
    touches = touches_of_cases(session, {callback.case_id for callback in callbacks})
    names = user_names(session, {touch.user_id for touch in touches})
    reasons: dict[UUID, dict[UUID, list[str]]] = {}
    for touch in touches:
        reasons.setdefault(touch.case_id, {}).setdefault(touch.user_id, []).append(touch.how)
    barred = {
        case_id: [Barred(user_id, names.get(user_id, ""), sorted(why)) for user_id, why in people.items()]
        for case_id, people in reasons.items()
    }
    return [_listed(callback, barred.get(callback.case_id, [])) for callback in callbacks]


def _listed(callback: Callback, barred: Sequence[Barred]) -> CallbackListed:
    return CallbackListed(
        id=callback.id,
        revision=callback.revision,
        visit_id=callback.visit_id,
        request_id=callback.request_id,
        case_id=callback.case_id,
        status=callback.status,
        due_at=callback.due_at,
        assignee_id=callback.assignee_id,
        attempts=callback.attempts,
        reached_at=callback.reached_at,
        closed_at=callback.closed_at,
        outcome=callback.outcome,
        words=callback.words,
        barred=barred,
    )
