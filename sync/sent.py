"""A mutation as it arrived: read leniently, for what cannot be read must become an outcome, not an error."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from uuid import UUID

from marshmallow import ValidationError

from schemas.base import JSON_SAFE_INTEGER, Id, Instant
from schemas.errors import DomainError, JsonValue
from schemas.problem import field_errors
from schemas.sync import MutationMessage
from sync.facts import MutationUnreadable

_NO_EPOCH = UUID(int=0)
_MESSAGE = MutationMessage()
_ID, _INSTANT = Id(), Instant()


@dataclass(frozen=True)
class Sent:
    """One place of a journal, as the device sent it.

    `mutation_id` is None when it cannot be read. `content_hash` leaves the number out, which changes when a
    journal is replaced. `fault` says why the rest could not be read; then `type` and `record_id` are a guess.
    `occurred_at` is None when the device's clock names no year of ours.
    """

    number: int
    mutation_id: UUID | None
    content: str
    content_hash: str
    fault: DomainError | None = None
    type: str = ""
    record_id: UUID | None = None
    schema: int = 1
    base: int | None = None
    epoch: UUID | None = None
    fields: JsonValue = None
    occurred_at: datetime | None = None


def without_base(sent: Sent, doubted_through: int) -> Sent:
    """The same, its base of no epoch of ours when its number is among those that are doubted."""
    return replace(sent, epoch=_NO_EPOCH) if sent.number <= doubted_through else sent


def read_all(messages: Sequence[JsonValue], first_number: int) -> list[Sent]:
    """All mutations of a request. One whose number cannot be read gets the one that its neighbours leave it.

    `first_number` is where the device should have begun, for a request in which no number can be read.
    """
    sent: list[Sent] = []
    following = _begin_of(messages, first_number)
    for message in messages:
        sent.append(_read(message, following))
        following = sent[-1].number + 1
    return sent


def _begin_of(messages: Sequence[JsonValue], first_number: int) -> int:
    for index, message in enumerate(messages):
        number = _number(message.get("number")) if isinstance(message, dict) else None
        if number is not None:
            return max(number - index, 1)
    return first_number


def _read(message: JsonValue, following: int) -> Sent:
    content = json.dumps(message, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    if not isinstance(message, dict):
        return Sent(following, None, content, _hash(message), MutationUnreadable("Send an object."))
    number, mutation_id = _number(message.get("number")), _id(message.get("mutation_id"))
    without_number = {name: value for name, value in message.items() if name != "number"}
    known = Sent(following if number is None else number, mutation_id, content, _hash(without_number))
    try:
        read = _MESSAGE.load(message)
        if not isinstance(read["fields"], dict):
            raise ValidationError("Must be an object.", "fields")
        occurred_at = _moment(read["occurred_at"])
    except ValidationError as error:
        fault = MutationUnreadable(
            "Correct the app: this mutation will never be taken.", errors=field_errors(error)
        )
        named = message.get("type")
        guess = named[:100] if isinstance(named, str) and named.isprintable() else ""
        return Sent(
            known.number, mutation_id, content, known.content_hash, fault, guess, _id(message.get("record"))
        )
    return Sent(
        known.number,
        mutation_id,
        content,
        known.content_hash,
        None,
        read["type"],
        read["record"],
        read["schema"],
        read["base"],
        read["epoch"],
        read["fields"],
        occurred_at,
    )


def _hash(value: JsonValue) -> str:
    text = json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _number(value: JsonValue) -> int | None:
    readable = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= JSON_SAFE_INTEGER
    return value if readable and isinstance(value, int) else None


def _id(value: JsonValue) -> UUID | None:
    try:
        return _ID.deserialize(value)
    except ValidationError:
        return None


def read_moment(value: object) -> datetime | None:
    """A moment by a device's clock, None when it cannot be read or names a year far from ours."""
    try:
        return _INSTANT.deserialize(value)
    except ValidationError:
        return None


def _moment(value: object) -> datetime | None:
    """The same, but what is no moment at all is a ValidationError: a dead clock is not, bad data is."""
    moment = read_moment(value)
    if moment is None:
        try:
            parsed = datetime.fromisoformat(value) if isinstance(value, str) else None
            if parsed is None or parsed.tzinfo is None:
                raise ValueError
            parsed.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise ValidationError("Must be a time with a zone.", "occurred_at") from error
    return moment
