"""The error tree: every fact has a code that is derived from its name and never collides."""

from __future__ import annotations

import importlib
import pkgutil

import backend
import media
import sync
from schemas.errors import DomainError, ErrorKind, RecordNotFound
from schemas.problem import Problem, problem_of


class VisitIBANWindowTaken(DomainError):
    """A fact of a test."""

    kind = ErrorKind.CONFLICT


def subclasses(of: type[DomainError]) -> list[type[DomainError]]:
    return [found for direct in of.__subclasses__() for found in (direct, *subclasses(direct))]


def test_code_and_title_come_from_the_name() -> None:
    assert VisitIBANWindowTaken.code == "visit-iban-window-taken"
    assert VisitIBANWindowTaken.title == "Visit iban window taken."
    assert VisitIBANWindowTaken().detail == "Visit iban window taken."


def test_two_facts_never_share_a_code() -> None:
    for package in (backend, sync, media):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.rpartition(".")[2] not in {"cli", "wsgi", "env"}:
                importlib.import_module(module.name)
    ours = [found for found in subclasses(DomainError) if found.__module__.split(".")[0] != "tests"]
    assert len(ours) > 20
    by_code = {found.code: found for found in ours}
    clashes = [(found, by_code[found.code]) for found in ours if by_code[found.code] is not found]
    assert clashes == []


def test_extensions_never_overwrite_the_members_of_a_problem() -> None:
    error = VisitIBANWindowTaken("Pick another.", status=200, type="x", title="y", free=["10:00"])
    assert problem_of(error, 409, "urn:x").to_json() == {
        "type": "urn:doorstep:problem:visit-iban-window-taken",
        "title": "Visit iban window taken.",
        "status": 409,
        "detail": "Pick another.",
        "instance": "urn:x",
        "free": ["10:00"],
    }
    assert "instance" not in Problem("c", "t", 400, "d").to_json()


def test_what_is_not_there_has_one_word_in_every_room() -> None:
    """Problem types are published and stay: `<record>-not-found`, whichever room says it."""
    ours = [found for found in subclasses(RecordNotFound) if found.__module__.split(".")[0] != "tests"]
    assert len(ours) > 20
    assert [found.code for found in ours if not found.code.endswith("-not-found")] == []
