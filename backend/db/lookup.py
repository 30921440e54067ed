"""Fetching one row: the one that is there, or the room's word for there being none."""

from typing import TypeVar
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.orm import Session

from backend.db.base import Record
from schemas.errors import RecordNotFound
from sync.transaction import locked_row, seen_row

R = TypeVar("R", bound=Record)


_NOT_THERE = "Check the id; what was archived is still found by it."


def row_by_id(session: Session, model: type[R], record_id: UUID, error: type[RecordNotFound]) -> R:
    """The row as this transaction saw it first; raises `error` when there is none."""
    row = seen_row(session, model, record_id)
    if row is None:
        raise error(_NOT_THERE)
    return row


def locked_by_id(session: Session, model: type[R], record_id: UUID, error: type[RecordNotFound]) -> R:
    """The row as it is now, held until the transaction ends; raises `error` when there is none."""
    row = locked_row(session, model, record_id)
    if row is None:
        raise error(_NOT_THERE)
    return row


def one_row(session: Session, statement: Select[R], error: type[RecordNotFound]) -> R:
    """The row; raises `error` when there is none, or none that the statement lets be seen."""
    row = session.scalars(statement).one_or_none()
    if row is None:
        raise error(_NOT_THERE)
    return row


def locked(statement: Select[R]) -> Select[R]:
    """The same, held until the transaction ends, as it is now.

    NO KEY UPDATE, because rows that merely refer to these need not wait. Fresh, because the session may have
    read a row before somebody else changed it.
    """
    return statement.with_for_update(key_share=True).execution_options(populate_existing=True)
