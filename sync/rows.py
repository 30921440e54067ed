"""Pushed rows become mutations: what a row's difference stands for by its collection's declaration."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from typing import Any
from uuid import UUID

from marshmallow import INCLUDE, Schema

from schemas.errors import JsonValue
from sync.collections import BadDeclaration, Collection, CollectionSet, Kind
from sync.facts import RowGone, RowIsTheServers
from sync.host import UnitOfWork
from sync.mutations import MutationTable, MutationType

CREATE, EDIT, DELETE = "create", "edit", "delete"
_STAMPED = frozenset({"id", "revision"})
_NOTHING: tuple[JsonValue, ...] = (None, "", 0, False)
"""What stores write for "no value" in a column that cannot be null."""

Row = Mapping[str, JsonValue]


@dataclass(frozen=True)
class PushedRow:
    """One row as a store pushed it.

    `changed` are the fields that the user touched, None for a row that the store calls new. `base` is the
    revision that the user saw, in `epoch`; None when nobody knows.
    """

    collection: str
    id: str
    values: Row = field(default_factory=dict)
    changed: frozenset[str] | None = None
    deleted: bool = False
    base: int | None = None
    epoch: UUID | None = None

    @property
    def said(self) -> dict[str, JsonValue]:
        """What the user says with it: enough to know the row when it is pushed again."""
        if self.deleted:
            return {"": DELETE}
        names = self.values.keys() if self.changed is None else self.changed & self.values.keys()
        return {name: self.values[name] for name in sorted(names)}


@dataclass(frozen=True)
class Draft:
    """A mutation that has no place in a journal yet.

    `once`: the same content from the same device is the same mutation, however often it comes.
    """

    type: str
    record: str
    fields: Mapping[str, JsonValue]
    occurred_at: JsonValue = None
    base: int | None = None
    epoch: UUID | None = None
    once: bool = False

    def message(self, device_id: UUID, number: int, now: str, mint_id: Callable[[], UUID]) -> JsonValue:
        """The MutationMessage at this place of the device's journal."""
        content: dict[str, JsonValue] = {
            "schema": 1,
            "type": self.type,
            "record": self.record,
            "base": self.base,
            "epoch": str(self.epoch) if self.epoch else None,
            "fields": dict(self.fields),
        }
        mutation_id = _same_id(device_id, content) if self.once else mint_id()
        # Whether a store says when something happened is up to its schema; our clock is the next best thing.
        occurred_at = self.occurred_at if isinstance(self.occurred_at, str) and self.occurred_at else now
        return {**content, "mutation_id": str(mutation_id), "number": number, "occurred_at": occurred_at}


class RowReader:
    """Reads pushed rows by the declarations of one deployment.

    `mutations` has, beside those of the protocol, the ones that only rows stand for.
    """

    def __init__(self, collections: CollectionSet, mutations: MutationTable) -> None:
        self.collections = collections
        self.mutations = MutationTable((*mutations, *row_types(collections)), collections)
        for collection in collections:
            unknown = sorted(name for name in collection.rows.types() if mutations.get(name) is None)
            if unknown:
                raise BadDeclaration(f"{collection.name}: its rows stand for unknown mutations {unknown}")

    def drafts(self, row: PushedRow, stands: Row | None) -> list[Draft]:
        """What a row stands for, next to the record's body as it stands (None: there is none)."""
        if row.collection not in self.collections:
            return [_kept(row, DELETE if row.deleted else CREATE, {} if row.deleted else row.values)]
        collection = self.collections[row.collection]
        if row.deleted:
            return [] if stands is None else [self._deletion(collection, row)]
        if stands is None:
            return [self._creation(collection, row)]
        return list(self._edits(collection, row, stands))

    def _deletion(self, collection: Collection, row: PushedRow) -> Draft:
        if collection.rows.deletes is None:
            return _kept(row, DELETE, {})
        return Draft(collection.rows.deletes, row.id, {}, once=True)

    def _creation(self, collection: Collection, row: PushedRow) -> Draft:
        rules = collection.rows
        if row.id == "":
            return _kept(row, CREATE, row.values)  # whatever it was meant to be, people see all of it
        type_ = rules.creates_for(row.values)
        if type_ is None:
            known = fields_of(collection.shape).keys() - _STAMPED
            return _kept(row, CREATE, {n: v for n, v in row.values.items() if n in known and v is not None})
        shape = _shape_of(self.mutations, type_)
        given = {name: row.values[name] for name in shape if name in row.values}
        said = {n: v for n, v in given.items() if shape[n].required or v not in (None, "")}
        if rules.row_id is not None:
            said[rules.row_id] = row.id
        record = row.id if rules.record == "id" else row.values.get(rules.record)
        when = row.values.get("occurred_at")
        return Draft(type_, record if isinstance(record, str) else "", said, when, once=True)

    def _edits(self, collection: Collection, row: PushedRow, stands: Row) -> Iterator[Draft]:
        names = row.values.keys() & fields_of(collection.shape).keys() - _STAMPED
        # Of a row that is here already, and not as new as its store thinks, only what devices say counts.
        names &= self.sayable(collection) if row.changed is None else row.changed
        left = {name for name in names if not same_value(row.values[name], stands.get(name))}
        for type_ in collection.rows.edits:
            shape = _shape_of(self.mutations, type_)
            if not (touched := left & shape.keys()):
                continue
            left -= touched
            touched |= {name for name, kind in shape.items() if kind.required and name in row.values}
            said = {name: _said(row.values[name], shape[name]) for name in sorted(touched)}
            yield Draft(type_, row.id, said, base=row.base, epoch=row.epoch)
        if left:
            yield _kept(row, EDIT, {name: row.values[name] for name in sorted(left)})

    def sayable(self, collection: Collection) -> set[str]:
        """The fields in which a device says anything at all; the others are stamped by the server."""
        return {name for type_ in collection.rows.types() for name in _shape_of(self.mutations, type_)}


