"""The OpenAPI document: what each route takes, gives and refuses; and it is read without a network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import validator_for

from backend.app import unwired_app
from backend.web.documents import document_of
from schemas.access import Role
from tests.api import Api
from tests.backend.web.conftest import Probes
from tests.settings import cheap_settings


@pytest.fixture
def document(sqlite_firm: Api) -> dict[str, Any]:
    """The document of the app of probes."""
    return dict(sqlite_firm.anonymous.get("/openapi.json").json)


_NO_API = ("documents.", "style.")
"""The documents themselves, and what pages look like."""


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in {"get", "post", "put", "patch", "delete"}
    ]


def test_every_route_is_in_the_document(sqlite_firm: Api, document: dict[str, Any]) -> None:
    served = {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in sqlite_firm.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not rule.endpoint.startswith(_NO_API)
    }
    assert {(method, path) for method, path, _ in operations(document)} == served


def test_every_operation_says_how_to_sign_in_and_how_it_fails(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    problem = document["components"]["responses"]["Problem"]["content"]
    assert list(problem) == ["application/problem+json"]
    for method, path, operation in operations(document):
        assert operation["summary"], (method, path)
        assert operation["responses"]["default"] == {"$ref": "#/components/responses/Problem"}
        free = path in {"/health", "/sessions", "/sessions/refresh", "/devices/enrol"}
        assert operation["security"] == ([] if free else [{"bearer": []}]), path
        assert free or "401" in operation["responses"]
        assert ("404" in operation["responses"]) == ("{" in path)


def test_creating_and_editing_routes_name_their_headers(document: dict[str, Any]) -> None:
    headers = {
        (method, path): {
            p["name"]: p["required"] for p in operation.get("parameters", []) if p["in"] == "header"
        }
        for method, path, operation in operations(document)
    }
    assert headers["post", "/users"] == {"Idempotency-Key": False}
    assert headers["patch", "/users/{user_id}"] == {"If-Match": True}
    assert "201" in document["paths"]["/users"]["post"]["responses"]
    assert "204" in document["paths"]["/sessions/current"]["delete"]["responses"]


def test_shapes_say_their_bounds_and_refuse_more(document: dict[str, Any]) -> None:
    shapes = document["components"]["schemas"]
    create = shapes["CreateUser"]
    assert create["additionalProperties"] is False
    assert create["properties"]["display_name"] == {"type": "string", "maxLength": 200, "minLength": 1}
    assert create["properties"]["id"]["format"] == "uuid"
    assert sorted(create["required"]) == ["display_name", "email", "role"]
    assert shapes["UserBody"]["properties"]["revision"]["readOnly"] is True
    page = shapes["UserBodyPage"]["properties"]
    assert page["items"]["items"] == {"$ref": "#/components/schemas/UserBody"}


def test_every_shape_is_a_valid_json_schema(document: dict[str, Any]) -> None:
    for name in document["components"]["schemas"]:
        root = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        validator_for(root).is_valid({})


def test_the_doors_of_phones_say_what_they_take_and_give(tmp_path: Path) -> None:
    _, api = unwired_app(cheap_settings("sqlite://", tmp_path))
    paths = document_of(api)["paths"]
    for path, shape in (("/sync/exchange", "Exchange"), ("/sync/reconcile", "Reconcile")):
        door = paths[path]["post"]
        taken = door["requestBody"]["content"]["application/json"]["schema"]
        given = door["responses"]["200"]["content"]["application/json"]["schema"]
        assert taken == {"$ref": f"#/components/schemas/{shape}Request"}
        assert given == {"$ref": f"#/components/schemas/{shape}Answer"}
        assert "204" not in door["responses"]
    (upload,) = (found["put"] for path, found in paths.items() if path.startswith("/media/objects/"))
    assert list(upload["requestBody"]["content"]) == ["*/*"]


def test_the_page_loads_nothing_from_elsewhere(sqlite_firm: Api) -> None:
    anonymous = sqlite_firm.anonymous
    page = anonymous.get("/docs")
    assert page.mimetype == "text/html"
    assert "http" not in re.sub(r"<!--.*?-->", "", page.text)
    sources = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(sources) >= 4
    for source in sources:
        with anonymous.get(source) as asset:
            assert asset.status_code == 200, source
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]
    assert "<script>" not in page.text
    for name in ("swagger-ui.js.map", "..%2f__init__.py", "index.html", "%00"):
        assert anonymous.get(f"/docs/{name}").status_code == 404, name


def test_an_answer_that_is_not_as_documented_is_found_by_whoever_asks(
    sqlite_firm: Api, probes: Probes
) -> None:
    probes.then = lambda _, __: {"words": None}
    with pytest.raises(AssertionError, match=r"GET /probes → 200 is not as documented: /words: null"):
        sqlite_firm.as_(Role.MANAGER).get("/probes")
