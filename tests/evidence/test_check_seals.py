"""Whoever damages the chain of seals, a file or an anchor is found out, and told apart (F32)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from sqlalchemy import delete, text, update

from backend.reports.chain import ChainFound, check_chain
from backend.reports.models import SealAnchor, SealedDocument, SealHead
from backend.reports.rules import BEGINNING, Broken, Link, broken_links, chain_hash
from media.errors import StorageUnavailable
from mobile_client_stub.phone import Phone
from tests.api import Api
from tests.clock import SettableClock
from tests.evidence.issuing import House
from tests.evidence.test_issuing import signed_and_sent
from tests.given import reports

Damage = Callable[["Sealed"], object]


class Sealed:
    """A house with three documents (a report and two addenda), the chain anchored behind the last."""

    def __init__(self, house: House) -> None:
        self.house, self.store, self.factory = house, house.wiring.objects, house.wiring.factory
        self.anchors = house.folder.path / "anchors.jsonl"
        with self.factory.begin(write=False) as uow:
            self.keys = [uow.session.get_one(SealedDocument, number).object_key for number in (1, 2, 3)]
            self.anchor = uow.session.get_one(SealAnchor, 3).object_key

    def check(self, **how: Any) -> ChainFound:
        return check_chain(self.factory, self.store, self.house.folder.path, **how)

    def sql(self, *statements: Any) -> None:
        """As the owner of the data base, whom no trigger stops."""
        with self.factory.engine.begin() as connection:
            for table in ("sealed_documents", "seal_anchors"):
                found = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table"
                for (name,) in connection.execute(text(found), {"table": table}).all():
                    connection.execute(text(f"DROP TRIGGER {name}"))
            for statement in statements:
                connection.execute(statement)

    def on_disk(self, key: str) -> Path:
        (path,) = self.house.wiring.settings.media_folder.rglob(key.rpartition("/")[2])
        return path

    def rewrite(self, number: int) -> None:
        """Write the chain anew from that document on, with all hashes right: the work of an insider."""
        with self.factory.begin(write=False) as uow:
            rows = [uow.session.get_one(SealedDocument, each) for each in range(number, 4)]
            chain = rows[0].previous_chain_sha256
            statements: list[Any] = []
            for row in rows:
                sha256 = hashlib.sha256(self.on_disk(row.object_key).read_bytes()).hexdigest()
                link = Link(
                    row.number, row.kind.value, uuid5(row.subject_id, "x"), row.report_id, sha256, chain
                )
                values = {"subject_id": link.subject_id, "previous_chain_sha256": chain}
                chain = chain_hash(link)
                changed = update(SealedDocument).where(SealedDocument.number == row.number)
                statements.append(changed.values(**values, chain_sha256=chain))
        self.sql(*statements, update(SealHead).values(chain_sha256=chain))


@pytest.fixture
def sealed(phone: Phone, work: reports.Work, api: Api, clock: SettableClock, house: House) -> Sealed:
    signed_and_sent(phone, work, clock)
    house.issue()
    for said in ("First.", "Second."):
        new = {"report_id": str(work.report_id), "text": said}
        assert api.as_("dispatcher").post("/report-addenda", new).status_code == 201
        house.issue()
    clock.advance(hours=1, minutes=5)
    house.issue()
    return Sealed(house)


def _overwritten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10] + b"0123456789")


def _cut_off(sealed: Sealed, *, everywhere: bool = False) -> None:
    """The end of the chain, and every sign of it that the data base holds; `everywhere`: the file's, too."""
    with sealed.factory.begin(write=False) as uow:
        before = uow.session.get_one(SealedDocument, 2).chain_sha256
    sealed.sql(
        delete(SealedDocument).where(SealedDocument.number == 3),
        delete(SealAnchor),
        update(SealHead).values(number=2, chain_sha256=before),
    )
    if everywhere:
        sealed.anchors.unlink()


def _another_number(sealed: Sealed) -> None:
    line = json.loads(sealed.anchors.read_text())
    line["text"] = line["text"].replace('"number":3', '"number":2')
    sealed.anchors.write_text(json.dumps(line) + "\n")


