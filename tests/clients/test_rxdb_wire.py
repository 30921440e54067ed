"""What RxDB's protocol leaves to the server: full pages, whole tombstones, repeats, no error for a row."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from backend.access.permissions import SYSTEM
from backend.dispatch.actions import move_visit
from backend.reports.actions import write_service_report
from sync.models import FEEDS, MUTATIONS, FieldInboxEntry
from tests.api import Api, Client
from tests.clients.wire import Body, Docs, enrolled, row_of
from tests.given import dispatch, reports


@pytest.fixture
def engine_name() -> str:
    """WatermelonDB's wire is tried on PostgreSQL, and the sessions run on both."""
    return "sqlite"


@pytest.fixture
def work(api: Api) -> reports.Work:
    with api.factory.begin() as uow:
        return reports.a_visit_under_way(uow)


@pytest.fixture
def phone(api: Api, work: reports.Work) -> Client:
    return enrolled(api, work.technician.id)


@pytest.fixture
def docs(phone: Client) -> Callable[[str], Docs]:
    def pulled(collection: str) -> Docs:
        docs = Docs(phone, collection)
        docs.pull()
        return docs

    return pulled


def inbox(api: Api) -> list[FieldInboxEntry]:
    with api.factory.begin(write=False) as uow:
        return list(uow.session.scalars(select(FieldInboxEntry).order_by(FieldInboxEntry.id)))


def office_writes(api: Api, work: reports.Work, findings: str) -> None:
    with api.factory.begin() as uow:
        write_service_report(uow, SYSTEM, work.report_id, findings=findings)


def findings_of(api: Api, work: reports.Work) -> str | None:
    with api.factory.begin(write=False) as uow:
        return work.report(uow).findings


def a_note(work: reports.Work, text: str = "The valve is new.") -> Body:
    return {"id": str(uuid4()), "visit_id": str(work.visit_id), "text": text, "_deleted": False}


def test_pages_are_full_until_the_last(docs: Callable[[str], Docs]) -> None:
    steps = docs("conduct_steps")
    assert len(steps.documents) > 4
    paged = Docs(steps.client, "conduct_steps")
    sizes = []
    while documents := paged.ask(2)["documents"]:
        sizes.append(len(documents))
        paged.documents |= {document["id"]: document for document in documents}
        paged.cursor = paged.ask(2)["checkpoint"]["cursor"]
    assert set(sizes[:-1]) == {2}
    assert paged.documents == steps.documents
    assert all(document["_deleted"] is False for document in steps.documents.values())


def test_an_edit_is_no_conflict_and_neither_is_the_next(
    api: Api, docs: Callable[[str], Docs], work: reports.Work
) -> None:
    drafts = docs("service_reports")
    seen = drafts.one()
    first = {**seen, "findings": "Limescale."}
    second = {**first, "findings": "Limescale, everywhere."}
    assert drafts.push(row_of(seen, first)) == []
    assert drafts.push(row_of(first, second)) == []
    assert findings_of(api, work) == "Limescale, everywhere."
    assert inbox(api) == []


def test_what_somebody_else_changed_is_answered_with_what_stands(
    api: Api, docs: Callable[[str], Docs], work: reports.Work
) -> None:
    drafts = docs("service_reports")
    seen = drafts.one()
    office_writes(api, work, "Ask Ms Lindgren.")
    (standing,) = drafts.push(row_of(seen, {**seen, "findings": "Limescale."}))
    assert (standing["findings"], standing["_deleted"]) == ("Ask Ms Lindgren.", False)
    assert "Limescale." in inbox(api)[0].content


def test_a_push_whose_reply_was_lost_changes_nothing_when_it_comes_again(
    api: Api, docs: Callable[[str], Docs], work: reports.Work
) -> None:
    drafts = docs("service_reports")
    row = row_of(drafts.one(), {**drafts.one(), "findings": "Limescale."})
    assert drafts.push(row) == []
    office_writes(api, work, "Limescale; part ordered.")
    (standing,) = drafts.push(row)
    assert standing["findings"] == "Limescale; part ordered."
    assert findings_of(api, work) == "Limescale; part ordered."
    assert inbox(api) == []


def test_there_and_back_and_there_again_is_three_edits(
    api: Api, docs: Callable[[str], Docs], work: reports.Work
) -> None:
    drafts = docs("service_reports")
    seen, changed = drafts.one(), {**drafts.one(), "findings": "Limescale."}
    for before, after in ((seen, changed), (changed, seen), (seen, changed)):
        assert drafts.push(row_of(before, after)) == []
    assert findings_of(api, work) == "Limescale."


def test_a_new_document_is_a_fact_once(api: Api, docs: Callable[[str], Docs], work: reports.Work) -> None:
    notes = docs("visit_notes")
    row = row_of(None, a_note(work))
    assert [notes.push(row), notes.push(row)] == [[], []]
    (note,) = notes.pull()
    assert note["text"] == "The valve is new."
    with api.factory.begin(write=False) as uow:
        assert uow.session.connection().execute(select(MUTATIONS.c.type)).scalars().all() == [
            "visit_note.add"
        ]


def test_what_is_the_servers_comes_back_as_it_was(
    api: Api, docs: Callable[[str], Docs], work: reports.Work
) -> None:
    visits = docs("visits")
    seen = visits.one()
    assert visits.push(row_of(seen, {**seen, "scheduled_start": "2026-03-09T09:00:00Z"})) == [seen]
    assert visits.push(row_of(seen, {**seen, "_deleted": True})) == [seen]
    assert {entry.type for entry in inbox(api)} == {"visits.edit", "visits.delete"}


