"""The HTTP API as a test speaks to it: `api.as_(Role.DISPATCHER).post("/visits", {...})`.

Whatever it answers is held against the OpenAPI document.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from flask import Flask
from werkzeug.test import TestResponse

from backend.access import actions
from backend.access.doorkeeper import Doorkeeper
from backend.access.permissions import SYSTEM
from backend.db.unit_of_work import UnitOfWorkFactory
from backend.web.wiring import EXTENSION, Wiring
from schemas.access import Role
from tests.documented import check_answer

PASSWORD = "nineteen quiet harbours"
Headers = Mapping[str, str]


@dataclass(frozen=True)
class Client:
    """Requests in one person's name (nobody's without `user_id`); answers have `.status_code` and `.json`."""

    app: Flask
    user_id: UUID | None = None
    token: str | None = field(default=None, repr=False)

    def get(self, path: str, headers: Headers | None = None, **query: Any) -> TestResponse:
        """GET; further names are the query string."""
        return self.send("GET", path, headers=headers, query_string=query or None)

    def post(
        self, path: str, json: object = None, headers: Headers | None = None, **more: Any
    ) -> TestResponse:
        """POST a JSON body, `{}` when there is none."""
        return self.send("POST", path, headers=headers, json={} if json is None else json, **more)

    def patch(
        self, path: str, json: object, *, revision: int | None = None, headers: Headers | None = None
    ) -> TestResponse:
        """PATCH; `revision` becomes If-Match."""
        match = {} if revision is None else {"If-Match": f'"{revision}"'}
        return self.send("PATCH", path, headers={**match, **(headers or {})}, json=json)

    def put(
        self, path: str, json: object = None, headers: Headers | None = None, **more: Any
    ) -> TestResponse:
        """PUT a JSON body, or `data=` with bytes."""
        return self.send("PUT", path, headers=headers, **({"json": json} if json is not None else {}), **more)

    def delete(self, path: str, headers: Headers | None = None) -> TestResponse:
        """DELETE."""
        return self.send("DELETE", path, headers=headers)

    def send(self, method: str, path: str, *, headers: Headers | None = None, **more: Any) -> TestResponse:
        """Any request, as werkzeug's `EnvironBuilder` takes it, with this person's token."""
        own = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        given = {**own, **(headers or {})}
        answer = self.app.test_client().open(path, method=method, headers=given, **more)
        check_answer(self.app, answer)
        return answer


class Api:
    """Clients for one application: made once per role and name, signed in through the front door."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self._clients: dict[tuple[Role, str], Client] = {}

    @property
    def wiring(self) -> Wiring:
        """What the application was put together from."""
        wiring: Wiring = self.app.extensions[EXTENSION]
        return wiring

    @property
    def factory(self) -> UnitOfWorkFactory:
        """Units of work on the application's own database."""
        return self.wiring.factory

    @property
    def anonymous(self) -> Client:
        """Whoever has no credentials."""
        return Client(self.app)

    def as_(self, role: Role | str, name: str = "first") -> Client:
        """Somebody of this role; another `name` is another person."""
        role = Role(role)
        if (role, name) not in self._clients:
            self._clients[role, name] = self._new_person(role, name)
        return self._clients[role, name]

    def of(self, user_id: UUID, device_id: UUID | None = None) -> Client:
        """A user who is there already, signed in without a password; with `device_id`, on that phone."""
        with self.factory.begin() as uow:
            tokens = self._doorkeeper.sessions.begin(uow, user_id, device_id)
        return Client(self.app, user_id, tokens.access_token)

    @property
    def _doorkeeper(self) -> Doorkeeper:
        doorkeeper = self.wiring.authenticator
        assert isinstance(doorkeeper, Doorkeeper)
        return doorkeeper

    def _new_person(self, role: Role, name: str) -> Client:
        email = f"{role.value}-{name}@example.org".lower()
        with self.factory.begin() as uow:
            user = actions.create_user(
                uow,
                SYSTEM,
                None,
                email=email,
                display_name=f"{name.title()} {role.value.title()}",
                role=role,
                password_hash=self._doorkeeper.passwords.hash(PASSWORD),
            )
        answer = self.anonymous.post("/sessions", {"email": email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return Client(self.app, user.id, answer.json["access_token"])
