"""Journals: the row of each, which every push locks; where it is, what of it waits, and what is doubted."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, func, select, update

from sync.host import Caller, UnitOfWork
from sync.models import JOURNALS, MUTATIONS
from sync.mutations import Outcome
from sync.sql import dialect_of, upsert


def locked_journal(uow: UnitOfWork, caller: Caller, journal: UUID) -> Row[*tuple[Any, ...]]:
    """The journal's `expected_number`, `held` and `doubted_through`, locked until commit.

    It is begun when nobody has seen it.
    """
    connection = uow.session.connection()
    row = connection.execute(_LOCK, {"of": journal}).one_or_none()
    if row is not None:
        return row
    begin_journal(uow, caller, journal)
    return connection.execute(_LOCK, {"of": journal}).one()


def begin_journal(uow: UnitOfWork, caller: Caller, journal: UUID) -> None:
    """Make the journal known, if it is not."""
    statement = upsert(dialect_of(uow.session), JOURNALS).values(_first(uow, caller, journal))
    uow.session.connection().execute(statement.on_conflict_do_nothing())


def doubt(uow: UnitOfWork, caller: Caller, journal: UUID, through: int) -> bool:
    """Believe no base up to this number: the device knows outcomes that we never gave.

    They may be of a past that a restored backup has undone. Returns whether it says so for the first time.
    """
    statement = upsert(dialect_of(uow.session), JOURNALS)
    values = {**_first(uow, caller, journal), "doubted_through": through}
    is_more = func.coalesce(JOURNALS.c.doubted_through, 0) < through
    doubted = statement.values(values).on_conflict_do_update(
        index_elements=["journal"], set_={"doubted_through": through}, where=is_more
    )
    return uow.session.connection().execute(doubted.returning(JOURNALS.c.journal)).first() is not None


def doubt_device(uow: UnitOfWork, caller: Caller) -> None:
    """Believe no base of what came from the device so far: what is held of it is tried without."""
    mine = select(JOURNALS.c.journal, JOURNALS.c.expected_number).where(
        JOURNALS.c.device_id == caller.device_id
    )
    for journal, expected_number in uow.session.connection().execute(mine.order_by(JOURNALS.c.journal)).all():
        doubt(uow, caller, journal, expected_number - 1)


def _first(uow: UnitOfWork, caller: Caller, journal: UUID) -> dict[str, object]:
    return {
        "journal": journal,
        "device_id": caller.device_id,
        "user_id": caller.user_id,
        "pushed_at": uow.now,
        "expected_number": 1,
        "acknowledged": 0,
        "held": 0,
    }


def advance(
    uow: UnitOfWork,
    caller: Caller,
    journal: UUID,
    *,
    expected_number: int,
    acknowledged: int,
    skew_seconds: float | None,
) -> None:
    """Note how far a locked journal has come, and from which device."""
    values = {
        "of": journal,
        "expected_number": expected_number,
        "acknowledged": acknowledged,
        "device_id": caller.device_id,
        "skew_seconds": skew_seconds,
        "pushed_at": uow.now,
    }
    uow.session.connection().execute(_ADVANCE, values)


def recount_held(uow: UnitOfWork, journal: UUID) -> None:
    """Note how many of the journal's mutations wait, and until when."""
    uow.session.connection().execute(_RECOUNT_HELD, {"of": journal})


_LOCK = (
    select(JOURNALS.c.expected_number, JOURNALS.c.held, JOURNALS.c.doubted_through)
    .where(JOURNALS.c.journal == bindparam("of"))
    .with_for_update()
)
_HELD = (MUTATIONS.c.journal == bindparam("of"), MUTATIONS.c.outcome == Outcome.HELD.value)
_ADVANCE = (
    update(JOURNALS)
    .where(JOURNALS.c.journal == bindparam("of"))
    .values(
        expected_number=bindparam("expected_number"),
        acknowledged=bindparam("acknowledged"),
        device_id=bindparam("device_id"),
        skew_seconds=bindparam("skew_seconds"),
        pushed_at=bindparam("pushed_at"),
    )
)
_RECOUNT_HELD = (
    update(JOURNALS)
    .where(JOURNALS.c.journal == bindparam("of"))
    .values(
        held=select(func.count()).select_from(MUTATIONS).where(*_HELD).scalar_subquery(),
        retry_at=select(func.min(MUTATIONS.c.retry_at)).where(*_HELD).scalar_subquery(),
    )
)