DAMAGES: dict[str, tuple[Damage, list[str]]] = {
    "nothing": (lambda _: None, []),
    "a PDF changed": (lambda s: _overwritten(s.on_disk(s.keys[1])), ["document 2", "is not what was sealed"]),
    "a PDF missing": (lambda s: s.on_disk(s.keys[0]).unlink(), ["document 1", "is not in the store"]),
    "a row altered": (
        lambda s: s.sql(update(SealedDocument).where(SealedDocument.number == 2).values(kind="report")),
        ["does not hold at document 2"],
    ),
    "a row names another file": (
        lambda s: s.sql(
            update(SealedDocument).where(SealedDocument.number == 2).values(object_key=s.keys[0])
        ),
        ["file of document 2", "is not what was sealed"],
    ),
    "a row names nonsense": (
        lambda s: s.sql(update(SealedDocument).where(SealedDocument.number == 2).values(object_key="../etc")),
        ["file of document 2", "a name that no file of ours has"],
    ),
    "a row deleted": (
        lambda s: s.sql(delete(SealedDocument).where(SealedDocument.number == 2)),
        ["Document 2 is gone from the chain"],
    ),
    "the last row deleted": (
        lambda s: s.sql(delete(SealedDocument).where(SealedDocument.number == 3)),
        ["ends at document 2, and its head names 3", "Document 3 was anchored and is gone"],
    ),
    "the end cut off": (_cut_off, ["Document 3 was anchored and is gone"]),
    "the chain written anew": (lambda s: s.rewrite(2), ["anchored with another chain behind it"]),
    "an anchor's row altered": (
        lambda s: s.sql(update(SealAnchor).values(chain_sha256="0" * 64)),
        [
            "is not in",
            "says something else in the store than in the data base",
            "with another chain behind it",
        ],
    ),
    "an anchor changed in the file": (
        _another_number,
        ["does not carry the company's signature", "is not in"],
    ),
    "no JSON in the file": (
        lambda s: s.anchors.write_text("[]\n"),
        ["does not carry the company's signature", "is not in"],
    ),
    "the file of anchors missing": (lambda s: s.anchors.unlink(), ["is not in", "append the object"]),
    "an anchor changed in the store": (
        lambda s: _overwritten(s.on_disk(s.anchor)),
        ["anchor of document 3 was changed in the store"],
    ),
    "an anchor missing in the store": (
        lambda s: s.on_disk(s.anchor).unlink(),
        ["anchor of document 3 is not in the store"],
    ),
}


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_each_damage_is_found_and_says_what_it_is(sealed: Sealed) -> None:
    """One house for all of them: each damage is planted in a copy of it."""
    clean = _Copy(sealed)
    for name, (damage, expected) in DAMAGES.items():
        damage(sealed)
        found = sealed.check()
        said = "\n".join(found.faults)
        assert all(words in said for words in expected), (name, said)
        assert len(found.faults) <= len(expected), (name, said)
        clean.restore()
    assert sealed.check().faults == []


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_an_end_that_was_cut_off_in_the_data_base_and_in_the_file_is_found_in_the_store(
    sealed: Sealed,
) -> None:
    _cut_off(sealed, everywhere=True)
    assert sealed.check().faults == [], "nobody names it any more"
    (fault,) = sealed.check(search=True).faults
    assert "Document 3 was anchored and is gone" in fault


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_store_that_does_not_answer_is_no_damage_and_not_passed_over(
    sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StorageUnavailable("The store does not answer.")

    monkeypatch.setattr(type(sealed.store), "open", refuse)
    faults = sealed.check().faults
    assert len(faults) == 4
    assert all("Check again when the store answers" in fault for fault in faults)


def test_the_whole_chain_is_read_and_counted_while_it_goes_on(sealed: Sealed) -> None:
    steps: list[tuple[int, int]] = []
    found = sealed.check(progress=lambda done, of: steps.append((done, of)))
    assert (found.faults, found.documents, found.anchors) == ([], 3, 1)
    assert found.bytes_read > 30_000
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_one_damaged_link_is_named_once_and_what_follows_is_still_looked_at() -> None:
    links, chain = list[tuple[Link, str]](), BEGINNING
    one = uuid5(NAMESPACE_URL, "one")
    for number in range(1, 8):
        link = Link(number, "report", one, one, f"{number:064x}", chain)
        chain = chain_hash(link)
        links.append((link, chain))
    assert list(broken_links(links)) == []
    bad, stored = links[1]
    links[1] = (
        Link(2, "addendum", bad.subject_id, bad.report_id, bad.sha256, bad.previous_chain_sha256),
        stored,
    )
    del links[3:5]
    assert list(broken_links(links)) == [Broken(2), Broken(4, is_gone=True), Broken(5, is_gone=True)]


class _Copy:
    """The data base's rows and the files, to be put back."""

    def __init__(self, sealed: Sealed) -> None:
        self._sealed = sealed
        roots = (sealed.house.wiring.settings.media_folder, sealed.house.folder.path)
        self._files = {
            path: path.read_bytes() for root in roots for path in root.rglob("*") if path.is_file()
        }
        with sealed.factory.engine.begin() as connection:
            self._rows = {
                table: [dict(row) for row in connection.execute(table.select()).mappings()]
                for table in (SealedDocument.__table__, SealAnchor.__table__, SealHead.__table__)
            }

    def restore(self) -> None:
        for path, content in self._files.items():
            path.write_bytes(content)
        statements: list[Any] = []
        for table, rows in self._rows.items():
            statements += [delete(table), table.insert().values(rows)]  # type: ignore[arg-type, attr-defined]
        self._sealed.sql(*statements)