def test_a_refused_document_is_answered_as_gone_in_its_own_words(
    api: Api, docs: Callable[[str], Docs], work: reports.Work
) -> None:
    made_up = {"id": "no-uuid", "number": 3, "_deleted": False}
    assert docs("visits").push(row_of(None, made_up)) == [{**made_up, "_deleted": True}]
    silent = a_note(work, text="")
    assert docs("visit_notes").push(row_of(None, silent)) == [{**silent, "_deleted": True}]
    assert len(inbox(api)) == 2


def test_what_leaves_the_scope_is_a_whole_document_that_is_gone(
    api: Api, docs: Callable[[str], Docs], work: reports.Work
) -> None:
    visits, notes = docs("visits"), docs("visit_notes")
    seen = visits.one()
    with api.factory.begin() as uow:
        move_visit(uow, SYSTEM, work.visit_id, technician_id=dispatch.a_technician(uow).id)
    assert visits.pull() == [{**seen, "_deleted": True}]
    late = a_note(work)
    assert notes.push(row_of(None, late)) == [{**late, "_deleted": True}]
    (entry,) = inbox(api)
    assert (entry.outcome, entry.type) == ("merged", "visit_note.add")


def test_a_store_whose_pages_were_all_empty_hears_of_its_own_work_that_left(
    api: Api, docs: Callable[[str], Docs], work: reports.Work
) -> None:
    notes, note = docs("visit_notes"), a_note(work)
    assert notes.push(row_of(None, note)) == []
    with api.factory.begin() as uow:
        move_visit(uow, SYSTEM, work.visit_id, technician_id=dispatch.a_technician(uow).id)
    assert notes.cursor == ""
    assert [(d["id"], d["_deleted"]) for d in notes.pull()] == [(note["id"], True)]


ODD_ROWS = (
    None,
    7,
    "row",
    [],
    {},
    {"newDocumentState": None},
    {"newDocumentState": {"id": 7}},
    {"newDocumentState": {"id": "\0\ud800", "text": "\ud800"}, "assumedMasterState": 1},
)


def test_no_row_is_an_error(api: Api, docs: Callable[[str], Docs]) -> None:
    docs("visit_notes").push(*ODD_ROWS, *ODD_ROWS)
    with api.factory.begin(write=False) as uow:
        kept = uow.session.connection().execute(select(MUTATIONS.c.outcome)).scalars().all()
    assert kept == ["refused"] * len(ODD_ROWS)


def test_a_checkpoint_that_is_not_ours_is_a_resync(docs: Callable[[str], Docs]) -> None:
    visits = docs("visits")
    other = docs("visit_notes").ask()["checkpoint"]["cursor"]
    for named in ("x", "AAAA", "\N{SNOWMAN}" * 100, other):
        visits.cursor = named
        answer = visits.ask()
        assert (answer["documents"], answer["directives"]) == ([], ["resync"])


def test_a_store_that_is_ahead_of_a_restored_server_begins_a_new_epoch_for_everybody(
    api: Api, docs: Callable[[str], Docs], work: reports.Work
) -> None:
    before = docs("service_reports")
    epoch = before.ask()["epoch"]
    for findings in ("One.", "Two.", "Three."):
        office_writes(api, work, findings)
        before.pull()
    with api.factory.begin() as uow:
        uow.session.execute(update(FEEDS).values(head=FEEDS.c.head - 2))
    answer = before.ask()
    assert (answer["documents"], answer["directives"]) == ([], ["resync"])
    assert answer["epoch"] != epoch, "what it read is of a past that the server has lost"
    again = docs("service_reports")
    assert again.ask()["epoch"] == answer["epoch"], "one restore is one new epoch"


def test_what_is_no_push_and_no_collection_is_a_problem(phone: Client) -> None:
    assert phone.send("POST", "/sync/rxdb/visits/push", data=b"{}").status_code == 422
    assert phone.send("POST", "/sync/rxdb/visits/push", data=b"{").status_code == 400
    for door in ("pull", "stream"):
        assert phone.get(f"/sync/rxdb/audit_log/{door}").status_code == 404
    assert phone.get("/sync/rxdb/visits/pull?batch_size=0").status_code == 422
    assert phone.get("/sync/rxdb/visits/stream?seconds=26").status_code == 422


def test_a_stream_hints_and_ends(api: Api, phone: Client, work: reports.Work) -> None:
    answer = phone.send("GET", "/sync/rxdb/service_reports/stream?seconds=2")
    events = iter(answer.response)
    assert next(events) == b"retry: 1000\n\n"
    office_writes(api, work, "Ask Ms Lindgren.")
    assert next(events) == b'data: {"changed":true}\n\n'
    assert list(events) == []
    answer.close()


def test_a_revoked_device_hands_its_work_in_and_is_told_to_wipe(
    api: Api, docs: Callable[[str], Docs], work: reports.Work
) -> None:
    notes = docs("visit_notes")
    (device,) = [d for d in api.as_("dispatcher").get("/devices").json["items"] if not d["revoked_at"]]
    api.as_("dispatcher").post(f"/devices/{device['id']}/revoke")
    assert notes.ask()["directives"] == ["wipe"]
    assert notes.push(row_of(None, a_note(work))) == []
    assert len(inbox(api)) == 1
