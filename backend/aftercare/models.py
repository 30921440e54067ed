"""Callbacks and calls made, and the triggers by which the database itself keeps them independent."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from backend.aftercare.rules import CallbackNotIndependent
from backend.db.base import Base, Record
from backend.db.ddl import append_only, extra_ddl
from backend.db.integrity import constraint_fact
from schemas.aftercare import CallbackOutcome, CallbackStatus

INDEPENDENT = "ck_callbacks_independent"


class Callback(Record):
    """A call to be made after a visit, by somebody who never touched the case.

    `case_id` is what touches are counted by: the request, or the work order that was opened without one.
    """

    __tablename__ = "callbacks"
    __table_args__ = (
        CheckConstraint("(status = 'due') = (assignee_id IS NULL)", name="assignee"),
        CheckConstraint("(status = 'closed') = (closed_at IS NOT NULL)", name="closed_at"),
        CheckConstraint("(status = 'closed') = (outcome IS NOT NULL)", name="outcome"),
        Index(None, "status", "due_at"),
        CheckConstraint("request_id IS NULL OR request_id = case_id", name="case_of_request"),
        Index(None, "case_id"),
        Index(None, "assignee_id"),
    )

    visit_id: Mapped[UUID] = mapped_column(ForeignKey("visits.id"), unique=True)
    request_id: Mapped[UUID | None] = mapped_column(ForeignKey("service_requests.id"))
    status: Mapped[CallbackStatus]
    due_at: Mapped[datetime]
    assignee_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    attempts: Mapped[int]
    reached_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    outcome: Mapped[CallbackOutcome | None]
    words: Mapped[str | None]
    case_id: Mapped[UUID]


class CallbackAttempt(Record):
    """One call that was made; never changed afterwards."""

    __tablename__ = "callback_attempts"
    __table_args__ = (Index(None, "callback_id"),)

    callback_id: Mapped[UUID] = mapped_column(ForeignKey("callbacks.id"))
    called_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    occurred_at: Mapped[datetime]
    reached: Mapped[bool]
    note: Mapped[str | None]


constraint_fact(INDEPENDENT, CallbackNotIndependent)
append_only(Base.metadata, "callback_attempts")

# Independence has two sides. Whoever touched the case may not become the assignee; and an assignee who
# touches the case afterwards (books the second visit, say) loses the callback before the call is made: work
# is never refused for it.
_TOUCHED = "SELECT 1 FROM case_touches WHERE case_id = NEW.case_id AND user_id = NEW.assignee_id"
_RELEASE = (
    "UPDATE callbacks SET status = 'due', assignee_id = NULL, revision = revision + 1 "
    "WHERE case_id = NEW.case_id AND assignee_id = NEW.user_id AND status = 'assigned'"
)

extra_ddl(
    Base.metadata,
    "sqlite",
    [
        f"CREATE TRIGGER {INDEPENDENT}_{name} BEFORE {event} ON callbacks "
        f"WHEN NEW.assignee_id IS NOT NULL AND EXISTS ({_TOUCHED}) "
        f"BEGIN SELECT RAISE(ABORT, 'constraint:{INDEPENDENT}'); END"
        for name, event in (("insert", "INSERT"), ("update", "UPDATE OF assignee_id, case_id"))
    ]
    + [f"CREATE TRIGGER callbacks_released AFTER INSERT ON case_touches BEGIN {_RELEASE}; END"],
)
# Two transactions that do not see each other could break it together, so both sides queue on a lock of the
# case. It is an advisory one: a row lock on the request would deadlock with the foreign keys pointing to it,
# and a case without a request has no row of its own.
_QUEUE = "PERFORM pg_advisory_xact_lock(hashtextextended('callbacks:' || NEW.case_id::text, 0))"
extra_ddl(
    Base.metadata,
    "postgresql",
    [
        f"CREATE FUNCTION {INDEPENDENT}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {_QUEUE}; "
        f"IF EXISTS ({_TOUCHED}) THEN RAISE EXCEPTION 'the assignee touched the case' "
        f"USING ERRCODE = 'check_violation', CONSTRAINT = '{INDEPENDENT}', TABLE = 'callbacks'; END IF; "
        "RETURN NEW; END $$",
        f"CREATE TRIGGER {INDEPENDENT} BEFORE INSERT OR UPDATE OF assignee_id, case_id ON callbacks "
        f"FOR EACH ROW WHEN (NEW.assignee_id IS NOT NULL) EXECUTE FUNCTION {INDEPENDENT}()",
        "CREATE FUNCTION callbacks_released() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN {_QUEUE}; {_RELEASE}; RETURN NULL; END $$",
        "CREATE TRIGGER callbacks_released AFTER INSERT ON case_touches "
        "FOR EACH ROW EXECUTE FUNCTION callbacks_released()",
    ],
)
