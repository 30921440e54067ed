"""RxDB's `replicateRxCollection`: pages per collection, pushes of whole documents, and a stream of hints.

The contract, as tried on its npm package: docs/clients.md. A page is full or the last one. A row that does
not stand is answered with the document that does, never with an error, because an error is sent again for
ever. Documents that go are whole documents with `_deleted`, because a validating store refuses less.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, Text, bindparam, func, select

from schemas.base import JSON_SAFE_INTEGER
from schemas.errors import JsonValue, RecordNotFound
from sync.checkpoints import NO_NUMBER, note_rows, pushed_before
from sync.collections import Collection
from sync.cursor import Cursor, Place
from sync.engine import SyncEngine
from sync.exchange import REVOKED_DEVICES_HEARD
from sync.facts import PushUnreadable
from sync.host import Audience, Caller, UnitOfWork
from sync.models import FEED_ROWS, FLOORS
from sync.rows import PushedRow, same_value
from sync.status import Status
from sync.stores import RowPush, bring_up_to_date, epoch_of, known_status, record_id_of, refuse_gone
from sync.wake import LOOKS_EVERY, LOOKS_EVERY_WHEN_RUNG, WaitingRoom

_COME_AGAIN = b"retry: 25000\n\n"
_OF_THE_STORE = ("_deleted", "_rev", "_meta", "_attachments")
# A document of RxDB has a property of this name already, and cannot be read when a field takes it.
_TAKEN, _RENAMED = '"collection":', '"record_collection":'


@dataclass(frozen=True)
class Replica:
    """One collection of one device's user."""

    engine: SyncEngine
    caller: Caller
    collection: Collection
    audience: Audience

    @property
    def key(self) -> str:
        """The name of its place in a cursor: no cursor of one collection continues another."""
        return f"{self.audience.key}/{self.collection.name}"


def replica_of(engine: SyncEngine, caller: Caller, name: str) -> Replica:
    """The collection of that name as the caller sees it; raises RecordNotFound."""
    if name not in engine.collections:
        raise RecordNotFound("Look at docs/clients.md: devices hold no such collection.")
    collection = engine.collections[name]
    audience = next((a for a in caller.audiences if a.kind == collection.audience), None)
    if audience is None:
        raise RecordNotFound("Devices of this user hold no such collection.")
    return Replica(engine, caller, collection, audience)


def pull(replica: Replica, cursor: str, batch_size: int) -> bytes:
    """One page as JSON text: `{documents, checkpoint, epoch, directives}`."""
    engine, caller = replica.engine, replica.caller
    if caller.revoked_at is not None:
        with engine.host.begin(write=False) as uow:
            refuse_gone(caller, uow.now, REVOKED_DEVICES_HEARD.total_seconds())
        return _page("", cursor, None, ["wipe"])
    bring_up_to_date(engine, caller)
    with engine.host.begin(write=False) as uow:
        status = known_status(engine, uow, caller)
        place = _place(replica, uow, status, cursor)
        if place is not None:
            texts, place = _read(replica, uow, status, place, batch_size)
            token = engine.signer.write(Cursor(status.epoch, caller.device_id, {replica.key: place}))
            return _page(",".join(texts), token, status.epoch, [])
    epoch = status.epoch
    if _is_beyond_head(replica, status, cursor):
        epoch = engine.restored(epoch, "a store is further in its feed than the server")
    return _page("", cursor, epoch, ["resync"])


def _page(texts: str, cursor: str, epoch: UUID | None, directives: list[str]) -> bytes:
    rest = {"checkpoint": {"cursor": cursor}, "epoch": epoch, "directives": directives}
    return b'{"documents":[' + texts.encode() + b"]," + orjson.dumps(rest)[1:]


def _place(replica: Replica, uow: UnitOfWork, status: Status, token: str) -> Place | None:
    """Where the page begins; None when the store has to begin anew with an empty collection."""
    if token in ("", "null", "undefined"):
        return Place(0)
    cursor = replica.engine.signer.read(token)
    if cursor is None or cursor.epoch != status.epoch or cursor.device_id != replica.caller.device_id:
        return None
    place = cursor.places.get(replica.key)
    if place is None or _is_beyond_head(replica, status, token):
        return None
    floor: int = uow.session.connection().execute(_FLOOR, _names(replica)).scalar() or 0
    return None if 0 < place.position < floor else place


