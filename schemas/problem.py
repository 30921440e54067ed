"""The one shape in which an error leaves: a problem (RFC 9457), over HTTP and inside a sync outcome."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from marshmallow import INCLUDE, Schema, ValidationError, fields
from marshmallow.exceptions import SCHEMA

from schemas.errors import DomainError, JsonValue

PROBLEM_TYPE_PREFIX = "urn:doorstep:problem:"
PROBLEM_MEDIA_TYPE = "application/problem+json"

MOST_ERRORS, LONGEST_NAME = 100, 100
_OWN_MEMBERS = frozenset({"type", "title", "status", "detail", "instance"})


class FieldErrorShape(Schema):
    """One field that was not accepted."""

    pointer = fields.String(required=True, metadata={"description": "JSON pointer into the body."})
    detail = fields.String(required=True)


class ProblemShape(Schema):
    """A problem document as of RFC 9457; a type may have further members, which the RFC calls extensions."""

    class Meta:
        unknown = INCLUDE

    type = fields.String(required=True, metadata={"format": "uri", "description": "Stable: decide by this."})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True, metadata={"description": "What to do next."})
    instance = fields.String(metadata={"format": "uri"})
    errors = fields.List(fields.Nested(FieldErrorShape))


@dataclass(frozen=True)
class Problem:
    """A problem document: the stable `code` becomes its `type`, `instance` names the request."""

    code: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    extensions: Mapping[str, JsonValue] = field(default_factory=dict)

    def to_json(self) -> dict[str, JsonValue]:
        """The members in the order of the RFC; an extension can never overwrite one of its own members."""
        document: dict[str, JsonValue] = {
            "type": PROBLEM_TYPE_PREFIX + self.code,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.instance is not None:
            document["instance"] = self.instance
        document.update({key: value for key, value in self.extensions.items() if key not in _OWN_MEMBERS})
        return document


def problem_of(error: DomainError, status: int, instance: str | None = None) -> Problem:
    """The problem that states `error`; `status` is the HTTP status the door gives to its kind."""
    return Problem(
        code=error.code,
        title=error.title,
        status=status,
        detail=error.detail,
        instance=instance,
        extensions=error.extensions,
    )


def field_errors(error: ValidationError, root: str = "") -> list[JsonValue]:
    """One `{pointer, detail}` per message of a validation error; pointers as of RFC 6901, below `root`."""
    found = islice(_messages(error.messages, root), MOST_ERRORS)
    return [{"pointer": pointer, "detail": detail} for pointer, detail in found]


def _messages(messages: object, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(messages, Mapping):
        for name, below in messages.items():
            yield from _messages(below, pointer if name == SCHEMA else f"{pointer}/{_pointed(str(name))}")
    elif isinstance(messages, list):
        for below in messages:
            yield from _messages(below, pointer)
    else:
        yield pointer, str(messages)


def _pointed(name: str) -> str:
    """A member's name in a pointer; half a surrogate pair, which no answer could carry, is spelled out."""
    writable = name[:LONGEST_NAME].encode(errors="backslashreplace").decode()
    return writable.replace("~", "~0").replace("/", "~1")