class _AnyFields(Schema):
    """Whatever a store wrote: it is not applied, people look at it."""

    class Meta:
        unknown = INCLUDE


def row_types(collections: CollectionSet) -> Iterator[MutationType]:
    """Per collection: a new row, an edit and a deletion that devices may not make. They apply to nothing,
    are overridden, and so come before people with both values.
    """
    for collection in collections:
        name = collection.name
        yield MutationType(f"{name}.{CREATE}", name, _AnyFields, _refuse_creation, Kind.FACT)
        yield MutationType(f"{name}.{EDIT}", name, _AnyFields, _edit_of(collection), Kind.SEALED)
        yield MutationType(f"{name}.{DELETE}", name, _AnyFields, _refuse_deletion, Kind.FACT)


def _refuse_creation(_uow: UnitOfWork, _actor: object, _record: UUID, **_fields: object) -> None:
    raise RowIsTheServers("Devices make no such records: look at what was written, and do it in the office.")


def _refuse_deletion(_uow: UnitOfWork, _actor: object, _record: UUID, **_fields: object) -> None:
    raise RowIsTheServers("Devices delete nothing: the record stands as it was.")


def _edit_of(collection: Collection) -> Callable[..., None]:
    def keep_edit(uow: UnitOfWork, _actor: object, record: UUID, **_fields: object) -> None:
        # Of sealed fields only those reach a use case that the record has already, or all if there is none.
        if uow.session.get(collection.model, record) is None:
            raise RowGone("Look at what was written: the record is not there any more.")

    return keep_edit


def _shape_of(mutations: MutationTable, type_: str) -> Mapping[str, Any]:
    mutation_type = mutations.get(type_)
    assert mutation_type is not None, "looked up when the reader was made"
    return fields_of(mutation_type.shape)


@cache
def fields_of(shape: type[Schema]) -> Mapping[str, Any]:
    """The fields of a shape by name."""
    return dict(shape().fields)


def _kept(row: PushedRow, verb: str, said: Row) -> Draft:
    once = verb != EDIT
    return Draft(f"{row.collection}.{verb}", row.id, said, base=row.base, epoch=row.epoch, once=once)


def same_value(sent: JsonValue, stands: JsonValue) -> bool:
    """Whether a store's value is the one that stands, whatever it writes for nothing."""
    return sent == stands or (stands is None and sent in _NOTHING)


def _said(value: JsonValue, field_: Any) -> JsonValue:
    return None if value == "" and field_.allow_none else value


def _same_id(device_id: UUID, content: JsonValue) -> UUID:
    text = json.dumps([str(device_id), content], ensure_ascii=True, sort_keys=True)
    return UUID(bytes=blake2b(text.encode(), digest_size=16).digest(), version=5)
