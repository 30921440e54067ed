"""A pull: everything since an integer, and the removals and corrections that are due by now."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

import orjson

from sync.checkpoints import (
    Checkpoint,
    Positions,
    corrections_of,
    forget_pushed,
    keep_checkpoint,
    next_number,
    note_corrections,
    read_checkpoint,
)
from sync.engine import SyncEngine
from sync.exchange import REVOKED_DEVICES_HEARD
from sync.host import Caller, UnitOfWork
from sync.status import Status
from sync.stores import bring_up_to_date, known_status, record_id_of, refuse_gone
from sync.watermelon.reads import CHANGED, HELD, WHOLE, feed_row

FIRST = 1
"""The number of a store that has none yet."""

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
            for row in uow.session.connection().execute(HELD, {"of": key}):
                self.tables.put(row.collection, str(row.record_id), row.body)

    def _read_changes(self, uow: UnitOfWork, key: str, known: Checkpoint, through: int, head: int) -> None:
        position, removed = known.positions.get(key, 0), known.removals.get(key, 0)
        rows = uow.session.connection().execute(
            CHANGED, {"of": key, "after": min(position, removed), "head": head}
        )
        for row in rows:
            if row.removed_at is None and row.position > position:
                self.tables.put(row.collection, str(row.record_id), row.body)
            elif row.removed_at is not None and removed < row.position <= through:
                self.tables.remove(row.collection, str(row.record_id))
        for collection in sorted(self.asked.whole & {c.name for c in self.engine.collections}):
            for held in uow.session.connection().execute(WHOLE, {"of": key, "collection": collection}):
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
            row = feed_row(uow, audience.key, collection, record_id)
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
        rest = {"changes": {}, "timestamp": self.asked.last or FIRST, "directives": ["wipe"]}
        return orjson.dumps(rest)


def _is_below_floor(known: Checkpoint, status: Status) -> bool:
    """Whether removals were forgotten that this device never got."""
    return any(
        known.removals.get(key, 0) < feed.floor
        for key, feed in status.feeds.items()
        if known.positions.get(key, 0) > 0
    )
