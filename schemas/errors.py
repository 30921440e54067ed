"""The root of the error tree: each expected failure is a fact with a name and a kind.

DomainError
├── RecordNotFound      there is no such record, or it is not for these eyes
├── IdAlreadyUsed       the same id was created before with other content
├── StaleRevision       the record changed since it was read
├── PermissionRefused   the role may not do this
├── Unauthenticated     nobody, or nobody we know any more
└── one class per fact in the `rules` of each room
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import ClassVar, TypeAlias

JsonValue: TypeAlias = "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class ErrorKind(StrEnum):
    """What sort of failure it is; doors (HTTP, sync) decide by kind alone."""

    INVALID = "invalid"
    """The content is wrong and will be wrong again."""
    NOT_FOUND = "not-found"
    FORBIDDEN = "forbidden"
    UNAUTHENTICATED = "unauthenticated"
    CONFLICT = "conflict"
    """Something else already stands where this would go."""
    UNMET = "unmet"
    """A condition is not met yet and may be met later."""
    STALE = "stale"
    REQUIRED = "required"
    """The request lacks a precondition it must state."""
    GONE = "gone"
    TOO_LARGE = "too-large"
    TOO_MANY = "too-many"
    UNAVAILABLE = "unavailable"
    """Our own trouble: the same request may succeed later."""
    REVOKED = "revoked"
    """Work on something that is no longer theirs."""


class DomainError(Exception):
    """An expected failure. Subclasses are named after the fact they state and set `title` and `kind`.

    `code` is the kebab-case class name unless given, and never changes once published. `detail` says what
    to do next. `extensions` are further members of the problem: JSON values, never secrets.
    """

    code: ClassVar[str] = "domain-error"
    title: ClassVar[str] = "This cannot be done."
    kind: ClassVar[ErrorKind] = ErrorKind.INVALID

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        words = _WORD_START.sub("-", cls.__name__).lower()
        if "code" not in cls.__dict__:
            cls.code = words
        if "title" not in cls.__dict__:
            cls.title = words.replace("-", " ").capitalize() + "."

    def __init__(self, detail: str = "", **extensions: JsonValue) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.extensions: dict[str, JsonValue] = dict(extensions)


class RecordNotFound(DomainError):
    """There is no such record, or the one who asks may not see it: the two cannot be told apart."""

    title = "There is no such record."
    kind = ErrorKind.NOT_FOUND


class IdAlreadyUsed(DomainError):
    """A record with this id exists and has other content."""

    title = "This id belongs to a record with other content."
    kind = ErrorKind.CONFLICT


class StaleRevision(DomainError):
    """The record changed since it was read."""

    title = "The record has changed since you read it."
    kind = ErrorKind.STALE


class PermissionRefused(DomainError):
    """The role of the one who asks may not do this."""

    title = "Your role may not do this."
    kind = ErrorKind.FORBIDDEN


class Unauthenticated(DomainError):
    """No credentials, or credentials that are wrong, expired or revoked; which of these is not told."""

    title = "Sign in first."
    kind = ErrorKind.UNAUTHENTICATED
