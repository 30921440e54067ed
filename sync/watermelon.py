"""WatermelonDB's `synchronize()`: one pull of everything since an integer, one push of whole rows.

The contract, as tried on its npm package: docs/clients.md. What it cannot say is made up for here. All rows
travel as `updated`, because `created` revives what the user deleted. Removals wait until the device has had
a chance to push, because they destroy unsent edits. What a device pushed is sent back in its next pull,
because that is how a value of its own that does not stand is corrected.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, Row, Text, bindparam, select

from schemas.base import JSON_SAFE_INTEGER
from schemas.errors import JsonValue
from sync.checkpoints import (
    BEGUN,
    DONE,
    Before,
    Checkpoint,
    Positions,
    ask_for_correction,
    corrections_of,
    forget_pushed,
    keep_checkpoint,
    next_number,
    note_corrections,
    note_push,
    note_rows,
    pushed_before,
    read_checkpoint,
)
from sync.engine import SyncEngine
from sync.exchange import REVOKED_DEVICES_HEARD
from sync.facts import PushUnreadable
from sync.host import Caller, UnitOfWork
from sync.models import FEED_ROWS
from sync.rows import PushedRow
from sync.status import Status
from sync.stores import RowPush, bring_up_to_date, epoch_of, known_status, record_id_of, refuse_gone, without

_FIRST = 1
_KEPT_FRESH = timedelta(days=1)
"""A checkpoint in use is written again this often, so that housekeeping sees that it is."""


@dataclass(frozen=True)
class Asked:
    """A pull: `last` is None for a store that holds nothing; `whole` tables must come with all their rows."""

    last: int | None
    whole: frozenset[str] = frozenset()
    unsent: bool | None = None


@dataclass
class Tables:
    """The changes of one answer. An id stands in one list only: `updated` wins."""

    updated: defaultdict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    deleted: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def put(self, collection: str, id_: str, body: str) -> None:
        """This record, with its stored JSON text."""
        self.updated[collection][id_] = body
        self.deleted[collection].discard(id_)

    def remove(self, collection: str, id_: str) -> None:
        """This record is to go, unless it came already."""
        if id_ not in self.updated[collection]:
            self.deleted[collection].add(id_)

    def __bool__(self) -> bool:
        return any(self.updated.values()) or any(self.deleted.values())

    def wire(self, listed: frozenset[str]) -> bytes:
        """All three lists for every table that has something or is to be listed in any case."""
        texts = []
        for name in sorted(self.updated.keys() | self.deleted.keys() | listed):
            bodies, ids = self.updated[name].values(), sorted(self.deleted[name])
            if bodies or ids or name in listed:
                gone = orjson.dumps(ids).decode()
                texts.append(f'"{name}":{{"created":[],"updated":[{",".join(bodies)}],"deleted":{gone}}}')
        return ("{" + ",".join(texts) + "}").encode()


@dataclass
class Pull:
    """One pull of one device: reads from one snapshot, then keeps where the device will be."""

    engine: SyncEngine
    caller: Caller
    asked: Asked
    tables: Tables = field(default_factory=Tables)
    corrected: list[tuple[str, str]] = field(default_factory=list)
    replacement: bool = False

    def run(self) -> bytes:
        """The answer as JSON text. Raises ServerBusy, or DeviceGone for a device revoked long ago."""
        if self.caller.revoked_at is not None:
            return self._answer_revoked()
        bring_up_to_date(self.engine, self.caller)
        with self.engine.host.begin(write=False) as uow:
            status = known_status(self.engine, uow, self.caller)
            known = self._known(uow)
            made = self._place(uow, status, known)
            fresh = known is not None and known.made_at is not None and uow.now - known.made_at < _KEPT_FRESH
        if known is not None and fresh and made == known and not self.tables:
            return self._answer(known.number)
        with self.engine.host.begin() as uow:
            device = self.caller.device_id
            if made.number != (known.number if known else None):
                made = replace(made, number=next_number(uow, device))
            keep_checkpoint(uow, device, made, known.number if known else None)
            if known is not None:
                note_corrections(uow, device, self.corrected, made.number, known.number)
            if self.asked.unsent is False:
                forget_pushed(uow, device)
        return self._answer(made.number)

    def _known(self, uow: UnitOfWork) -> Checkpoint | None:
        if self.asked.last is None:
            return None
        return read_checkpoint(uow, self.caller.device_id, self.asked.last)

    def _place(self, uow: UnitOfWork, status: Status, known: Checkpoint | None) -> Checkpoint:
        """Where the device will be after this answer, which is filled in by the way."""
        heads = {key: feed.head for key, feed in status.feeds.items()}
        if self.asked.last is None:
            self._read_everything(uow, heads)
            return Checkpoint(0, status.epoch, None, heads, heads, None, self.asked.unsent)
        if known is None or known.epoch != status.epoch or _is_below_floor(known, status):
            # It holds what nobody can tell any more. It pushes first, against nothing; then it starts over.
            return Checkpoint(0, status.epoch, self.asked.last, {}, {}, None, self.asked.unsent, None, True)
        if known.replaces:
            return self._replace(uow, status.epoch, known, heads)
        return self._continue(uow, status.epoch, known, heads)

    def _replace(self, uow: UnitOfWork, epoch: UUID, known: Checkpoint, heads: Positions) -> Checkpoint:
        if known.edits_are_older(self.asked.unsent):
            return known
        self.replacement = True
        self._read_everything(uow, heads)
        return Checkpoint(0, epoch, known.number, heads, heads, None, self.asked.unsent)

    def _continue(self, uow: UnitOfWork, epoch: UUID, known: Checkpoint, heads: Positions) -> Checkpoint:
        older = known.edits_are_older(self.asked.unsent)
        removals = self._removals_due(known, heads, older=older)
        for key, head in heads.items():
            self._read_changes(uow, key, known, removals.get(key, 0), head)
        self._read_corrections(uow, known)
        base = known.base if older else known.positions
        if not self.tables and heads == known.positions and removals == known.removals:
            # Nothing new: the same number again, for edits made since.
            pushed = known.pushed if older else None
            unsent = self.asked.unsent
            return replace(known, previous=known.number, base=base, unsent=unsent, pushed=pushed)
        return Checkpoint(0, epoch, known.number, heads, removals, base, self.asked.unsent)

    def _removals_due(self, known: Checkpoint, heads: Positions, *, older: bool) -> Positions:
        """Up to where removals go out: they would destroy edits that the device has not sent.

        A device that says what it holds gets them when it holds nothing; any other one with the next pull
        after the one that could have brought them, so that it has pushed in between.
        """
        if self.asked.unsent is False:
            return heads
        if self.asked.unsent or older:
            return known.removals
        return known.positions

    def _read_everything(self, uow: UnitOfWork, heads: Positions) -> None:
        for key in heads:
            for row in uow.session.connection().execute(_HELD, {"of": key}):
                self.tables.put(row.collection, str(row.record_id), row.body)

    def _read_changes(self, uow: UnitOfWork, key: str, known: Checkpoint, through: int, head: int) -> None:
        position, removed = known.positions.get(key, 0), known.removals.get(key, 0)
        rows = uow.session.connection().execute(
            _CHANGED, {"of": key, "after": min(position, removed), "head": head}
        )
        for row in rows:
            if row.removed_at is None and row.position > position:
                self.tables.put(row.collection, str(row.record_id), row.body)
            elif row.removed_at is not None and removed < row.position <= through:
                self.tables.remove(row.collection, str(row.record_id))
        for collection in sorted(self.asked.whole & {c.name for c in self.engine.collections}):
            for held in uow.session.connection().execute(_WHOLE, {"of": key, "collection": collection}):
                self.tables.put(held.collection, str(held.record_id), held.body)

    def _read_corrections(self, uow: UnitOfWork, known: Checkpoint) -> None:
        """What the device pushed, as it stands; what does not stand at all goes, once nothing is unsent."""
        for collection, id_ in corrections_of(uow, self.caller.device_id, known.number):
            body = self._body(uow, collection, id_)
            if body is not None:
                self.tables.put(collection, id_, body)
            elif self.asked.unsent or known.edits_are_older(self.asked.unsent):
                continue
            else:
                self.tables.remove(collection, id_)
            self.corrected.append((collection, id_))

    def _body(self, uow: UnitOfWork, collection: str, id_: str) -> str | None:
        if (record_id := record_id_of(id_)) is None:
            return None
        for audience in self.caller.audiences:
            row = _feed_row(uow, audience.key, collection, record_id)
            if row is not None and row.removed_at is None:
                body: str = row.body
                return body
        return None

    def _answer(self, number: int) -> bytes:
        rest: dict[str, object] = {"timestamp": number, "directives": []}
        if self.replacement:
            rest["experimentalStrategy"] = "replacement"
        # The package's diagnosis looks for every table in a first pull.
        whole = self.asked.last is None or self.replacement
        listed = frozenset(c.name for c in self.engine.collections) if whole else frozenset[str]()
        return b'{"changes":' + self.tables.wire(listed) + b"," + orjson.dumps(rest)[1:]

    def _answer_revoked(self) -> bytes:
        """Nothing, so that it pushes; and the order to wipe what it has."""
        with self.engine.host.begin(write=False) as uow:
            refuse_gone(self.caller, uow.now, REVOKED_DEVICES_HEARD.total_seconds())
        rest = {"changes": {}, "timestamp": self.asked.last or _FIRST, "directives": ["wipe"]}
        return orjson.dumps(rest)


def _is_below_floor(known: Checkpoint, status: Status) -> bool:
    """Whether removals were forgotten that this device never got."""
    return any(
        known.removals.get(key, 0) < feed.floor
        for key, feed in status.feeds.items()
        if known.positions.get(key, 0) > 0
    )


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
        note_rows(uow, self.caller.device_id, noted, self.number or _FIRST, base)
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
            found = _feed_row(uow, audience.key, row.collection, record_id)
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


def _feed_row(
    uow: UnitOfWork, audience: str, collection: str, record_id: UUID
) -> Row[*tuple[Any, ...]] | None:
    parameters = {"of": audience, "collection": collection, "id": record_id}
    return uow.session.connection().execute(_ONE, parameters).one_or_none()


_COLUMNS = (FEED_ROWS.c.collection, FEED_ROWS.c.record_id, FEED_ROWS.c.body)
_OF_FEED = FEED_ROWS.c.audience == bindparam("of", type_=Text)
_HELD = select(*_COLUMNS).where(_OF_FEED, FEED_ROWS.c.removed_at.is_(None)).order_by(FEED_ROWS.c.position)
_WHOLE = _HELD.where(FEED_ROWS.c.collection == bindparam("collection", type_=Text))
_CHANGED = (
    select(*_COLUMNS, FEED_ROWS.c.position, FEED_ROWS.c.removed_at)
    .where(
        _OF_FEED,
        FEED_ROWS.c.position > bindparam("after", type_=BigInteger),
        FEED_ROWS.c.position <= bindparam("head", type_=BigInteger),
    )
    .order_by(FEED_ROWS.c.position)
)
_ONE = select(FEED_ROWS.c.body, FEED_ROWS.c.removed_at, FEED_ROWS.c.published).where(
    _OF_FEED,
    FEED_ROWS.c.collection == bindparam("collection", type_=Text),
    FEED_ROWS.c.record_id == bindparam("id"),
)
