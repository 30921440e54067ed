"""Creating with an id that the client minted: the same twice is once, something else is a contradiction."""

from typing import TypeVar
from uuid import UUID

from backend.db.base import Record
from backend.db.unit_of_work import UnitOfWork
from schemas.errors import IdAlreadyUsed
from sync.transaction import is_absent

R = TypeVar("R", bound=Record)


def created_before(uow: UnitOfWork, model: type[R], record_id: UUID | None, /, **content: object) -> R | None:
    """The record that an earlier attempt created with this id and `content` (column values), or None.

    Raises IdAlreadyUsed when the id exists with other content. Simultaneous attempts meet at the primary key.
    """
    if record_id is None or is_absent(uow.session, model, record_id):
        return None
    row = uow.session.get(model, record_id)
    if row is None:
        return None
    other = sorted(name for name, value in content.items() if getattr(row, name) != value)
    if other:
        raise IdAlreadyUsed("Mint a new id, or read what this one stands for.", fields=other)
    return row
