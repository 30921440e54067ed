"""The protocol as JSON Schemas, made from the shapes that the engine itself reads and writes with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema, fields

from schemas import base, problem
from schemas import sync as messages
from sync.collections import CollectionSet
from sync.mutations import MutationTable
from sync.row_rules import RowRules

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_COMPONENTS, _DEFINITIONS = "#/components/schemas/", "#/$defs/"

Messages: TypeAlias = Mapping[str, type[Schema]]
"""Shapes by name; those that end in `_answer` are what devices receive."""

MESSAGES: Messages = {
    "exchange_request": messages.ExchangeRequest,
    "mutation": messages.MutationMessage,
    "exchange_answer": messages.ExchangeAnswer,
    "reconcile_request": messages.ReconcileRequest,
    "reconcile_answer": messages.ReconcileAnswer,
    "wake_query": messages.WakeQuery,
    "wake_answer": messages.WakeAnswer,
    "problem": problem.ProblemShape,
}


def protocol_schemas(
    collections: CollectionSet, mutations: MutationTable, beside: Messages
) -> dict[str, Any]:
    """One JSON Schema document (draft 2020-12) of everything that travels.

    `beside`: messages of the routes that a device needs besides the engine's own.

    `messages`, `collections` and `mutations` refer into `$defs`. A collection names the audience that holds
    it, how its fields merge, and the mutations that its rows stand for when a store pushes rows; a mutation
    the collection it is about, how it merges, and the versions of its fields that are read. What a device
    sends is closed (an unknown member is refused), what it receives is open: answers and bodies grow by
    addition, and clients ignore what they do not know.
    """
    spec = APISpec(
        "protocol", str(messages.PROTOCOL), "3.1.0", plugins=[MarshmallowPlugin(schema_name_resolver=_name)]
    )
    _teach_fields(spec)
    told = {**MESSAGES, **beside}
    document: dict[str, Any] = {
        "$schema": DIALECT,
        "title": f"The sync protocol, version {messages.PROTOCOL}",
        "protocol": messages.PROTOCOL,
        "messages": {name: _referred(spec, shape) for name, shape in told.items()},
        "collections": {
            collection.name: {
                "audience": collection.audience,
                "merges": {name: kind.value for name, kind in collection.kinds.items()},
                "body": _referred(spec, collection.shape),
                "rows": _rows(collection.rows),
            }
            for collection in collections
        },
        "mutations": {
            mutation.name: {
                "collection": mutation.collection,
                "merges_as": mutation.kind.value,
                "schemas": sorted(mutation.schemas),
                "fields": _referred(spec, mutation.shape),
            }
            for mutation in mutations
        },
    }
    received = {_name(shape) for shape in _received(collections, told)}
    definitions: dict[str, Any] = spec.to_dict()["components"]["schemas"]
    document["$defs"] = {
        name: _published(schema, open_ended=name in received) for name, schema in definitions.items()
    }
    return document


def _rows(rules: RowRules) -> dict[str, object]:
    return {
        "creates": dict(rules.creates),
        "by": rules.by,
        "edits": list(rules.edits),
        "deletes": rules.deletes,
    }


def _received(collections: CollectionSet, told: Messages) -> Iterator[type[Schema]]:
    """The shapes that devices receive, with those inside them: they may grow."""
    for name, shape in told.items():
        if name.endswith("_answer") or shape is problem.ProblemShape:
            yield from _with_inner(shape)
    yield from (collection.shape for collection in collections)


def _with_inner(shape: type[Schema]) -> Iterator[type[Schema]]:
    yield shape
    for field in shape().fields.values():
        inner: Any = field
        while isinstance(inner, fields.List | fields.Dict):
            inner = inner.inner if isinstance(inner, fields.List) else inner.value_field
        if isinstance(inner, fields.Nested):
            yield from _with_inner(type(inner.schema))


def _teach_fields(spec: APISpec) -> None:
    plugin = spec.plugins[0]
    assert isinstance(plugin, MarshmallowPlugin)
    assert plugin.converter is not None
    teach: Callable[..., None] = plugin.converter.map_to_openapi_type
    for kind, form in (
        (base.Id, ("string", "uuid")),
        (base.Instant, ("string", "date-time")),
        (base.LocalDate, ("string", "date")),
    ):
        teach(kind, *form)


def _referred(spec: APISpec, shape: type[Schema]) -> dict[str, str]:
    name = _name(shape)
    if name not in spec.components.schemas:
        spec.components.schema(name, schema=shape)
    return {"$ref": _DEFINITIONS + name}


def _published(value: Any, *, open_ended: bool) -> Any:
    """A definition as it is told: references into `$defs`, OpenAPI's own words left out."""
    if isinstance(value, list):
        return [_published(item, open_ended=open_ended) for item in value]
    if not isinstance(value, dict):
        return value
    told = {
        name: _published(item, open_ended=open_ended)
        for name, item in value.items()
        if not (name == "readOnly" and item is True)
        and not (open_ended and name == "additionalProperties" and item is False)
    }
    if isinstance(reference := told.get("$ref"), str):
        told["$ref"] = reference.replace(_COMPONENTS, _DEFINITIONS)
    return told


def _name(shape: type[Schema] | Schema) -> str:
    return (shape if isinstance(shape, type) else type(shape)).__name__
