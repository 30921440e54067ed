"""Every public use case declares the permission it asks for, by the law that names it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable

import backend
from backend.access.permissions import GRANTS


def action_modules() -> list[str]:
    """`backend.<room>.actions` and what is inside where it is a package."""
    names = [module.name for module in pkgutil.walk_packages(backend.__path__, "backend.")]
    return [name for name in names if "actions" in name.split(".")]


def public_actions() -> dict[str, Callable[..., object]]:
    """Every public function of the actions modules that takes a unit of work and an actor."""
    found = {}
    for name in action_modules():
        module = importlib.import_module(name)
        for word, value in vars(module).items():
            if word.startswith("_") or not inspect.isfunction(value) or value.__module__ != name:
                continue
            if list(inspect.signature(value).parameters)[:2] == ["uow", "actor"]:
                found[f"{name}.{word}"] = value
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


def test_there_are_actions_to_look_at() -> None:
    assert len(public_actions()) > 20
