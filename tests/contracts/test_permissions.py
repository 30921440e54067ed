"""Every public use case declares the permission it asks for, by the law that names it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from types import ModuleType

import backend
from backend.access.permissions import GRANTS
from backend.app import ROOMS


def business_modules() -> list[ModuleType]:
    """Every module of the business but what runs on import and what only moves the database on."""
    names = [module.name for module in pkgutil.walk_packages(backend.__path__, "backend.")]
    return [importlib.import_module(n) for n in names if not n.endswith(".wsgi") and ".migrations." not in n]


def own_functions(module: ModuleType) -> dict[str, Callable[..., object]]:
    """The public functions that a module defines, by their full names."""
    return {
        f"{module.__name__}.{word}": value
        for word, value in vars(module).items()
        if not word.startswith("_") and inspect.isfunction(value) and value.__module__ == module.__name__
    }


def public_actions() -> dict[str, Callable[..., object]]:
    """Every use case: what an actions module offers to an actor, and whatever else wears the guard."""
    found = {}
    for module in business_modules():
        of_actions = "actions" in module.__name__.split(".")
        for name, function in own_functions(module).items():
            for_actor = list(inspect.signature(function).parameters)[:2] == ["uow", "actor"]
            if hasattr(function, "permission") or (of_actions and for_actor):
                found[name] = function
    return found


def test_every_public_action_declares_its_permission() -> None:
    undeclared = [name for name, action in public_actions().items() if not hasattr(action, "permission")]
    assert undeclared == []


def test_every_declared_permission_is_in_the_table() -> None:
    unknown = {
        name: action.permission  # type: ignore[attr-defined]
        for name, action in public_actions().items()
        if getattr(action, "permission", None) not in GRANTS
    }
    assert unknown == {}


def test_what_wears_the_guard_stands_among_the_actions() -> None:
    """Where everybody looks for use cases, and where the test above finds those that forgot the guard."""
    elsewhere = {name for name in public_actions() if "actions" not in name.split(".")}
    assert elsewhere == set()


def test_every_permission_of_the_table_is_asked_for_somewhere() -> None:
    asked = {getattr(action, "permission", None) for action in public_actions().values()}
    asked |= {route.permission for room in ROOMS for route in room.declared}
    assert set(GRANTS) - asked == set()


def test_there_are_actions_to_look_at() -> None:
    assert len(public_actions()) > 20
