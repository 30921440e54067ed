"""Who may do what: one literal table, and the guard that every public action wears."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar, cast
from uuid import UUID

from sqlalchemy import Table

from backend.access.actor import SYSTEM_USER_ID, Actor
from backend.access.models import AuditEntry
from backend.db.unit_of_work import UnitOfWork
from schemas.access import Role
from schemas.errors import PermissionRefused
from sync.transaction import rows_of, write_last

T, D, F, M, A = Role.TECHNICIAN, Role.DISPATCHER, Role.FINANCE, Role.MANAGER, Role.ADMINISTRATOR
C = Role.CUSTOMER

# The one table. A permission is `<noun>:<verb>`, `<noun>:read` for reading; sorted by room as in the design.
# The system holds every permission and stands in no row.
GRANTS: Mapping[str, frozenset[Role]] = {
    # access
    "audit_log:read": frozenset({A}),
    "device:read": frozenset({T, D, F, M, A}),
    "device:revoke": frozenset({T, D, F, M, A}),
    "enrolment_code:create": frozenset({D, M, A}),
    "password:change": frozenset({T, D, F, M, A}),
    "session:end": frozenset({T, D, F, M, A}),
    "sessions:end": frozenset({A}),
    "user:create": frozenset({A}),
    "user:disable": frozenset({A}),
    "user:edit": frozenset({A}),
    "user:enable": frozenset({A}),
    "user:read": frozenset({D, F, M, A}),
    "user_password:set": frozenset({A}),
    # customers
    "asset:archive": frozenset({D, M, A}),
    "asset:create": frozenset({D, M, A}),
    "asset:edit": frozenset({D, M, A}),
    "asset:read": frozenset({T, D, F, M, A}),
    "customer:archive": frozenset({M, A}),
    "customer:create": frozenset({D, M, A}),
    "customer:edit": frozenset({D, M, A}),
    "customer:read": frozenset({T, D, F, M, A}),
    "entitlement:archive": frozenset({M, A}),
    "entitlement:create": frozenset({D, M, A}),
    "entitlement:edit": frozenset({D, M, A}),
    "entitlement:read": frozenset({T, D, F, M, A}),
    "site:archive": frozenset({D, M, A}),
    "site:create": frozenset({D, M, A}),
    "site:edit": frozenset({D, M, A}),
    "site:read": frozenset({T, D, F, M, A}),
    # parts
    "checklist:prepare": frozenset({D, M, A}),
    "checklist:unpack": frozenset({D, M, A}),
    "checklist_item:add": frozenset({D, M, A}),
    "checklist_item:read": frozenset({T, D, F, M, A}),
    "checklist_item:tick": frozenset({T, D, M, A}),
    "kit:archive": frozenset({M, A}),
    "kit:create": frozenset({D, M, A}),
    "kit:edit": frozenset({D, M, A}),
    "kit:read": frozenset({T, D, F, M, A}),
    "part:archive": frozenset({M, A}),
    "part:create": frozenset({D, M, A}),
    "part:edit": frozenset({D, M, A}),
    "part:read": frozenset({T, D, F, M, A}),
    "part_usage:read": frozenset({T, D, F, M, A}),
    "part_usage:record": frozenset({T, D, M, A}),
    "stock_movement:read": frozenset({T, D, F, M, A}),
    "stock_movement:record": frozenset({T, D, M, A}),
    "van_stock:read": frozenset({T, D, F, M, A}),
    # requests
    "request_decision:read": frozenset({D, F, M, A}),
    "service_request:close": frozenset({D, M, A}),
    "service_request:edit": frozenset({D, M, A}),
    "service_request:import": frozenset({A}),
    "service_request:read": frozenset({T, D, F, M, A}),
    "service_request:reopen": frozenset({D, M, A}),
    "service_request:respond": frozenset({D, M, A}),
    "service_request:take": frozenset({D, M, A}),
    "service_request:triage": frozenset({D, M, A}),
    # visits
    "payment_badge:read": frozenset({T, D, F, M, A}),
    "skill:create": frozenset({M, A}),
    "skill:read": frozenset({T, D, F, M, A}),
    "visit:accept": frozenset({T, D, M, A}),
    "visit:arrive": frozenset({T, D, M, A}),
    "visit:book": frozenset({D, M, A}),
    "visit:cancel": frozenset({D, M, A}),
    "visit:cannot_complete": frozenset({T, D, M, A}),
    "visit:complete": frozenset({T, D, M, A}),
    "visit:complete_partially": frozenset({T, D, M, A}),
    "visit:confirm": frozenset({D, M, A, C}),
    "visit:decline": frozenset({D, M, A, C}),
    "visit:depart": frozenset({T, D, M, A}),
    "visit:issue_confirmation_link": frozenset({D, M, A}),
    "visit:offer_windows": frozenset({D, M, A}),
    "visit:pick_window": frozenset({D, M, A, C}),
    "visit:read": frozenset({T, D, F, M, A}),
    "visit:report_no_access": frozenset({T, D, M, A}),
    "visit:reschedule": frozenset({D, M, A}),
    "visit:start": frozenset({T, D, M, A}),
    "visit_note:add": frozenset({T, D, M, A}),
    "visit_note:read": frozenset({T, D, M, A}),
    "visit_place:read": frozenset({D, M, A}),
    "work_order:cancel": frozenset({D, M, A}),
    "work_order:edit": frozenset({D, M, A}),
    "work_order:open": frozenset({D, M, A}),
    "work_order:read": frozenset({T, D, F, M, A}),
    "work_type:archive": frozenset({M, A}),
    "work_type:create": frozenset({M, A}),
    "work_type:edit": frozenset({M, A}),
    "work_type:read": frozenset({T, D, F, M, A}),
    # dispatch
    "board:read": frozenset({D, M, A}),
    "shift:create": frozenset({D, M, A}),
    "shift:read": frozenset({T, D, M, A}),
    "shift:remove": frozenset({D, M, A}),
    "technician:create": frozenset({A}),
    "technician:edit": frozenset({D, M, A}),
    "technician:read": frozenset({T, D, M, A}),
    "technician_suggestion:read": frozenset({D, M, A}),
    "visit:assign": frozenset({D, M, A}),
    "visit:dispatch": frozenset({D, M, A}),
    "visit:move": frozenset({D, M, A}),
    "visit:plan": frozenset({D, M, A}),
    "visit:unassign": frozenset({D, M, A}),
    # attachments
    "media:complete": frozenset({T, D, M, A}),
    "media:examine": frozenset({D, M, A}),
    "media:note_examination": frozenset(),
    "media:read": frozenset({T, D, M, A}),
    "media:register": frozenset({T, D, M, A}),
    "media:upload": frozenset({T, D, M, A}),
    # reports
    "conduct_rule:override": frozenset({M, A}),
    "conduct_rule:read": frozenset({T, D, M, A}),
    "conduct_step:answer": frozenset({T}),
    "conduct_step:read": frozenset({T, D, M, A}),
    "conduct_step:waive": frozenset({T}),
    "feedback_card:fill": frozenset({T}),
    "feedback_card:read": frozenset({T, D, M, A}),
    "removed_part:read": frozenset({T, D, M, A}),
    "removed_part:record": frozenset({T}),
    "removed_part:settle": frozenset({T}),
    "report_addendum:add": frozenset({D, M, A}),
    "report_addendum:read": frozenset({T, D, M, A}),
    "report_charge:add": frozenset({T, D, M, A}),
    "report_charge:read": frozenset({T, D, F, M, A}),
    "report_charge:withdraw": frozenset({T, D, M, A}),
    "sealed_document:read": frozenset({T, D, M, A}),
    "service_report:close": frozenset({D, M, A}),
    "service_report:freeze": frozenset({T}),
    "service_report:mark_absent": frozenset({T}),
    "service_report:read": frozenset({T, D, F, M, A}),
    "service_report:refuse": frozenset({T}),
    "service_report:release": frozenset({D, M, A}),
    "service_report:sign": frozenset({T}),
    "service_report:write": frozenset({T}),
    # aftercare
    "callback:assign": frozenset({D, M}),
    "callback:close": frozenset({D, F, M}),
    "callback:read": frozenset({D, F, M, A}),
    "callback:take": frozenset({D, F, M}),
    "callback_attempt:record": frozenset({D, F, M}),
    # inbox
    "field_inbox:accept": frozenset({D, M, A}),
    "field_inbox:decline": frozenset({D, M, A}),
    "field_inbox:follow_up": frozenset({D, M, A}),
    "field_inbox:note": frozenset({D, M, A}),
    "field_inbox:read": frozenset({D, M, A}),
    "field_inbox:settle": frozenset({D, M, A}),
    # sync
    "feed:read": frozenset({T}),
    "wake:read": frozenset({T}),
}

PERMISSIONS: Mapping[Role, frozenset[str]] = {
    role: frozenset(name for name, roles in GRANTS.items() if role is Role.SYSTEM or role in roles)
    for role in Role
}
"""The same table seen from the role."""

HANDING_IN = frozenset({"media:register", "media:upload", "media:complete"})
"""What is left of a role's permissions on a revoked device: its photos exist nowhere else."""

