"""What the composition root hands to every request; filled by `backend/app.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, cast

from flask import current_app

from backend.access.actor import Actor
from backend.db.look import Look
from backend.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from backend.settings import Settings
from schemas.errors import JsonValue

EXTENSION = "doorstep"
"""The key of the wiring in `app.extensions`."""


@dataclass(frozen=True)
class Admission:
    """Who holds a token; `first_use` until `confirm` was called for the session's newest refresh token."""

    actor: Actor
    first_use: bool = False


class Authenticator(Protocol):
    """Who a bearer token stands for."""

    def authenticate(self, look: Look, token: str, *, allow_revoked: bool = False) -> Admission:
        """Who holds an access token; raises `Unauthenticated`.

        With `allow_revoked`, the token of a revoked device (or disabled user) gives an actor that is
        `revoked` and may only hand its work in.
        """

    def confirm(self, uow: UnitOfWork, actor: Actor) -> None:
        """Note that the newest refresh token of the actor's session has reached its owner."""

    def note_refusal(
        self, uow: UnitOfWork, actor: Actor | None, action: str, detail: Mapping[str, JsonValue]
    ) -> None:
        """Leave a row in the audit log about something that was refused."""


class Wiring(Protocol):
    """What the composition root puts into `app.extensions["doorstep"]`."""

    @property
    def factory(self) -> UnitOfWorkFactory: ...

    @property
    def settings(self) -> Settings: ...

    @property
    def clock(self) -> Callable[[], datetime]: ...

    @property
    def authenticator(self) -> Authenticator: ...


def current_wiring() -> Wiring:
    """The wiring of the app that serves the current request."""
    return cast("Wiring", current_app.extensions[EXTENSION])
