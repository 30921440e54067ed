"""The OpenAPI 3.1 document of all rooms at /openapi.json, and a page to read it at /docs."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import flask_smorest
import orjson
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Blueprint, Flask, Response, render_template, send_from_directory
from marshmallow import Schema

from backend.web.operations import PROBLEM
from schemas import base
from schemas.errors import RecordNotFound
from schemas.problem import PROBLEM_MEDIA_TYPE, ProblemShape

VERSION = "1"
_ASSETS = frozenset({"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"})
_ASSETS_FOLDER = Path(str(files("flask_swagger_ui"))) / "dist"

_DESCRIPTION = """\
Field service: requests come in, visits are booked at the customer's convenience, technicians work offline.

Every error is `application/problem+json` (RFC 9457) whose `type` is stable. Lists are paged by cursor:
give `next` as `after`. Creating requests take an `Idempotency-Key`; edits need `If-Match` with the `ETag`
that was read.
Unknown fields are refused. Instants are UTC, money is whole minor units, ids are UUIDs that clients may mint.
"""


class Api(flask_smorest.Api):  # type: ignore[misc]  # flask-smorest ships no types
    """flask-smorest with our problems in place of its errors, and our page in place of its CDN."""

    ERROR_SCHEMA = ProblemShape
    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_error_handlers(self) -> None:
        """Errors are answered by `backend.web.problems`."""

    def _register_doc_blueprint(self) -> None:
        """The document is served by `make_api`."""


def make_api(app: Flask) -> Api:
    """The API of `app`, to which rooms are registered with `api.register_blueprint(room)`."""
    app.config.update(API_TITLE="Doorstep", API_VERSION=VERSION, OPENAPI_VERSION="3.1.0")
    api = Api(
        app,
        spec_kwargs={
            "info": {
                "description": _DESCRIPTION,
                "license": {"name": "Apache-2.0"},
            },
            "marshmallow_plugin": MarshmallowPlugin(schema_name_resolver=_schema_name),
        },
    )
    for kind, form in (
        (base.Id, ("string", "uuid")),
        (base.Instant, ("string", "date-time")),
        (base.LocalDate, ("string", "date")),
    ):
        api.register_field(kind, *form)
    api.spec.components.security_scheme(
        "bearer", {"type": "http", "scheme": "bearer", "description": "An access token from POST /sessions."}
    )
    api.spec.components.response(
        PROBLEM,
        {
            "description": "What went wrong and what to do next.",
            "content": {PROBLEM_MEDIA_TYPE: {"schema": ProblemShape}},
        },
    )
    app.register_blueprint(_documents(api))
    return api


def document_of(api: Api) -> dict[str, Any]:
    """The OpenAPI document as JSON values."""
    document: dict[str, Any] = api.spec.to_dict()
    return document


def _schema_name(schema: type[Schema] | Schema) -> str:
    name = schema.__name__ if isinstance(schema, type) else type(schema).__name__
    return name.removesuffix("Shape") or name


def _documents(api: Api) -> Blueprint:
    """The pages of the document; they need no sign-in, as the document is public in the repository."""
    blueprint = Blueprint("documents", __name__, template_folder="templates", static_folder=None)

    @blueprint.get("/openapi.json")
    def openapi_document() -> Response:
        return Response(orjson.dumps(document_of(api)), content_type="application/json")

    @blueprint.get("/docs")
    def read_document() -> str:
        return render_template("web/docs.html")

    @blueprint.get("/docs/<name>")
    def document_asset(name: str) -> Response:
        if name == "start.js":
            return Response(_START, content_type="text/javascript; charset=utf-8")
        if name not in _ASSETS:
            raise RecordNotFound
        return send_from_directory(_ASSETS_FOLDER, name, max_age=86_400)

    return blueprint


_START = """\
SwaggerUIBundle({url: "/openapi.json", dom_id: "#document", deepLinking: true, validatorUrl: null});
"""
