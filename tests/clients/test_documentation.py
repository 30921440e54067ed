"""The code in docs/clients.md is the code that the sessions run, and its table is what is declared."""

from __future__ import annotations

import re

from backend.mutations import COLLECTIONS
from tests.clients.node import FOLDER
from tests.contracts.sources import ROOT

PAGE = (ROOT / "docs" / "clients.md").read_text()


def test_every_piece_of_code_stands_in_a_file_that_the_sessions_run() -> None:
    files = [(FOLDER / name).read_text() for name in ("watermelon.mjs", "rxdb.mjs")]
    blocks = re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == len(files)
    for block, file in zip(blocks, files, strict=True):
        for piece in re.split(r"\n\n(?=export |/\*\*|//)", block.strip()):
            assert piece in file, piece


def test_the_page_lists_the_collections_in_which_rows_say_something() -> None:
    listed = set(re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE))
    assert listed == {collection.name for collection in COLLECTIONS if collection.rows.types()}
