"""Errors leave as problems: named, bounded, without a trace, and without an effect."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import NoReturn

import pytest
from psycopg import OperationalError as PsycopgError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError

from backend.access.actor import Actor
from backend.access.queries import audit_entries, user
from backend.db.paging import PageRequest
from backend.db.unit_of_work import UnitOfWork
from backend.web.journal import configure_log
from backend.web.problems import STATUS
from schemas.access import Role
from schemas.errors import DomainError, ErrorKind, PermissionRefused, RecordNotFound, Unauthenticated
from tests.api import Api
from tests.backend.web.conftest import Probes

SECRET = "iban-DE02120300000000202051"


def raising(error: BaseException) -> Callable[[UnitOfWork, Actor], NoReturn]:
    def raise_it(_: UnitOfWork, __: Actor) -> NoReturn:
        raise error

    return raise_it


class TankNotEmpty(DomainError):
    """A fact of a test."""

    title = "The tank is not empty."
    kind = ErrorKind.UNMET


def test_every_kind_of_error_has_a_status() -> None:
    assert set(STATUS) == set(ErrorKind)


def test_a_fact_becomes_a_problem(sqlite_firm: Api, probes: Probes) -> None:
    probes.then = raising(TankNotEmpty("Empty the tank first.", litres=3, status=200, type="x"))
    answer = sqlite_firm.as_(Role.DISPATCHER).post("/probes", {"words": "x"})
    document = answer.json
    assert answer.mimetype == "application/problem+json"
    assert document.pop("instance") == f"urn:uuid:{answer.headers['X-Request-Id']}"
    assert document == {
        "type": "urn:doorstep:problem:tank-not-empty",
        "title": "The tank is not empty.",
        "status": 409,
        "detail": "Empty the tank first.",
        "litres": 3,
    }


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (StaleDataError(), 412, "stale-revision"),
        (
            OperationalError("SELECT", {}, PsycopgError("server closed the connection")),
            503,
            "temporarily-unavailable",
        ),
        (PoolTimeout("pool"), 503, "temporarily-unavailable"),
        (DBAPIError("SELECT", {}, Exception(SECRET)), 500, "internal-error"),
        (RuntimeError(SECRET), 500, "internal-error"),
        (RecursionError(SECRET), 500, "internal-error"),
        (RecordNotFound(), 404, "record-not-found"),
    ],
)
def test_trouble_is_told_without_saying_what_it_was_about(
    sqlite_firm: Api, probes: Probes, error: Exception, status: int, code: str
) -> None:
    log = io.StringIO()
    configure_log(log)
    probes.then = raising(error)
    answer = sqlite_firm.as_(Role.DISPATCHER).get("/probes")
    assert answer.status_code == status
    assert answer.json["type"] == f"urn:doorstep:problem:{code}"
    assert ("Retry-After" in answer.headers) == (status == 503)
    for trace in (SECRET, "Traceback", "SELECT", ".py"):
        assert trace not in answer.text
    assert SECRET not in log.getvalue()
    if status == 500:
        assert answer.json["instance"] in log.getvalue()
        assert "conftest.py" in log.getvalue(), "the log says where"


def test_what_a_view_wrote_before_it_failed_is_not_there(firm: Api, probes: Probes) -> None:
    client = firm.as_(Role.DISPATCHER)
    assert client.user_id is not None

    def write_and_fail(uow: UnitOfWork, actor: Actor) -> NoReturn:
        user(uow.session, actor.user_id).display_name = "Changed"
        uow.flush()
        raise TankNotEmpty

    probes.then = write_and_fail
    assert client.post("/probes", {"words": "x"}).status_code == 409
    assert client.get("/me").json["display_name"] == "First Dispatcher"


def test_an_answer_that_cannot_be_built_undoes_the_work(firm: Api, probes: Probes) -> None:
    client = firm.as_(Role.DISPATCHER)

    def write_and_answer_nonsense(uow: UnitOfWork, actor: Actor) -> object:
        user(uow.session, actor.user_id).display_name = "Changed"
        return {"words": object(), "number": "not a number"}

    probes.then = write_and_answer_nonsense
    assert client.post("/probes", {"words": "x"}).status_code == 500
    assert client.get("/me").json["display_name"] == "First Dispatcher"


def test_a_get_cannot_write(firm: Api, probes: Probes) -> None:
    client = firm.as_(Role.DISPATCHER)

    def write(uow: UnitOfWork, _: Actor) -> object:
        uow.session.execute(text("DELETE FROM access_tokens"))
        return None

    probes.then = write
    assert client.get("/probes").status_code in (500, 503)
    probes.then = lambda _, __: None
    assert client.get("/probes").status_code == 200


def test_what_somebody_may_not_do_is_refused_logged_and_kept(firm: Api, probes: Probes) -> None:
    log = io.StringIO()
    configure_log(log)
    client = firm.as_(Role.DISPATCHER)
    probes.then = raising(PermissionRefused("No.", permission="safe:open"))
    assert client.post("/probes", {"words": "x"}).status_code == 403
    assert f'"actor":"{client.user_id}"' in log.getvalue()
    with firm.factory.begin(write=False) as uow:
        (entry,) = audit_entries(uow.session, PageRequest(), action="access.refused").items
    assert entry.actor_id == client.user_id
    assert entry.detail == {"endpoint": "POST /probes", "permission": "safe:open"}


def test_a_missing_or_wrong_token_is_told_how_to_sign_in_and_logged(sqlite_firm: Api, probes: Probes) -> None:
    log = io.StringIO()
    configure_log(log)
    answer = sqlite_firm.anonymous.post("/probes", {"words": "x"})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="doorstep"'
    assert '"refused"' in log.getvalue()
    probes.then = raising(Unauthenticated())
    assert sqlite_firm.as_(Role.DISPATCHER).post("/probes", {"words": "x"}).status_code == 401


def test_an_unknown_address_or_method_is_a_problem_too(sqlite_firm: Api) -> None:
    client = sqlite_firm.as_(Role.DISPATCHER)
    nowhere = client.get("/nowhere/at/all")
    assert (nowhere.status_code, nowhere.json["type"]) == (404, "urn:doorstep:problem:not-found")
    wrong = client.delete("/probes")
    assert (wrong.status_code, wrong.json["type"]) == (405, "urn:doorstep:problem:method-not-allowed")
    assert {"GET", "POST"} <= set(wrong.headers["Allow"].replace(",", " ").split())
    for method in ("TRACE", "CONNECT", "PROPFIND"):
        assert client.send(method, "/probes").status_code == 405


def test_a_permission_is_checked_before_the_fields(sqlite_firm: Api) -> None:
    technician = sqlite_firm.as_(Role.TECHNICIAN)
    assert technician.post("/users", {"nonsense": 1}).status_code == 403
    assert technician.send("POST", "/users", data=b"{", content_type="application/json").status_code == 403
