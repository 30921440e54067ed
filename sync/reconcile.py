"""Reconcile: a device that does not add up lists what it holds and gets just the differences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast
from uuid import UUID

import orjson
from sqlalchemy import Text, Uuid, bindparam, select

from schemas.errors import JsonValue
from schemas.sync import ReconcileRequest
from sync.cursor import Cursor, Place
from sync.engine import SyncEngine
from sync.facts import DeviceGone
from sync.feed import hexadecimal, wire_text
from sync.host import Caller, UnitOfWork
from sync.journal import doubt_device
from sync.models import FEED_ROWS
from sync.push import repeated
from sync.refresh import OUT_OF_SCOPE
from sync.sql import batches
from sync.status import NO_JOURNAL, Status

Key = tuple[str, UUID]

_REQUEST = ReconcileRequest()


def reconcile(engine: SyncEngine, caller: Caller, document: JsonValue) -> bytes:
    """The answer as JSON text: puts and removals that make the device equal to its feeds, and a new cursor.

    Raises marshmallow's ValidationError, or DeviceGone for a revoked device. The device must have pushed
    everything first: a removal does not ask for unsent work.
    """
    request = _REQUEST.load(cast("dict[str, JsonValue]", document))
    if caller.revoked_at is not None:
        raise DeviceGone("Nothing is sent to it any more.")
    held: dict[Key, int] = {(r["collection"], r["id"]): int(r["hash"], 16) for r in request["held"]}
    engine.ensure_epoch()
    engine.expand()
    for audience in caller.audiences:
        engine.refresh(audience, caller.time_zone)
    with engine.host.begin(write=False) as uow:
        status = engine.status(uow.look, NO_JOURNAL, caller.audiences)
        assert status is not None, "the epoch was made sure of"
        texts = _differences(uow, status, held)
    believed = engine.signer.read(request["cursor"])
    theirs = (believed.epoch, believed.device_id) if believed is not None else None
    if texts and theirs == (status.epoch, caller.device_id):
        _raise_alarm(engine, caller, len(texts))
    return _answer(engine, caller, status, texts)


def _raise_alarm(engine: SyncEngine, caller: Caller, differences: int) -> None:
    """A device that followed our feeds to the letter holds something else.

    Its records are damaged, a feed was wrong, or the database is a restored one whose feeds have grown past
    the device's cursor. What still waits of it may rest on what was lost: its bases are believed no more.
    """
    repeated(engine.host, lambda uow, _: doubt_device(uow, caller))
    why = f"device {caller.device_id} held {differences} records otherwise than its feeds, in the same epoch"
    engine.host.alarm("sync-inventory-differs", why)


def _differences(uow: UnitOfWork, status: Status, held: dict[Key, int]) -> list[str]:
    """The changes, as JSON texts, that make `held` equal to the feeds."""
    texts: list[str] = []
    extra = dict(held)
    for key in status.feeds:
        wanted = []
        for collection, record_id, record_hash in uow.session.connection().execute(_INVENTORY, {"of": key}):
            if extra.pop((collection, record_id), None) != record_hash % 2**64:
                wanted.append((collection, record_id))
        texts += _texts(uow, key, wanted)
    texts += [
        orjson.dumps({"collection": name, "id": record_id, "op": "remove", "why": OUT_OF_SCOPE}).decode()
        for name, record_id in extra
    ]
    return texts


def _answer(engine: SyncEngine, caller: Caller, status: Status, texts: list[str]) -> bytes:
    places = {key: Place(feed.head) for key, feed in status.feeds.items()}
    cursor = engine.signer.write(Cursor(status.epoch, caller.device_id, places))
    figures = {
        key: {"count": feed.records, "hash": hexadecimal(feed.digest)} for key, feed in status.feeds.items()
    }
    rest = orjson.dumps({"cursor": cursor, "digest": figures, "directives": []})
    return b"".join((b'{"changes":[', ",".join(texts).encode(), b"],", rest[1:]))


def _texts(uow: UnitOfWork, audience: str, wanted: Iterable[Key]) -> list[str]:
    by_collection: dict[str, list[UUID]] = {}
    for collection, record_id in wanted:
        by_collection.setdefault(collection, []).append(record_id)
    texts: list[str] = []
    for collection, ids in by_collection.items():
        for batch in batches(ids):
            rows = uow.session.connection().execute(
                _TEXTS, {"of": audience, "collection": collection, "ids": batch}
            )
            texts += rows.scalars()
    return texts


_OF_FEED = FEED_ROWS.c.audience == bindparam("of", type_=Text)
_INVENTORY = select(FEED_ROWS.c.collection, FEED_ROWS.c.record_id, FEED_ROWS.c.hash).where(
    _OF_FEED, FEED_ROWS.c.removed_at.is_(None)
)
_TEXTS = select(wire_text()).where(
    _OF_FEED,
    FEED_ROWS.c.collection == bindparam("collection", type_=Text),
    FEED_ROWS.c.record_id.in_(bindparam("ids", expanding=True, type_=Uuid)),
)