SYSTEM = Actor(
    user_id=SYSTEM_USER_ID,
    role=Role.SYSTEM,
    permissions=PERMISSIONS[Role.SYSTEM],
)
"""The server itself: imports, workers, handlers nobody in particular caused. It has a row in `users`."""

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
ItemT = TypeVar("ItemT", bound=Mapping[str, object])


class Guarded(Protocol[P, R_co]):
    """A public action: refuses whoever lacks `permission`, signs its changes, leaves an audit row."""

    permission: str
    __name__: str

    def __call__(self, uow: UnitOfWork, actor: Actor, /, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


def check(actor: Actor, permission: str) -> None:
    """Raise PermissionRefused unless `actor` holds `permission`."""
    if not actor.may(permission):
        raise PermissionRefused(
            f"Ask somebody whose role has the permission {permission!r}.", permission=permission
        )


def requires(
    permission: str,
) -> Callable[[Callable[Concatenate[UnitOfWork, Actor, P], R]], Guarded[P, R]]:
    """Guard `verb_noun(uow, actor, record_id, *, …)` with a permission named by the law: `noun:verb`.

    What the action changed is flushed before it returns, in the actor's name: an action called by another
    (with another actor) never signs for the outer one's changes, and broken constraints surface in place.
    Reading (`…:read`) leaves no row in the audit log.
    """
    _check_granted(permission)

    def guard(action: Callable[Concatenate[UnitOfWork, Actor, P], R]) -> Guarded[P, R]:
        subject = list(inspect.signature(action).parameters)[2:3]

        @wraps(action)
        def guarded(uow: UnitOfWork, actor: Actor, /, *args: P.args, **kwargs: P.kwargs) -> R:
            check(actor, permission)
            with _signed_by(uow, actor):
                result = action(uow, actor, *args, **kwargs)
                uow.flush()
                if not permission.endswith(":read"):
                    given = args[0] if args else next((kwargs.get(name) for name in subject), None)
                    _audit(uow, actor, permission, given or getattr(result, "id", None), kwargs)
            return result

        wearing = cast("Guarded[P, R]", guarded)
        wearing.permission = permission
        return wearing

    return guard


def requires_for_each(
    permission: str,
) -> Callable[[Callable[[UnitOfWork, Actor, Sequence[ItemT]], R]], Guarded[[Sequence[ItemT]], R]]:
    """Guard `verb_nouns(uow, actor, items)`, which does at once what a guarded `verb_noun` does to one.

    Each item is a mapping with the `id` of its record and the fields; each leaves a row in the audit log.
    """
    _check_granted(permission)

    def guard(
        action: Callable[[UnitOfWork, Actor, Sequence[ItemT]], R],
    ) -> Guarded[[Sequence[ItemT]], R]:
        @wraps(action)
        def guarded(uow: UnitOfWork, actor: Actor, items: Sequence[ItemT], /) -> R:
            check(actor, permission)
            with _signed_by(uow, actor):
                result = action(uow, actor, items)
                uow.flush()
                for item in items:
                    _audit(uow, actor, permission, item["id"], {**item, "id": None})
            return result

        wearing = cast("Guarded[[Sequence[ItemT]], R]", guarded)
        wearing.permission = permission
        return wearing

    return guard


def _check_granted(permission: str) -> None:
    if permission not in GRANTS:
        raise LookupError(
            f"{permission!r} is not in the table of permissions (backend/access/permissions.py)"
        )


@contextmanager
def _signed_by(uow: UnitOfWork, actor: Actor) -> Iterator[None]:
    """What is flushed inside was changed by `actor`; what was changed before is flushed first."""
    info = uow.session.info
    outer = info.get("actor_id")
    uow.flush()
    info["actor_id"] = actor.user_id
    try:
        yield
    finally:
        info["actor_id"] = outer


def _audit(
    uow: UnitOfWork, actor: Actor, permission: str, subject: object, fields: Mapping[str, object]
) -> None:
    entry = {
        "id": uow.mint_id(),
        "at": uow.now,
        "actor_id": actor.user_id,
        "role": actor.role,
        "device_id": actor.device_id,
        "action": permission.replace(":", "."),
        "subject_id": subject if isinstance(subject, UUID) else None,
        "detail": {"fields": sorted(name for name, value in fields.items() if value is not None)},
    }
    write_last(uow.session, _AUDIT_LOG, entry)


_AUDIT_LOG = rows_of(cast("Table", AuditEntry.__table__))
