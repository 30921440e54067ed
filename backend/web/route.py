"""What a route declares about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from schemas.base import QueryShape, Shape

BodyLimit: TypeAlias = Literal["body_limit_bytes", "sync_body_limit_bytes", "media_limit_bytes"]


@dataclass(frozen=True)
class Route:
    """What a route declares; see the parameters of `Room.route_for`."""

    method: str
    rule: str
    body: type[Shape] | None = None
    query: type[QueryShape] | None = None
    answer: type[Shape] | None = None
    many: bool = False
    page_of: type[Shape] | None = None
    status: int = 200
    permission: str | None = None
    permission_free: bool = False
    creates: bool = False
    location: str | None = None
    edits: bool = False
    decides: bool = False
    allow_revoked: bool = False
    own_transactions: bool = False
    raw_body: bool = False
    body_limit: BodyLimit = "body_limit_bytes"
    produces: str = "application/json"

    @property
    def writes(self) -> bool:
        """Whether the route may change anything."""
        return self.method != "GET"

    @property
    def success(self) -> int:
        """The status of an answer that went well."""
        if self.creates:
            return 201
        empty = self.answer is None and self.page_of is None and self.produces == "application/json"
        return 204 if empty and self.status == 200 else self.status
