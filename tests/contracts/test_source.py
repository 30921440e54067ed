"""Habits of this repository's source that no linter of the shelf keeps."""

from __future__ import annotations

import ast

from tests.contracts.sources import PACKAGES, ROOT, modules

EVERYTHING = (*PACKAGES, "tests")
SAYING_NOTHING = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "core", "misc"}
ROOMS = {
    *("access", "customers", "parts", "requests", "visits", "dispatch"),
    *("attachments", "reports", "aftercare", "inbox", "pages"),
}
FURNITURE = {"__init__", "rules", "models", "queries", "actions", "routes", "handlers", "collections"}
# Where a smell becomes a fault; the habit is 300 and 40.
LONGEST_FILE = 500
LONGEST_FUNCTION = 70

CLOCKS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time"}

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.Module) -> list[FunctionNode]:
    return [node for node in ast.walk(tree) if isinstance(node, FunctionNode)]


def called(call: ast.Call) -> str:
    """The last name of what is called."""
    return ast.unparse(call.func).rsplit(".", 1)[-1]


def test_every_module_says_in_one_sentence_what_it_is_for() -> None:
    silent = [
        module.name
        for module in modules(*EVERYTHING)
        if module.text.strip() and not ast.get_docstring(module.tree)
    ]
    assert silent == []


def test_nothing_is_imported_inside_a_function() -> None:
    hidden = [
        f"{module.name}:{inner.lineno}"
        for module in modules(*EVERYTHING)
        for function in functions(module.tree)
        for inner in ast.walk(function)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    empty = [
        module.name
        for module in modules(*EVERYTHING)
        if SAYING_NOTHING & {module.path.stem, *module.path.parent.parts[-3:]}
    ]
    assert empty == []


def test_what_is_no_furniture_of_every_room_is_explained_on_the_page_of_the_architecture() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    strange = [
        f"{module.path.parent.name}/{module.path.name}"
        for module in modules("backend")
        if module.path.parent.name in ROOMS
        and module.path.parent.parent.name == "backend"
        and module.path.stem not in FURNITURE
        and f"`{module.path.parent.name}/{module.path.name}`" not in page
        and f"`{module.path.name}`" not in page
    ]
    assert strange == []


def test_files_and_functions_stay_at_a_size_one_can_read() -> None:
    written = [module for module in modules(*PACKAGES) if "migrations/versions" not in module.name]
    long_files = [
        f"{module.name}: {len(module.text.splitlines())} lines"
        for module in written
        if len(module.text.splitlines()) > LONGEST_FILE
    ]
    long_functions = [
        f"{module.name}:{function.lineno} {function.name}"
        for module in written
        for function in functions(module.tree)
        if (function.end_lineno or 0) - function.lineno > LONGEST_FUNCTION
    ]
    assert long_files + long_functions == []


def test_no_model_declares_a_relationship() -> None:
    """Nothing loads lazily: queries join what they need."""
    declared = [
        f"{module.name}:{node.lineno}"
        for module in modules("backend", "sync")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and called(node) in {"relationship", "backref"}
    ]
    assert declared == []


def test_use_cases_never_commit() -> None:
    """The unit of work ends its own transaction; one that ends early would store half of what was meant."""
    committing = [
        f"{module.name}:{node.lineno}"
        for module in modules("backend")
        if "/actions" in module.name or module.path.stem in {"rules", "queries", "routes"}
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and node.attr in {"commit", "rollback"}
    ]
    assert committing == []


def test_rules_queries_and_use_cases_read_no_clock() -> None:
    """`now` is handed in: a rule or use case that reads the machine's clock cannot be tested or replayed."""
    reading = [
        f"{module.name}:{node.lineno}"
        for module in modules("backend")
        if "/actions" in module.name or "/rules" in module.name or module.path.stem == "queries"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in CLOCKS
    ]
    assert reading == []
