"""The protocol as JSON Schemas, made from the shapes that the engine itself reads and writes with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema

from schemas import base
from schemas import sync as messages
from sync.collections import CollectionSet
from sync.mutations import MutationTable
from sync.row_rules import RowRules

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_COMPONENTS, _DEFINITIONS = "#/components/schemas/", "#/$defs/"

MESSAGES: dict[str, type[Schema]] = {
    "exchange_request": messages.ExchangeRequest,
    "mutation": messages.MutationMessage,
    "exchange_answer": messages.ExchangeAnswer,
    "reconcile_request": messages.ReconcileRequest,
    "reconcile_answer": messages.ReconcileAnswer,
}


def protocol_schemas(collections: CollectionSet, mutations: MutationTable) -> dict[str, Any]:
    """One JSON Schema document (draft 2020-12) of everything that travels.

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
    document: dict[str, Any] = {
        "$schema": DIALECT,
        "title": f"The sync protocol, version {messages.PROTOCOL}",
        "protocol": messages.PROTOCOL,
        "messages": {name: _referred(spec, shape) for name, shape in MESSAGES.items()},
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
    received = {_name(shape) for shape in _received(collections)}
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


def _received(collections: CollectionSet) -> list[type[Schema]]:
    """The shapes that devices receive: they may grow."""
    return [
        messages.ExchangeAnswer,
        messages.ReconcileAnswer,
        messages.OutcomeMessage,
        messages.ChangeMessage,
        messages.DigestMessage,
        *(collection.shape for collection in collections),
    ]


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
