"""Every answer that a test gets keeps to the OpenAPI document: clients are generated from it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import orjson
from flask import Flask
from jsonschema_rs import ValidationError, Validator, validator_for
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from backend.web.documents import Api, document_of

MOST_SAID = 8


@dataclass(eq=False)
class _Document:
    """The document of one application, with what was made ready to check answers against it."""

    api: Api
    _validators: dict[bytes, Validator] = field(default_factory=dict)

    @cached_property
    def told(self) -> dict[str, Any]:
        return document_of(self.api)

    def content_of(self, path: str, method: str, status: int) -> dict[str, Any] | None:
        """What an answer may consist of, by media type; None for a route that no document tells of."""
        operation = self.told["paths"].get(path, {}).get(method.lower())
        if operation is None:
            return None
        responses = operation["responses"]
        response: dict[str, Any] = responses.get(str(status)) or responses["default"]
        if "$ref" in response:
            response = self.told["components"]["responses"][response["$ref"].rpartition("/")[2]]
        content: dict[str, Any] = response.get("content", {})
        return content

    def validator(self, schema: object) -> Validator:
        key = orjson.dumps(schema)
        if key not in self._validators:
            whole = {"allOf": [schema], "components": self.told["components"]}
            self._validators[key] = validator_for(whole, validate_formats=True)
        return self._validators[key]


_documents: WeakKeyDictionary[Api, _Document] = WeakKeyDictionary()


def check_answer(app: Flask, answer: TestResponse) -> None:
    """Raise AssertionError if a JSON answer is not what the document of `app` says of its route and status.

    Left alone are answers that are read while they travel, and routes that no document tells of.
    """
    request = answer.request
    if not answer.is_json or answer.content_length is None or request.method == "HEAD":
        return
    api = app.extensions["flask-smorest"]["apis"][""]["ext_obj"]
    document = _documents.setdefault(api, _Document(api))
    try:
        rule, _ = app.create_url_adapter(request).match(return_rule=True)
    except HTTPException:
        return
    path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
    content = document.content_of(path, request.method, answer.status_code)
    if content is None:
        return
    which = f"{request.method} {path} → {answer.status_code}"
    assert answer.mimetype in content, f"{which}: {answer.mimetype}, where the document has {list(content)}"
    wrong = list(document.validator(content[answer.mimetype]["schema"]).iter_errors(json.loads(answer.data)))
    assert not wrong, f"{which} is not as documented: {'; '.join(map(_said, wrong[:MOST_SAID]))}"


def _said(wrong: ValidationError) -> str:
    return f"/{'/'.join(map(str, wrong.instance_path))}: {wrong.message[:200]}"
