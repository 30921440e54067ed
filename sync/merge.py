"""Merging an offline edit into a record that others may have changed meanwhile: pure, by kind of field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sync.collections import Kind

UNKNOWN = object()
"""Stands for the current value of a field that the record does not have."""


@dataclass(frozen=True)
class LastChange:
    """Who changed a field last, and in which revision of its record."""

    revision: int
    actor_id: UUID | None


@dataclass(frozen=True)
class Base:
    """What the user saw while editing.

    `revision` is None when the device had no copy from the server. A revision of another epoch says nothing
    about ours: then every field that differs counts as changed by others.
    """

    revision: int | None
    same_epoch: bool


@dataclass(frozen=True)
class FieldNow:
    """A field as it stands on the server: its value, its kind, and its last change."""

    value: object
    kind: Kind
    last_change: LastChange | None


@dataclass(frozen=True)
class Merged:
    """What to do with an edit.

    `accepted` goes to the use case. `overridden` are the fields whose sent value does not stand, `contested`
    those whose sent value stands over somebody else's: both belong in the inbox.
    """

    accepted: Mapping[str, object]
    overridden: tuple[str, ...]
    contested: tuple[str, ...]


def merge(
    sent: Mapping[str, object],
    now: Mapping[str, FieldNow],
    base: Base,
    user_id: UUID,
    keeps: Literal["server", "device"],
) -> Merged:
    """Decide field by field. A value that the server has already is never a conflict."""
    accepted: dict[str, object] = {}
    overridden: list[str] = []
    contested: list[str] = []
    for name, value in sent.items():
        field = now[name]
        if field.value is not UNKNOWN and field.value == value:
            accepted[name] = value
        elif field.kind in (Kind.PROMISE, Kind.SEALED):
            overridden.append(name)
        elif field.kind is Kind.ANSWER and changed_by_others(field.last_change, base, user_id):
            if keeps == "device":
                accepted[name] = value
                contested.append(name)
            else:
                overridden.append(name)
        else:
            accepted[name] = value
    return Merged(accepted, tuple(overridden), tuple(contested))


def changed_by_others(last: LastChange | None, base: Base, user_id: UUID) -> bool:
    """Whether somebody else changed the field after the user looked at it."""
    if not base.same_epoch:
        return True
    if last is None or last.actor_id == user_id:
        return False
    return last.revision > (base.revision or 0)
