"""When a callback is due, what may become of it, and who may not make it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from schemas.aftercare import CallbackOutcome, CallbackStatus
from schemas.errors import DomainError, ErrorKind

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


@dataclass(frozen=True)
class CallbackDelay:
    """How long after the end of a visit the customer is called, by how the visit ended."""

    completed: timedelta
    otherwise: timedelta


class CallbackUnknown(DomainError):
    """No such callback, or none that this person may see."""

    title = "There is no such callback."
    kind = ErrorKind.NOT_FOUND


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
