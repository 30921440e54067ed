"""When a callback is due, what may become of it, and who may not make it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final
from uuid import UUID

from schemas.aftercare import CallbackOutcome, CallbackStatus
from schemas.errors import DomainError, ErrorKind, RecordNotFound
from schemas.visits import VisitStatus

CALLS_BEFORE_UNREACHABLE: Final = 3

TRANSITIONS: Mapping[tuple[CallbackStatus, str], CallbackStatus] = MappingProxyType(
    {
        (CallbackStatus.DUE, "take"): CallbackStatus.ASSIGNED,
        (CallbackStatus.DUE, "assign"): CallbackStatus.ASSIGNED,
        (CallbackStatus.ASSIGNED, "assign"): CallbackStatus.ASSIGNED,
        (CallbackStatus.ASSIGNED, "reach"): CallbackStatus.REACHED,
        (CallbackStatus.ASSIGNED, "miss"): CallbackStatus.ASSIGNED,
        (CallbackStatus.ASSIGNED, "give-up"): CallbackStatus.UNREACHABLE,
        (CallbackStatus.UNREACHABLE, "reach"): CallbackStatus.REACHED,
        (CallbackStatus.UNREACHABLE, "miss"): CallbackStatus.UNREACHABLE,
        (CallbackStatus.UNREACHABLE, "give-up"): CallbackStatus.UNREACHABLE,
        (CallbackStatus.REACHED, "close"): CallbackStatus.CLOSED,
        (CallbackStatus.UNREACHABLE, "close"): CallbackStatus.CLOSED,
    }
)
"""Every way in which a callback may change. What is not here is refused."""


PROMPT: Final = timedelta(days=1)

FULL_DELAY = frozenset({VisitStatus.COMPLETED})
PROMPT_DELAY = frozenset({VisitStatus.PARTIALLY_COMPLETED, VisitStatus.CANNOT_COMPLETE})
"""How a visit ended, and so when the customer is called: after the firm's delay, or (somebody is left with a
broken
thing) after one day at most. Who was not let in has seen no work to be asked about."""


@dataclass(frozen=True)
class Barred:
    """Somebody who may not take a callback, and in which parts of the case they had it in hand."""

    user_id: UUID
    display_name: str
    reasons: Sequence[str]


class CallbackNotFound(RecordNotFound):
    """No such callback, or none that this person may see."""

    title = "There is no such callback."


class CallbackNotIndependent(DomainError):
    """Whoever touched a case never asks the customer how it went."""

    title = "This person worked on the case and may not make the callback."
    kind = ErrorKind.CONFLICT


class CallbackTransitionRefused(DomainError):
    """The callback is not in a state for that."""

    title = "The callback cannot do that now."
    kind = ErrorKind.CONFLICT


class CallbackNotYours(DomainError):
    """Only the one who has the callback says how it went."""

    title = "Somebody else has this callback."
    kind = ErrorKind.CONFLICT


class CallbackAssigneeUnfit(DomainError):
    """The person named cannot make callbacks: unknown, disabled, or of a role that calls no customers."""

    title = "This person cannot make callbacks."
    kind = ErrorKind.INVALID


class CallbackOutcomeImpossible(DomainError):
    """An answer of a customer whom nobody reached, or none of one who was."""

    title = "The outcome does not fit what happened."
    kind = ErrorKind.INVALID


def callback_due(outcome: VisitStatus, finished_at: datetime, delay: timedelta) -> datetime | None:
    """When the customer is to be called after a visit that ended so; None: not at all."""
    if outcome in FULL_DELAY:
        return finished_at + delay
    if outcome in PROMPT_DELAY:
        return finished_at + min(delay, PROMPT)
    return None


def next_status(status: CallbackStatus, verb: str) -> CallbackStatus:
    """What the callback becomes; `CallbackTransitionRefused` when it may not."""
    after = TRANSITIONS.get((status, verb))
    if after is None:
        raise CallbackTransitionRefused(
            f"A callback that is {status} cannot {verb}. Load it again.", status=status
        )
    return after


def verb_of_attempt(*, reached: bool, attempts: int) -> str:
    """What one call means: `attempts` counts this one too."""
    if reached:
        return "reach"
    return "give-up" if attempts >= CALLS_BEFORE_UNREACHABLE else "miss"


def check_outcome(status: CallbackStatus, outcome: CallbackOutcome) -> None:
    """A customer who was reached said something; one who was not said nothing."""
    if (status is CallbackStatus.UNREACHABLE) != (outcome is CallbackOutcome.NO_ANSWER):
        raise CallbackOutcomeImpossible(
            "Close a callback that reached nobody with no_answer, any other one with what the customer said."
        )
