"""Schemathesis against the application's own OpenAPI document: whatever it makes of it, never a 5xx."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from schemas.access import Role
from schemas.problem import PROBLEM_MEDIA_TYPE
from tests.api import Api

MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
EXAMPLES = {"sqlite": 2, "postgresql": 1}
"""Per operation and mode; which ones is the same in every run."""


def test_no_operation_answers_generated_requests_with_a_server_error(
    app: Flask, api: Api, engine_name: str
) -> None:
    tokens = [api.as_(role).token for role in (Role.ADMINISTRATOR, Role.DISPATCHER, Role.TECHNICIAN)]
    document = schemathesis.openapi.from_wsgi("/openapi.json", app)
    operations = [found.ok() for found in document.get_all_operations()]
    assert len(operations) > 100
    broken = [
        fault for operation in operations for fault in faults_of(operation, tokens, EXAMPLES[engine_name])
    ]
    assert broken == []


def faults_of(operation: Any, tokens: list[str | None], examples: int) -> list[str]:
    """What is wrong with the answers to requests made up for one operation, right ones and wrong ones."""
    found: list[str] = []
    for mode in MODES:
        strategy = operation.as_strategy(mode)

        @settings(
            max_examples=examples,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy, token=st.sampled_from(tokens))
        def ask(case: Any, token: str | None) -> None:
            answer = case.call(headers={"Authorization": f"Bearer {token}"})
            name = f"{operation.method.upper()} {operation.path}"
            if answer.status_code >= 500:
                found.append(f"{name}: {answer.status_code} for {case.body!r}"[:400])
            kind = str(answer.headers.get("content-type", [""]))
            if answer.status_code >= 400 and operation.path != "/health" and PROBLEM_MEDIA_TYPE not in kind:
                found.append(f"{name}: {answer.status_code} is no problem but {kind}")

        with suppress(Unsatisfiable):  # an operation without parameters has no wrong ones
            ask()
    return found
