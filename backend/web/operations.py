"""What the OpenAPI document says about a route, derived from its declaration so that it cannot differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from marshmallow import Schema, fields

from backend.web.route import Route
from schemas.base import PageQuery, Shape

PROBLEM = "Problem"
"""Name of the problem answer in the components of the document."""


def describe(served: Callable[..., object], route: Route) -> None:
    """Attach what flask-smorest needs for documenting `served`."""
    described: Any = served
    more: dict[str, object] = {
        "security": [] if route.permission_free else [{"bearer": []}],
        "responses": {status: {"$ref": f"#/components/responses/{PROBLEM}"} for status in _failures(route)},
    }
    if route.raw_body and route.body is None:
        more["requestBody"] = {"content": {"*/*": {}}}
    described._apidoc = {
        "arguments": {"parameters": _parameters(route), "responses": {}},
        "response": {"responses": {str(route.success): [_success(route)]}},
        "manual_doc": more,
    }


def _parameters(route: Route) -> list[dict[str, object]]:
    parameters: list[dict[str, object]] = []
    query = route.query or (PageQuery if route.page_of else None)
    if query is not None:
        parameters.append({"in": "query", "schema": query})
    if route.creates:
        parameters.append(
            _header("Idempotency-Key", "A fresh key per intent; the same key and body give the same answer.")
        )
    if route.edits or route.decides:
        parameters.append(_header("If-Match", "The ETag of the record that was read.", required=True))
    if route.body is not None:
        required = any(field.required for field in route.body().fields.values())
        parameters.append({"in": "json", "required": required, "schema": route.body})
    return parameters


def _header(name: str, description: str, *, required: bool = False) -> dict[str, object]:
    return {
        "in": "header",
        "name": name,
        "description": description,
        "required": required,
        "schema": {"type": "string"},
    }


def _success(route: Route) -> dict[str, object]:
    answer: dict[str, object] = {"description": "Done.", "content_type": route.produces}
    if route.page_of is not None:
        answer["schema"] = page_shape(route.page_of)
    elif route.answer is not None:
        answer["schema"] = route.answer(many=route.many)
    elif route.produces != "application/json":
        answer["schema"] = {"type": "object" if route.produces.endswith("+json") else "string"}
    return answer


def page_shape(item: type[Shape]) -> type[Schema]:
    """The shape of one page of `item`, for the document only."""
    return Schema.from_dict(
        {
            "items": fields.List(fields.Nested(item), required=True),
            "next": fields.String(allow_none=True, required=True),
        },
        name=f"{item.__name__}Page",
    )


def _failures(route: Route) -> list[str]:
    statuses = {"default", "422", "429", "503"}
    if not route.permission_free:
        statuses |= {"401", "403"}
    if "<" in route.rule:
        statuses.add("404")
    if route.writes:
        statuses |= {"400", "409", "413", "415"}
    if route.edits or route.decides:
        statuses |= {"412", "428"}
    return sorted(statuses)
