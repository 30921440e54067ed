"""What is done with callbacks: take, assign, note each call, close."""

from datetime import datetime
from uuid import UUID

from backend.access.actor import Actor
from backend.access.permissions import PERMISSIONS, requires
from backend.access.queries import user
from backend.access.rules import UserNotFound
from backend.aftercare.models import Callback, CallbackAttempt
from backend.aftercare.queries import callback_for
from backend.aftercare.rules import (
    CallbackAssigneeUnfit,
    CallbackNotYours,
    check_outcome,
    next_status,
    verb_of_attempt,
)
from backend.db.unit_of_work import UnitOfWork
from schemas.aftercare import CallbackOutcome, CallbackStatus


@requires("callback:take")
def take_callback(uow: UnitOfWork, actor: Actor, callback_id: UUID) -> Callback:
    """Make the call oneself. Raises CallbackNotFound, CallbackTransitionRefused; CallbackNotIndependent (as a
    broken
    constraint) for whoever touched the case.
    """
    callback = callback_for(uow.session, actor, callback_id, lock=True)
    callback.status = next_status(callback.status, "take")
    callback.assignee_id = actor.user_id
    return callback


@requires("callback:assign")
def assign_callback(uow: UnitOfWork, actor: Actor, callback_id: UUID, *, assignee_id: UUID) -> Callback:
    """Have somebody make the call, also in place of somebody else.

    Raises as `take_callback`, CallbackAssigneeUnfit.
    """
    callback = callback_for(uow.session, actor, callback_id, lock=True)
    status = next_status(callback.status, "assign")
    _check_fit(uow, assignee_id)
    callback.status = status
    callback.assignee_id = assignee_id
    return callback


@requires("callback_attempt:record")
def record_callback_attempt(
    uow: UnitOfWork,
    actor: Actor,
    callback_id: UUID,
    *,
    reached: bool,
    note: str | None = None,
    occurred_at: datetime | None = None,
) -> Callback:
    """Note one call. After the third in vain the customer counts as unreachable (and may still be reached
    later).

    Raises CallbackNotFound, CallbackNotYours, CallbackTransitionRefused.
    """
    callback = _own(uow, actor, callback_id)
    attempts = callback.attempts + 1
    callback.status = next_status(callback.status, verb_of_attempt(reached=reached, attempts=attempts))
    callback.attempts = attempts
    if callback.status is CallbackStatus.REACHED:
        callback.reached_at = occurred_at or uow.now
    uow.add(
        CallbackAttempt(
            id=uow.mint_id(),
            callback_id=callback.id,
            called_by=actor.user_id,
            occurred_at=occurred_at or uow.now,
            reached=reached,
            note=note,
        )
    )
    return callback


@requires("callback:close")
def close_callback(
    uow: UnitOfWork,
    actor: Actor,
    callback_id: UUID,
    *,
    outcome: CallbackOutcome,
    words: str | None = None,
) -> Callback:
    """Write down the result.

    Raises CallbackNotFound, CallbackNotYours, CallbackTransitionRefused, CallbackOutcomeImpossible.
    """
    callback = _own(uow, actor, callback_id)
    status = next_status(callback.status, "close")
    check_outcome(callback.status, outcome)
    callback.status = status
    callback.outcome = outcome
    callback.words = words
    callback.closed_at = uow.now
    return callback


def _own(uow: UnitOfWork, actor: Actor, callback_id: UUID) -> Callback:
    callback = callback_for(uow.session, actor, callback_id, lock=True)
    if callback.assignee_id is None:
        next_status(callback.status, "reach")
    if callback.assignee_id != actor.user_id:
        raise CallbackNotYours("Ask whoever has it, or have it assigned to you.")
    return callback


def _check_fit(uow: UnitOfWork, assignee_id: UUID) -> None:
    try:
        assignee = user(uow.session, assignee_id)
    except UserNotFound:
        raise CallbackAssigneeUnfit("Name somebody of the office.") from None
    if assignee.disabled_at is not None or "callback:take" not in PERMISSIONS[assignee.role]:
        raise CallbackAssigneeUnfit("Name somebody of the office who still works here.")
