"""The code in docs/clients.md is the code that the sessions run, and its table is what is declared."""

from __future__ import annotations

import re

from backend.mutations import COLLECTIONS
from tests.clients.node import FOLDER
from tests.contracts.sources import ROOT

PAGE = (ROOT / "docs" / "clients.md").read_text()


def test_the_code_on_the_page_is_the_whole_of_the_files_that_the_sessions_run() -> None:
    files = [(FOLDER / name).read_text() for name in ("watermelon.mjs", "rxdb.mjs")]
    blocks = re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL)
    assert [block.strip() for block in blocks] == [file.strip() for file in files]


def test_the_page_lists_the_collections_in_which_rows_say_something() -> None:
    listed = set(re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE))
    assert listed == {collection.name for collection in COLLECTIONS if collection.rows.types()}
