"""Who is acting: the data type that every room and every use case is handed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from schemas.access import Role


@dataclass(frozen=True)
class Actor:
    """One who acts, for the length of one request.

    `visit_id` is the one visit a customer's link opens. `time_zone` is the IANA zone of the user.
    `revoked_at` is set only where a route asked for it: since then the device is revoked or its user
    disabled, and all it may do is hand in what its user had done. `reads_since`: of which visits on a
    technician still reads (`backend.access.reach`); None: of all. `done_by`: the technician who did what this
    actor puts on record for him, as when the office accepts the work of a phone that is shut out.
    """

    user_id: UUID
    role: Role
    permissions: frozenset[str] = frozenset()
    device_id: UUID | None = None
    visit_id: UUID | None = None
    session_id: UUID | None = None
    time_zone: str = "UTC"
    revoked_at: datetime | None = None
    reads_since: datetime | None = None
    done_by: UUID | None = None

    @property
    def doer_id(self) -> UUID:
        """Whose deed or word it is that goes on record."""
        return self.done_by or self.user_id

    @property
    def revoked(self) -> bool:
        """Whether the device was revoked or its user disabled."""
        return self.revoked_at is not None

    @property
    def technician_id(self) -> UUID | None:
        """A technician's id is the id of their user; None for everybody else."""
        return self.user_id if self.role is Role.TECHNICIAN else None

    def may(self, permission: str) -> bool:
        """Whether the role holds `permission`; which rows it reaches is decided by the queries."""
        return permission in self.permissions


SYSTEM_USER_ID = UUID("00000000-0000-7000-8000-000000000001")
"""The user that stands for the server itself; `backend.access.permissions.SYSTEM` is the actor."""

ANONYMOUS = Actor(user_id=UUID("00000000-0000-7000-8000-000000000000"), role=Role.CUSTOMER)
"""Whoever calls a route that asks for no credentials: may do nothing that is guarded."""
