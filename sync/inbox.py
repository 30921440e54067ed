"""The field inbox: where people see every mutation, or part of one, that did not simply apply."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from uuid import UUID

from sqlalchemy import Select, select

from schemas.errors import JsonValue, RecordNotFound
from schemas.sync import FieldInboxBody
from sync.collections import Collection, Root
from sync.host import UnitOfWork
from sync.models import FieldInboxEntry

COLLECTION = "field_inbox"
_NOTES = "sync_inbox_notes"


@dataclass(frozen=True)
class Note:
    """Why something is in the inbox: a stable code, a title, and what to do next."""

    code: str
    title: str
    detail: str


def inbox_collection(audience: str) -> Collection:
    """The collection that shows devices of this audience kind their entries: open, or lately settled."""
    window = (FieldInboxEntry.settled_at, FieldInboxEntry.settled_at)
    root = Root(FieldInboxEntry.owner_id, window=window)
    return Collection(COLLECTION, FieldInboxEntry, FieldInboxBody, audience, roots=(root,))


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


def content_with(content: str, server: Mapping[str, object]) -> str:
    """The mutation's JSON with the values that stand on the server beside it."""
    if not server:
        return content
    values = {name: _plain(value) for name, value in server.items()}
    return json.dumps({"mutation": json.loads(content), "server": values}, ensure_ascii=True)


def _plain(value: object) -> JsonValue:
    return value if isinstance(value, bool | int | float | str) or value is None else str(value)


def entries(*, settled: bool | None = None, record_id: UUID | None = None) -> Select[FieldInboxEntry]:
    """The entries, for a host that pages through them: all, those (not) dealt with, or about one record."""
    statement = select(FieldInboxEntry)
    if settled is not None:
        moment = FieldInboxEntry.settled_at
        statement = statement.where(moment.is_not(None) if settled else moment.is_(None))
    if record_id is not None:
        statement = statement.where(FieldInboxEntry.record_id == record_id)
    return statement


def read_entry(uow: UnitOfWork, entry: UUID) -> FieldInboxEntry:
    """One entry with all that was sent; raises RecordNotFound."""
    found = uow.session.get(FieldInboxEntry, entry)
    if found is None:
        raise RecordNotFound("Look at the list again.")
    return found


def settle(uow: UnitOfWork, entry: UUID) -> FieldInboxEntry:
    """A person has dealt with it. Settling twice changes nothing."""
    found = read_entry(uow, entry)
    if found.settled_at is None:
        found.settled_at = uow.now
        uow.flush()
    return found
