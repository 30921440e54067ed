"""A push: whole rows, each judged by what its user saw and by what came before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson

from schemas.base import JSON_SAFE_INTEGER
from schemas.errors import JsonValue
from sync.checkpoints import (
    BEGUN,
    DONE,
    Before,
    Checkpoint,
    Positions,
    ask_for_correction,
    note_push,
    note_rows,
    pushed_before,
    read_checkpoint,
)
from sync.engine import SyncEngine
from sync.exchange import REVOKED_DEVICES_HEARD
from sync.facts import PushUnreadable
from sync.host import Caller, UnitOfWork
from sync.rows import PushedRow
from sync.stores import RowPush, epoch_of, record_id_of, refuse_gone, without
from sync.watermelon.pulling import FIRST
from sync.watermelon.reads import feed_row


@dataclass
class Push:
    """One push of one device."""

    engine: SyncEngine
    caller: Caller
    number: int | None
    device_now: datetime | None = None
    checkpoint: Checkpoint | None = None

    def run(self, changes: JsonValue) -> bytes:
        """Take all rows in; the answer lists what became of them, for logs. A refused row is no error:

        it comes back corrected. Raises PushUnreadable for what is no push at all, ServerBusy, DeviceGone.
        """
        rows = read_rows(changes)
        engine, device = self.engine, self.caller.device_id
        epoch = epoch_of(engine, self.caller)
        with engine.host.begin(write=False) as uow:
            refuse_gone(self.caller, uow.now, REVOKED_DEVICES_HEARD.total_seconds())
            if self.number is not None:
                self.checkpoint = read_checkpoint(uow, device, self.number)
            before = pushed_before(uow, device, rows)
            judged = [self._against_base(uow, *self._again(row, before)) for row in rows]
        self._note(BEGUN)
        fresh = [row for row, skip in judged if not skip]
        said = {(row.collection, row.id): row.said for row in rows}
        push = RowPush(
            engine, self.caller, epoch, lambda uow, part: self._take(uow, part, said), self.device_now
        )
        answers = push.run(fresh, [row for row, skip in judged if skip])
        self._note(DONE)
        return orjson.dumps({"outcomes": [answer.to_json() for answer in answers]})

    def _note(self, state: str) -> None:
        if self.number is not None:
            with self.engine.host.begin() as uow:
                note_push(uow, self.caller.device_id, self.number, state)

    def _take(
        self, uow: UnitOfWork, part: Sequence[PushedRow], said: Mapping[tuple[str, str], dict[str, JsonValue]]
    ) -> None:
        base = self.checkpoint.base if self.checkpoint else None
        noted = [(row, said[row.collection, row.id]) for row in part]
        note_rows(uow, self.caller.device_id, noted, self.number or FIRST, base)
        ask_for_correction(uow, self.caller.device_id, part)

    def _again(
        self, row: PushedRow, before: Mapping[tuple[str, str], Before]
    ) -> tuple[PushedRow, bool, Positions | None]:
        """The row without what was taken in by the push before this one, whose reply may have been lost;

        whether that was all of it; and the base to judge it by.
        """
        checkpoint, known = self.checkpoint, before.get((row.collection, row.id))
        base = checkpoint.base if checkpoint else None
        if checkpoint is None or known is None:
            return row, False, base
        said = row.said
        same = frozenset(
            name for name, value in said.items() if name in known.content and known.content[name] == value
        )
        if known.number not in (checkpoint.number, checkpoint.previous):
            # Lost on its way since, or written again: a device that was never clean is judged as it was then.
            return row, False, known.base if same and checkpoint.unsent else base
        if same == said.keys():
            return row, True, base
        return (without(row, same) if row.changed is not None else row), False, base

    def _against_base(
        self, uow: UnitOfWork, row: PushedRow, skip: bool, base: Positions | None
    ) -> tuple[PushedRow, bool]:
        """The row with the revision that its user saw: the last one published before the base."""
        record_id = record_id_of(row.id)
        if skip or base is None or record_id is None or row.changed is None or self.checkpoint is None:
            return row, skip
        for audience in self.caller.audiences:
            found = feed_row(uow, audience.key, row.collection, record_id)
            if found is not None:
                seen = [
                    revision
                    for revision, position in orjson.loads(found.published)
                    if position <= base.get(audience.key, 0)
                ]
                return replace(row, base=seen[-1] if seen else None, epoch=self.checkpoint.epoch), skip
        return row, skip


def read_push(document: JsonValue, number: int | None) -> tuple[JsonValue, int | None]:
    """The changes and the checkpoint of a push, whose body is the changes or `{changes, lastPulledAt}`."""
    if not isinstance(document, Mapping) or not document.keys() <= {"changes", "lastPulledAt"}:
        return document, number
    last = document.get("lastPulledAt")
    named = last if isinstance(last, int) and 0 < last <= JSON_SAFE_INTEGER else None
    return document.get("changes"), number or named


def read_rows(changes: JsonValue) -> list[PushedRow]:
    """The rows of a push; raises PushUnreadable when it is not made of tables with three lists."""
    if not isinstance(changes, Mapping):
        raise PushUnreadable("Send the changes that synchronize() hands to pushChanges, as JSON.")
    rows: list[PushedRow] = []
    for table, lists in changes.items():
        if not isinstance(lists, Mapping):
            raise PushUnreadable(f"Give {table[:60]!r} the lists created, updated and deleted.")
        for verb in ("created", "updated", "deleted"):
            found = lists.get(verb, [])
            if not isinstance(found, list):
                raise PushUnreadable(f"{verb!r} of {table[:60]!r} must be a list.")
            rows += [_row(table, verb, item) for item in found]
    return rows


def _row(table: str, verb: str, item: JsonValue) -> PushedRow:
    if verb == "deleted":
        return PushedRow(table, item if isinstance(item, str) else "", deleted=True)
    values: Mapping[str, Any] = item if isinstance(item, Mapping) else {"row": item}
    id_ = values.get("id")
    known = {name: value for name, value in values.items() if name not in ("_status", "_changed")}
    changed = values.get("_changed")
    touched = frozenset(filter(None, changed.split(","))) if isinstance(changed, str) else None
    return PushedRow(
        table, id_ if isinstance(id_, str) else "", known, touched if verb == "updated" else None
    )
