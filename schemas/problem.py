"""The one shape in which an error leaves: a problem (RFC 9457), over HTTP and inside a sync outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.errors import DomainError, JsonValue

PROBLEM_TYPE_PREFIX = "urn:doorstep:problem:"
PROBLEM_MEDIA_TYPE = "application/problem+json"

_OWN_MEMBERS = frozenset({"type", "title", "status", "detail", "instance"})


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