def _is_beyond_head(replica: Replica, status: Status, token: str) -> bool:
    """Whether the store has seen more of this epoch than there is, as only a restored server explains."""
    cursor, feed = replica.engine.signer.read(token), status.feeds.get(replica.audience.key)
    if cursor is None or cursor.epoch != status.epoch or replica.key not in cursor.places:
        return False
    return cursor.places[replica.key].position > (feed.head if feed else 0)


def _read(
    replica: Replica, uow: UnitOfWork, status: Status, place: Place, batch_size: int
) -> tuple[list[str], Place]:
    feed = status.feeds.get(replica.audience.key)
    if feed is None:
        return [], place
    # Also those that are gone, and from the beginning: RxDB forgets the checkpoint of an empty page, so a
    # store without one may hold what it made itself.
    parameters = {**_names(replica), "after": place.position, "head": feed.head, "limit": batch_size}
    rows = uow.session.connection().execute(_PAGE, parameters).all()
    last = rows[-1].position if len(rows) == batch_size else feed.head
    return [document_text(row.body, deleted=row.removed_at is not None) for row in rows], Place(last)


def document_text(body: str, *, deleted: bool) -> str:
    """The JSON text of a document: the stored body, and whether it is gone."""
    # As a key only: inside a text its quotes are escaped.
    body = body.replace(_TAKEN, _RENAMED, 1)
    return body[:-1] + (',"_deleted":true}' if deleted else ',"_deleted":false}')


@dataclass(frozen=True)
class Push:
    """One push of one collection; others may run beside it and come in any order."""

    replica: Replica
    epoch: UUID | None = None
    device_now: datetime | None = None

    def run(self, document: JsonValue) -> bytes:
        """Take the rows in; the answer lists the documents that stand where one of these does not.

        Raises PushUnreadable for what is no list, ServerBusy, DeviceGone.
        """
        if not isinstance(document, list):
            raise PushUnreadable("Send the rows that RxDB hands to the push handler: a list.")
        engine, caller = self.replica.engine, self.replica.caller
        in_force = epoch_of(engine, caller)
        # Whoever does not say when it read is taken to have read lately.
        rows = [self._row(item, self.epoch or in_force) for item in document]
        said = {
            (row.collection, row.id): {"": _fingerprint(item)}
            for row, item in zip(rows, document, strict=True)
        }
        with engine.host.begin(write=False) as uow:
            refuse_gone(caller, uow.now, REVOKED_DEVICES_HEARD.total_seconds())
            known = pushed_before(uow, caller.device_id, rows)
        again = {name for name, before in known.items() if before.content == said[name]}

        def take(unit: UnitOfWork, part: Sequence[PushedRow]) -> None:
            noted = [(row, said[row.collection, row.id]) for row in part]
            note_rows(unit, caller.device_id, noted, NO_NUMBER, None)

        push = RowPush(engine, caller, in_force, take, self.device_now)
        push.run([row for row in rows if (row.collection, row.id) not in again])
        if caller.revoked_at is not None:
            return b"[]"
        bring_up_to_date(engine, caller)
        with engine.host.begin(write=False) as uow:
            standing = [self._standing(uow, row, item) for row, item in zip(rows, document, strict=True)]
        return b"[" + ",".join(text for text in standing if text is not None).encode() + b"]"

    def _row(self, item: JsonValue, epoch: UUID) -> PushedRow:
        """The row; one that cannot be read comes before people as it is."""
        name = self.replica.collection.name
        new = item.get("newDocumentState") if isinstance(item, Mapping) else None
        if not isinstance(new, Mapping) or not isinstance(new.get("id"), str):
            return PushedRow(name, "", {"row": item})
        values = {field: value for field, value in new.items() if field not in _OF_THE_STORE}
        assumed = item.get("assumedMasterState") if isinstance(item, Mapping) else None
        seen = assumed if isinstance(assumed, Mapping) and assumed.get("_deleted") is not True else None
        changed = None if seen is None else frozenset(n for n, v in values.items() if v != seen.get(n))
        base = seen.get("revision") if seen is not None else None
        known = isinstance(base, int) and not isinstance(base, bool) and 0 <= base <= JSON_SAFE_INTEGER
        return PushedRow(
            name,
            str(new["id"]),
            values,
            changed,
            deleted=new.get("_deleted") is True,
            base=base if known and isinstance(base, int) else None,
            epoch=epoch,
        )

    def _standing(self, uow: UnitOfWork, row: PushedRow, item: JsonValue) -> str | None:
        """The document that stands where this one does not, None when this one does."""
        new = item.get("newDocumentState") if isinstance(item, Mapping) else None
        if not row.id or not isinstance(new, Mapping):
            return None
        record_id = record_id_of(row.id)
        parameters = {**_names(self.replica), "id": record_id}
        held = uow.session.connection().execute(_ONE, parameters).one_or_none() if record_id else None
        if held is None or held.removed_at is not None:
            # Not this device's, or nobody's: it goes, as its own last state, which its schema knows.
            return None if row.deleted else json.dumps({**new, "_deleted": True}, ensure_ascii=True)
        body = orjson.loads(held.body)
        if row.deleted or any(not same_value(row.values[n], body.get(n)) for n in self._spoken(row)):
            return document_text(held.body, deleted=False)
        return None

    def _spoken(self, row: PushedRow) -> set[str]:
        """What the user said in the row. What the server stamps may differ, or every second edit is lost."""
        names = set(row.values) if row.changed is None else set(row.changed)
        names &= (
            set(self.replica.engine.rows.sayable(self.replica.collection)) if row.changed is None else names
        )
        return names - {"id", "revision"}


