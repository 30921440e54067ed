"""The bodies of records, read now: what a feed puts, and which records are gone for good."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, cast
from uuid import UUID

import orjson
from marshmallow import Schema
from sqlalchemy import ColumnElement, Select, Uuid, any_, bindparam, inspect, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase, make_transient_to_detached

from sync.collections import Collection
from sync.feed import hash_of, put_envelope, signed, write_body
from sync.host import Straight
from sync.scope import Difference
from sync.sql import batches

REVISIONS_REMEMBERED = 4
"""How many published revisions a feed row remembers, for clients that name no base of their own."""


class SyncedRow(Protocol):
    """What every row of a collection has; checked when the collections are declared."""

    id: UUID
    revision: int


@dataclass(frozen=True)
class Body:
    """A record as it will stand in the feed."""

    difference: Difference
    revision: int
    text: str
    hash: int

    @property
    def is_as_held(self) -> bool:
        """Whether the feed shows exactly this: a rewrite for a new shape version found nothing new."""
        return self.difference.held and signed(self.hash) == self.difference.held_hash

    def row(self, audience: str, position: int) -> dict[str, object]:
        """The feed row."""
        published = orjson.loads(self.difference.published or "[]")[1 - REVISIONS_REMEMBERED :]
        return {
            "audience": audience,
            "collection": self.difference.collection,
            "record_id": self.difference.record_id,
            "position": position,
            "revision": self.revision,
            "hash": signed(self.hash),
            "envelope": put_envelope(self.difference.collection, self.difference.record_id, self.hash),
            "body": self.text,
            "removed_at": None,
            "published": orjson.dumps([*published, [self.revision, position]]).decode(),
        }


def read_bodies(straight: Straight, collection: Collection, wanted: Iterable[Difference]) -> list[Body]:
    """The bodies of the records that are still there, in the order of their ids."""
    by_id = {difference.record_id: difference for difference in wanted}
    rows = _Rows.of(collection.model)
    bodies: list[Body] = []
    for batch in batches(sorted(by_id)):
        for row in straight.run(rows.statements[straight.dialect], {"ids": batch}):
            record = rows.record(row)
            text = text_of(collection, record)
            hashed = hash_of(collection.name, record.id, text)
            bodies.append(Body(by_id[record.id], record.revision, text, hashed))
    return bodies


def text_of(collection: Collection, record: object) -> str:
    """The JSON text of a record's body."""
    return write_body(_shape(collection.shape).dump(record))


def existing(straight: Straight, collection: Collection, differences: Iterable[Difference]) -> set[UUID]:
    """Which of the records are still in their table."""
    found: set[UUID] = set()
    for batch in batches([difference.record_id for difference in differences]):
        rows = straight.run(_Rows.of(collection.model).identities[straight.dialect], {"ids": batch})
        found.update(row[0] for row in rows)
    return found


@cache
def _shape(shape: type[Schema]) -> Schema:
    return shape()


class _Rows:
    """The rows of a model as objects that no session knows: what a shape reads is there, and nothing else."""

    def __init__(self, model: type[DeclarativeBase]) -> None:
        self._mapper = inspect(model)
        attributes = list(self._mapper.column_attrs)
        self._keys = [attribute.key for attribute in attributes]
        identity = self._mapper.primary_key[0]
        columns = [attribute.columns[0] for attribute in attributes]
        self.statements = _with_these_ids(select(*columns).order_by(identity), identity)
        self.identities = _with_these_ids(select(identity), identity)

    @staticmethod
    @cache
    def of(model: type[DeclarativeBase]) -> _Rows:
        """Those of this model."""
        return _Rows(model)

    def record(self, row: Sequence[Any]) -> SyncedRow:
        """The object of one row of `statements`."""
        record = self._mapper.class_manager.new_instance()
        record.__dict__.update(zip(self._keys, row, strict=True))
        make_transient_to_detached(record)  # to ask it for more than that is an error, not None
        return cast("SyncedRow", record)


def _with_these_ids(statement: Select[Any], identity: ColumnElement[Any]) -> dict[str, Select[Any]]:
    """One parameter for all ids on PostgreSQL, where the statement is prepared once."""
    return {
        "sqlite": statement.where(identity.in_(bindparam("ids", expanding=True, type_=Uuid))),
        "postgresql": statement.where(identity == any_(bindparam("ids", type_=ARRAY(Uuid)))),
    }
