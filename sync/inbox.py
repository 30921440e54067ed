"""The field inbox: where people see every mutation, or part of one, that did not simply apply."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import cast
from uuid import UUID

from marshmallow import ValidationError
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from schemas.base import Id, write_instant
from schemas.errors import JsonValue, RecordNotFound
from schemas.sync import FieldInboxBody
from sync.collections import Collection, CollectionSet, Root
from sync.host import UnitOfWork
from sync.models import FieldInboxEntry

COLLECTION = "field_inbox"
_SHAPE_VERSION = 2
_NOTES = "sync_inbox_notes"
_ID = Id()


@dataclass(frozen=True)
class Note:
    """Why something is in the inbox: a stable code, a title, and what to do next."""

    code: str
    title: str
    detail: str


@dataclass(frozen=True)
class Subject:
    """The record that people file an entry under, such as the visit of a note."""

    collection: str
    id: UUID


@dataclass(frozen=True)
class Kept:
    """What an entry holds: the fields as they were sent, and the values that stood on the server then."""

    fields: Mapping[str, JsonValue] = field(default_factory=dict)
    server: Mapping[str, JsonValue] = field(default_factory=dict)


def inbox_collection(audience: str) -> Collection:
    """The collection that shows devices of this audience kind their entries: open, or lately settled."""
    window = (FieldInboxEntry.settled_at, FieldInboxEntry.settled_at)
    root = Root(FieldInboxEntry.owner_id, window=window)
    return Collection(
        COLLECTION, FieldInboxEntry, FieldInboxBody, audience, roots=(root,), shape_version=_SHAPE_VERSION
    )


def note_for_inbox(uow: UnitOfWork, code: str, title: str, detail: str) -> None:
    """Called by a use case that applies a mutation but wants a person to look at it: the outcome is `merged`.

    Through any other door than sync the note leads nowhere.
    """
    notes: list[Note] = uow.session.info.setdefault(_NOTES, [])
    notes.append(Note(code, title, detail))


def take_notes(uow: UnitOfWork) -> list[Note]:
    """The notes left since the last call."""
    notes: list[Note] = uow.session.info.pop(_NOTES, [])
    return notes


def entry_id(mutation_id: UUID, code: str, content: str) -> UUID:
    """The same content refused again for the same reason is the same entry."""
    return UUID(
        bytes=blake2b(f"{mutation_id}\0{code}\0{content}".encode(), digest_size=16).digest(), version=5
    )


def subject_of(
    session: Session, collections: CollectionSet, name: str, record_id: UUID, fields: object = None
) -> Subject:
    """What a record is about: up its owner edges, as far as there are rows.

    `fields`, as a device sent them, name the owner of a record that is not there (yet).
    """
    said = fields if isinstance(fields, Mapping) else {}
    while (path := collections.owner_of(name)) is not None:
        statement = select(path.column).where(collections[name].table.c.id == record_id)
        owner = session.connection().execute(statement).scalar() or _read_id(said.get(path.column.key))
        if owner is None:
            break
        name, record_id, said = path.source, cast("UUID", owner), {}
    return Subject(name, record_id)


def content_with(content: str, server: Mapping[str, object]) -> str:
    """The mutation's JSON with the values that stand on the server beside it."""
    if not server:
        return content
    values = {name: _plain(value) for name, value in server.items()}
    return json.dumps({"mutation": json.loads(content), "server": values}, ensure_ascii=True)


def kept_in(entry: FieldInboxEntry) -> Kept:
    """What `content_with` put into an entry; nothing where the device sent nothing readable."""
    content = json.loads(entry.content)
    if not isinstance(content, dict):
        return Kept()
    server = content.get("server") if "mutation" in content else {}
    message = content.get("mutation", content)
    fields = message.get("fields") if isinstance(message, dict) else None
    return Kept(fields if isinstance(fields, dict) else {}, server if isinstance(server, dict) else {})


def _plain(value: object) -> JsonValue:
    if isinstance(value, datetime):
        return write_instant(value)
    return value if isinstance(value, bool | int | float | str) or value is None else str(value)


def _read_id(value: object) -> UUID | None:
    try:
        return _ID.deserialize(value)
    except ValidationError:
        return None


def entries(
    *,
    settled: bool | None = None,
    owner_id: UUID | None = None,
    subject_id: UUID | None = None,
    record_id: UUID | None = None,
    code: str | None = None,
) -> Select[FieldInboxEntry]:
    """The entries, for a host that pages through them.

    Those (not) dealt with, of one owner, filed under one subject, about one record, for one reason.
    """
    entry = FieldInboxEntry
    statement = select(entry)
    if settled is not None:
        statement = statement.where(entry.settled_at.is_not(None) if settled else entry.settled_at.is_(None))
    wanted = (
        (entry.owner_id, owner_id),
        (entry.subject_id, subject_id),
        (entry.record_id, record_id),
        (entry.code, code),
    )
    for column, value in wanted:
        if value is not None:
            statement = statement.where(column == value)
    return statement


def read_entry(uow: UnitOfWork, entry: UUID) -> FieldInboxEntry:
    """One entry with all that was sent; raises RecordNotFound."""
    found = uow.session.get(FieldInboxEntry, entry)
    if found is None:
        raise RecordNotFound("Look at the list again.")
    return found
