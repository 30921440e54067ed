"""One small valid request to any route of the application, made of the names of a case."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

from marshmallow import Schema, fields
from werkzeug.test import TestResponse

from backend.app import ROOMS
from schemas import base
from tests.api import Client
from tests.contracts.two_cases import JOURNAL, Names
from tests.given.visits import MORNING, TWO_HOURS

_CONVERTER = re.compile(r"<[a-z]+:")


def name_of(method: str, rule: str) -> str:
    """A route as the table writes it: `GET /visits/<visit_id>`."""
    return f"{method} {_CONVERTER.sub('<', rule)}"


ROUTES = {name_of(route.method, route.rule): route for room in ROOMS for route in room.declared}

_WINDOW = {"starts_at": MORNING.isoformat(), "ends_at": (MORNING + TWO_HOURS).isoformat()}
_LATER = {
    "starts_at": (MORNING + timedelta(days=2)).isoformat(),
    "ends_at": (MORNING + timedelta(days=2) + TWO_HOURS).isoformat(),
}

# What a request must say beside the fields that its shape requires.
MORE: dict[str, dict[str, Any]] = {
    "POST /visits/<visit_id>/reschedule": _LATER,
    "POST /visits/<visit_id>/offer-windows": {"windows": [_LATER]},
    "POST /shifts": _LATER,
    "POST /sites": {"time_zone": "Europe/Berlin"},
    "POST /kits": {"lines": []},
    "POST /media": {"sha256": "0" * 64, "content_type": "image/jpeg", "kind": "before"},
    "POST /service-requests/<service_request_id>/triage": {"outcome": "rejected", "outcome_reason": "No."},
    "POST /users": {"role": "technician"},
    "POST /stock-movements": {"reason": "load"},
    "POST /sync/exchange": {"protocol": 1, "journal": JOURNAL, "acknowledged": 0},
    "POST /sync/reconcile": {"protocol": 1, "cursor": "none", "held": []},
}
# Fields that are looked up in the case although nothing says so: credentials, and forms.
OF_THE_CASE = {
    "POST /sessions": ("email", "password"),
    "POST /sessions/refresh": ("refresh_token",),
    "POST /devices/enrol": ("code",),
    "POST /me/change-password": ("current_password",),
    "POST /v/<token>/confirm": ("window_version",),
    "POST /v/<token>/decline": ("window_version",),
    "POST /v/<token>/pick": ("offer_id",),
}
QUERIES = {
    "GET /assets/<asset_id>/coverage": "on=2026-03-02",
    "GET /dispatch/board": "day=2026-03-02",
    "GET /sync/wake": "seconds=0",
    "GET /sync/rxdb/<collection>/stream": "seconds=0",
}


def knock(client: Client, name: str, names: Names, **query: str) -> TestResponse:
    """Send the request of this name about these records."""
    method, rule = name.split(" ")
    path = re.sub(r"<(\w+)>", lambda found: names[found[1]], rule)
    of_the_case = {field: names[field] for field in OF_THE_CASE.get(name, ())}
    if name not in ROUTES and method == "POST":
        return client.send(method, path, data=of_the_case)
    if method == "GET":
        return client.send(method, path, query_string=query or QUERIES.get(name))
    route = ROUTES[name]
    required = _required(route.body(), names) if route.body and not route.raw_body else {}
    body = {**required, **MORE.get(name, {}), **of_the_case}
    if route.raw_body and not body:
        return client.send(method, path, data=b"nothing")
    if not (route.edits or route.decides):
        return client.send(method, path, json=body)
    answer = client.send(method, path, json=body, headers={"If-Match": '"1"'})
    if answer.status_code != 412:
        return answer
    # Whoever is let in is told which revision it is.
    return client.send(method, path, json=body, headers={"If-Match": f'"{answer.json["revision"]}"'})


def _required(shape: Schema, names: Names) -> dict[str, object]:
    return dict(_values(shape, names))


def _values(shape: Schema, names: Names) -> Iterator[tuple[str, object]]:
    for name, field in shape.fields.items():
        if field.required:
            yield name, names[name] if isinstance(field, base.Id) else _value(name, field)


def _value(name: str, field: fields.Field[Any]) -> object:
    """Something a required field takes; where two kinds fit, the more special one stands first."""
    if isinstance(field, base.Enumeration):
        return next(iter(field.enum)).value
    examples: dict[type, object] = {
        base.Flag: True,
        base.Currency: "EUR",
        base.TimeZone: "Europe/Berlin",
        base.Instant: MORNING.isoformat(),
        base.LocalDate: "2026-03-02",
        base.Email: f"{uuid4()}@example.org",
        base.Count: 1,
        base.MinorUnits: 1,
        base.Number: 1.0,
        fields.List: [],
    }
    return next((value for kind, value in examples.items() if isinstance(field, kind)), "some-words")
