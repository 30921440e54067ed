"""Fetching one row: the one that is there, or the room's word for there being none."""

from typing import TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import Session

from backend.db.base import Record
from schemas.errors import RecordNotFound

R = TypeVar("R", bound=Record)


def one_row(session: Session, statement: Select[R], error: type[RecordNotFound]) -> R:
    """The row; raises `error` when there is none, or none that the statement lets be seen."""
    row = session.scalars(statement).one_or_none()
    if row is None:
        raise error("Check the id; what was archived is still found by it.")
    return row


def locked(statement: Select[R]) -> Select[R]:
    """The same, held until the transaction ends, as it is now.

    NO KEY UPDATE, because rows that merely refer to these need not wait. Fresh, because the session may have
    read a row before somebody else changed it.
    """
    return statement.with_for_update(key_share=True).execution_options(populate_existing=True)
