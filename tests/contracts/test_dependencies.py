"""What the code imports is what pyproject.toml asks for: no more, no less."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain

from tests.contracts.sources import PACKAGES, ROOT, modules

# Asked for without being imported by name: drivers, data, and the files of the page that shows the API.
LOADED_OTHERWISE = {"flask-swagger-ui", "psycopg", "pysqlite3", "tzdata"}
FONTS = {
    "fontpkg-noto-sans",
    "justmytype-intl-cjk",
    "justmytype-intl-rtl",
    "justmytype-intl-sea",
    "justmytype-intl-south-asia",
}


def asked_for() -> set[str]:
    """Names of the distributions that the server needs, also those that only some firms need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    texts = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    return {re.split(r"[\[~=<>;\s]", text, maxsplit=1)[0] for text in texts}


def imported(*folders: str) -> set[str]:
    """Names of the distributions whose packages are imported below the folders."""
    names: set[str] = set()
    for module in modules(*folders):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.split(".")[0])
    foreign = names - set(sys.stdlib_module_names) - {*PACKAGES, "tests", "__future__"}
    known = packages_distributions()
    return {_named_first(known.get(name, [name])) for name in foreign}


def _named_first(distributions: list[str]) -> str:
    """Of several that share a package (pyHanko and its command line) the one that it is called after."""
    return min(distributions, key=len).lower().replace("_", "-")


def test_everything_imported_is_asked_for() -> None:
    assert imported(*PACKAGES) - asked_for() == set()


def test_nothing_is_asked_for_in_vain() -> None:
    assert asked_for() - imported(*PACKAGES) - LOADED_OTHERWISE - FONTS == set()


def test_the_demo_needs_nothing_of_the_tests() -> None:
    """`make demo` installs what the server needs and nothing else."""
    assert imported("tests/journeys") - asked_for() - {"pytest"} == set()
