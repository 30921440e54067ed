"""What people of finance may do, and the guard of their use cases. One role: two persons, not ranks."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar, cast
from uuid import UUID

from backend.access.actor import Actor
from backend.db.unit_of_work import UnitOfWork
from backend.payments.models import LedgerAudit
from schemas.errors import PermissionRefused

PERMISSIONS = frozenset(
    {
        "ageing:read",
        "bank_entry:clear",
        "bank_entry:match",
        "bank_entry:read",
        "bank_entry:unmatch",
        "bank_statement:import",
        "cash_complaint:read",
        "customer_bill_channel:set",
        "customer_statement:read",
        "deposit:request",
        "deposit:withdraw",
        "dispute:read",
        "journal:read",
        "matter:read",
        "matter:settle",
        "part_tax_rate:read",
        "part_tax_rate:set",
        "payment_request:read",
        "payment_request:send",
        "payment_request:write_off",
        "person:disable",
        "person:read",
        "reconciliation:read",
        "refund:approve",
        "refund:ask",
        "refund:confirm",
        "refund:decline",
        "refund:read",
        "unsent_message:retry",
    }
)

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Guarded(Protocol[P, R_co]):
    """A use case of finance: refuses whoever lacks what it `asks_for`, and leaves an audit row."""

    asks_for: str

    def __call__(self, uow: UnitOfWork, person: Actor, /, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


def requires(
    permission: str,
) -> Callable[[Callable[Concatenate[UnitOfWork, Actor, P], R]], Guarded[P, R]]:
    """Guard `verb_noun(uow, person, subject_id, *, …)`; reading leaves no row in the audit log."""
    if permission not in PERMISSIONS:
        raise LookupError(f"{permission!r} is not among the permissions of finance")

    def guard(action: Callable[Concatenate[UnitOfWork, Actor, P], R]) -> Guarded[P, R]:
        subject = list(inspect.signature(action).parameters)[2:3]

        @wraps(action)
        def guarded(uow: UnitOfWork, person: Actor, /, *args: P.args, **kwargs: P.kwargs) -> R:
            if not person.may(permission):
                raise PermissionRefused("Sign in as somebody of finance.", permission=permission)
            result = action(uow, person, *args, **kwargs)
            uow.flush()
            if not permission.endswith(":read"):
                given = args[0] if args else next((kwargs.get(name) for name in subject), None)
                uow.add(
                    LedgerAudit(
                        id=uow.mint_id(),
                        at=uow.now,
                        person_id=person.user_id,
                        action=permission.replace(":", "."),
                        subject_id=given if isinstance(given, UUID) else None,
                        detail={
                            "fields": sorted(name for name, value in kwargs.items() if value is not None)
                        },
                    )
                )
            return result

        wearing = cast("Guarded[P, R]", guarded)
        wearing.asks_for = permission
        return wearing

    return guard
