"""What people of finance see of disputes; they answer them at the provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backend.access.actor import Actor
from backend.db.unit_of_work import UnitOfWork
from backend.payments import queries
from backend.payments.permissions import requires
from schemas.payments import DisputeState

WHAT_NEXT: Mapping[DisputeState, str] = {
    DisputeState.OPENED: "Answer at the provider; the signed report is the evidence. No money was taken yet.",
    DisputeState.WITHDRAWN: "Send evidence at the provider, or let it pass: then it is lost and given up.",
    DisputeState.WON: "Nothing: what was taken came back.",
    DisputeState.LOST: "Nothing: what was owed is written off; not a bill that a deposit had paid.",
}


@requires("dispute:read")
def list_disputes(uow: UnitOfWork, person: Actor) -> Sequence[dict[str, object]]:
    """Card payments that their holders' banks dispute, the newest first: `schemas.payments.DisputeBody`."""
    names = ("id", "request_id", "provider", "name", "amount_minor", "currency", "reason")
    return [
        {
            **{name: getattr(found.dispute, name) for name in (*names, "heard_at", "respond_by")},
            "number": found.number,
            "state": found.state,
            "since": found.since,
            "next": WHAT_NEXT[found.state],
        }
        for found in queries.disputes(uow.session)
    ]