def stream(replica: Replica, room: WaitingRoom, seconds: float) -> Iterator[bytes]:
    """Server-sent events: one whenever the collection has changed, as a hint to pull; ends by itself.

    A stream holds a thread, so it takes a place of those who wait; without one it ends at once, and the store
    asks again later.
    """
    with room.seat(_seat_of(replica), [replica.audience.key]) as seat:
        if seat is None:
            yield _COME_AGAIN
            return
        known, ends = _newest(replica), time.monotonic() + seconds
        yield b"retry: 1000\n\n"
        while not seat.given_up and (left := ends - time.monotonic()) > 0:
            seat.bell.wait(min(left, LOOKS_EVERY_WHEN_RUNG if room.is_rung else LOOKS_EVERY))
            seat.bell.clear()
            newest = _newest(replica)
            if newest != known:
                known = newest
                yield b'data: {"changed":true}\n\n'


def _seat_of(replica: Replica) -> UUID:
    name = f"{replica.caller.device_id}\0{replica.collection.name}"
    return UUID(bytes=hashlib.sha256(name.encode()).digest()[:16], version=5)


def _newest(replica: Replica) -> int:
    bring_up_to_date(replica.engine, replica.caller)
    with replica.engine.host.begin(write=False) as uow:
        return uow.session.connection().execute(_NEWEST, _names(replica)).scalar() or 0


def _names(replica: Replica) -> dict[str, Any]:
    return {"of": replica.audience.key, "collection": replica.collection.name}


def _fingerprint(item: JsonValue) -> str:
    return hashlib.sha256(json.dumps(item, ensure_ascii=True, sort_keys=True).encode()).hexdigest()


_OF_REPLICA = (
    FEED_ROWS.c.audience == bindparam("of", type_=Text),
    FEED_ROWS.c.collection == bindparam("collection", type_=Text),
)
_PAGE = (
    select(FEED_ROWS.c.body, FEED_ROWS.c.position, FEED_ROWS.c.removed_at)
    .where(
        *_OF_REPLICA,
        FEED_ROWS.c.position > bindparam("after", type_=BigInteger),
        FEED_ROWS.c.position <= bindparam("head", type_=BigInteger),
    )
    .order_by(FEED_ROWS.c.position)
    .limit(bindparam("limit", type_=BigInteger))
)
_ONE = select(FEED_ROWS.c.body, FEED_ROWS.c.removed_at).where(
    *_OF_REPLICA, FEED_ROWS.c.record_id == bindparam("id")
)
_NEWEST = select(func.max(FEED_ROWS.c.position)).where(*_OF_REPLICA)
_FLOOR = select(FLOORS.c.position).where(
    FLOORS.c.audience == bindparam("of", type_=Text),
    FLOORS.c.collection == bindparam("collection", type_=Text),
)
