"""Checkpoints: where a store is whose whole cursor is one integer, and what it must be sent again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, and_, bindparam, delete, func, select, update

from sync.host import UnitOfWork
from sync.models import CHECKPOINTS, CORRECTIONS, PUSHED_ROWS
from sync.rows import PushedRow
from sync.sql import dialect_of, upsert, write

Positions = Mapping[str, int]

BEGUN, DONE = "begun", "done"
LONGEST_ID = 200
NO_NUMBER = 0
"""As the number of a pushed row: from a store that has no checkpoints."""


@dataclass(frozen=True)
class Checkpoint:
    """What a device holds when it names this number.

    `positions` per feed; `removals` up to where removals were sent, too. `base` is what it held when its user
    made the edits that it pushes with this number (None: nobody knows). `unsent`: whether it said to hold
    unsent edits when it pulled (None: it says nothing). `pushed`: None, BEGUN or DONE. `replaces`: the next
    pull sends everything anew.
    """

    number: int
    epoch: UUID
    previous: int | None
    positions: Positions
    removals: Positions
    base: Positions | None
    unsent: bool | None = None
    pushed: str | None = None
    replaces: bool = False
    made_at: datetime | None = field(default=None, compare=False)

    def edits_are_older(self, unsent: bool | None) -> bool:
        """Whether edits not sent yet were made before this checkpoint was given out.

        `unsent` is what the device says of itself now. A push that failed here leaves them; one that never
        arrived is known only from a device that says so.
        """
        if unsent is False or self.pushed == DONE:
            return False
        return self.pushed == BEGUN or bool(self.unsent)


def read_checkpoint(uow: UnitOfWork, device_id: UUID, number: int) -> Checkpoint | None:
    """That checkpoint of the device."""
    statement = select(CHECKPOINTS).where(
        CHECKPOINTS.c.device_id == device_id, CHECKPOINTS.c.number == number
    )
    row = uow.session.connection().execute(statement).one_or_none()
    return None if row is None else _checkpoint(row)


def _checkpoint(row: Row[Any]) -> Checkpoint:
    base = None if row.base is None else orjson.loads(row.base)
    return Checkpoint(
        row.number,
        row.epoch,
        row.previous,
        orjson.loads(row.positions),
        orjson.loads(row.removals),
        base,
        row.unsent,
        row.pushed,
        row.replaces,
        row.made_at,
    )


def next_number(uow: UnitOfWork, device_id: UUID) -> int:
    """A number this device never had: by the clock, so that a restored server does not give it out again."""
    newest = select(func.max(CHECKPOINTS.c.number)).where(CHECKPOINTS.c.device_id == device_id)
    known: int = uow.session.connection().execute(newest).scalar() or 0
    return max(known + 1, int(uow.now.timestamp() * 1000))


def keep_checkpoint(uow: UnitOfWork, device_id: UUID, checkpoint: Checkpoint, confirmed: int | None) -> None:
    """Store a checkpoint, and forget those before `confirmed`: the device will not name them any more."""
    values = {
        "device_id": device_id,
        "number": checkpoint.number,
        "epoch": checkpoint.epoch,
        "made_at": uow.now,
        "previous": checkpoint.previous,
        "positions": orjson.dumps(checkpoint.positions).decode(),
        "removals": orjson.dumps(checkpoint.removals).decode(),
        "base": None if checkpoint.base is None else orjson.dumps(checkpoint.base).decode(),
        "unsent": checkpoint.unsent,
        "pushed": checkpoint.pushed,
        "replaces": checkpoint.replaces,
    }
    statement = upsert(dialect_of(uow.session), CHECKPOINTS)
    changed = {name: statement.excluded[name] for name in values if name not in ("device_id", "number")}
    keyed = statement.on_conflict_do_update(index_elements=["device_id", "number"], set_=changed)
    connection = uow.session.connection()
    connection.execute(keyed, [values])
    if confirmed is not None:
        connection.execute(_FORGET, {"of": device_id, "before": confirmed})


def note_push(uow: UnitOfWork, device_id: UUID, number: int, state: str) -> None:
    """A push that names this checkpoint has begun or is done. What was pushed before it cannot come again."""
    connection = uow.session.connection()
    connection.execute(_NOTE, {"of": device_id, "at": number, "state": state})
    if state == DONE:
        connection.execute(_FORGET_ROWS, {"of": device_id, "before": number})


def forget_pushed(uow: UnitOfWork, device_id: UUID) -> None:
    """The device holds nothing unsent: whatever it pushes from now on is new."""
    table = PUSHED_ROWS.c
    uow.session.connection().execute(
        delete(PUSHED_ROWS).where(table.device_id == device_id, table.number != NO_NUMBER)
    )


@dataclass(frozen=True)
class Before:
    """What a device pushed of a row the last time."""

    number: int
    base: Positions | None
    content: Mapping[str, object]


def pushed_before(
    uow: UnitOfWork, device_id: UUID, rows: Iterable[PushedRow]
) -> dict[tuple[str, str], Before]:
    """What was taken of these rows before, by collection and id."""
    wanted = {(row.collection, row.id) for row in rows}
    table = PUSHED_ROWS.c
    found: dict[tuple[str, str], Before] = {}
    for collection in sorted({collection for collection, _ in wanted}):
        ids = sorted(id_ for name, id_ in wanted if name == collection and _is_storable(id_))
        statement = select(PUSHED_ROWS).where(
            table.device_id == device_id, table.collection == collection, table.record_id.in_(ids)
        )
        for row in uow.session.connection().execute(statement):
            base = None if row.base is None else orjson.loads(row.base)
            found[collection, row.record_id] = Before(row.number, base, json.loads(row.content))
    return found


def note_rows(
    uow: UnitOfWork,
    device_id: UUID,
    rows: Sequence[tuple[PushedRow, Mapping[str, object]]],
    number: int,
    base: Positions | None,
) -> None:
    """Remember rows as taken, with what was said in them."""
    statement = upsert(dialect_of(uow.session), PUSHED_ROWS)
    key = ["device_id", "collection", "record_id"]
    changed = {
        column.name: statement.excluded[column.name] for column in PUSHED_ROWS.c if column.name not in key
    }
    written = {
        (row.collection, row.id): {
            "device_id": device_id,
            "collection": row.collection,
            "record_id": row.id,
            "pushed_at": uow.now,
            "number": number,
            "base": None if base is None else orjson.dumps(base).decode(),
            "content": json.dumps(content, ensure_ascii=True),
        }
        for row, content in rows
        if _is_storable(row.id)
    }
    keyed = statement.on_conflict_do_update(index_elements=key, set_=changed)
    write(uow.session, keyed, [written[name] for name in sorted(written)])


def ask_for_correction(uow: UnitOfWork, device_id: UUID, rows: Iterable[PushedRow]) -> None:
    """Have the next pull send these records, whatever became of what was pushed."""
    statement = upsert(dialect_of(uow.session), CORRECTIONS)
    again = statement.on_conflict_do_update(
        index_elements=["device_id", "collection", "record_id"], set_={"sent_in": None}
    )
    keys = sorted({(row.collection, row.id) for row in rows if _is_storable(row.id)})
    values = [
        {"device_id": device_id, "collection": collection, "record_id": id_, "sent_in": None}
        for collection, id_ in keys
    ]
    write(uow.session, again, values)


def corrections_of(uow: UnitOfWork, device_id: UUID, confirmed: int) -> list[tuple[str, str]]:
    """What still has to be sent again to a device that holds everything up to `confirmed`."""
    table = CORRECTIONS.c
    statement = select(table.collection, table.record_id).where(
        table.device_id == device_id, table.sent_in.is_(None) | (table.sent_in > confirmed)
    )
    return [(row.collection, row.record_id) for row in uow.session.connection().execute(statement)]


def note_corrections(
    uow: UnitOfWork, device_id: UUID, sent: Iterable[tuple[str, str]], number: int, confirmed: int
) -> None:
    """These travel with checkpoint `number`; those that came with `confirmed` or before are done."""
    table = CORRECTIONS.c
    uow.session.connection().execute(
        delete(CORRECTIONS).where(table.device_id == device_id, table.sent_in <= confirmed)
    )
    rows = [{"of": device_id, "in": collection, "id": id_, "by": number} for collection, id_ in sorted(sent)]
    write(uow.session, _SENT, rows)


def forget_stores(uow: UnitOfWork, before: datetime) -> None:
    """Forget the places of devices that were not heard of since then: they start over."""
    connection = uow.session.connection()
    connection.execute(delete(PUSHED_ROWS).where(PUSHED_ROWS.c.pushed_at < before))
    connection.execute(delete(CHECKPOINTS).where(CHECKPOINTS.c.made_at < before))


def _is_storable(text: str) -> bool:
    """Whether a database can keep this id; another one is answered, and forgotten."""
    return 0 < len(text) <= LONGEST_ID and text.isprintable()


_FORGET = delete(CHECKPOINTS).where(
    CHECKPOINTS.c.device_id == bindparam("of"), CHECKPOINTS.c.number < bindparam("before")
)
_FORGET_ROWS = delete(PUSHED_ROWS).where(
    and_(PUSHED_ROWS.c.device_id == bindparam("of"), PUSHED_ROWS.c.number != NO_NUMBER),
    PUSHED_ROWS.c.number < bindparam("before"),
)
_NOTE = (
    update(CHECKPOINTS)
    .where(CHECKPOINTS.c.device_id == bindparam("of"), CHECKPOINTS.c.number == bindparam("at"))
    .values(pushed=bindparam("state"))
)
_SENT = (
    update(CORRECTIONS)
    .where(
        CORRECTIONS.c.device_id == bindparam("of"),
        CORRECTIONS.c.collection == bindparam("in"),
        CORRECTIONS.c.record_id == bindparam("id"),
    )
    .values(sent_in=bindparam("by"))
)
