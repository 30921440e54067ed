"""What WatermelonDB's protocol leaves to the server: bases, repeats, removals, corrections, starting over."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, select, update

from backend.access.permissions import SYSTEM
from backend.dispatch.actions import move_visit
from backend.reports.actions import write_service_report
from backend.web.wiring import EXTENSION
from sync.checkpoints import forget_stores
from sync.horizon import forget_what_is_past
from sync.models import CHECKPOINTS, MUTATIONS, FieldInboxEntry
from tests.api import Api
from tests.clients.wire import Body, Melon, edited, enrolled
from tests.clock import SettableClock
from tests.databases import SQLITE_ONLY
from tests.given import dispatch, reports


@pytest.fixture
def engine_name() -> str:
    """PostgreSQL where there is one: RxDB's wire is tried on SQLite, and the sessions run on both."""
    return "sqlite" if SQLITE_ONLY else "postgresql"


@pytest.fixture
def work(api: Api) -> reports.Work:
    with api.factory.begin() as uow:
        return reports.a_visit_under_way(uow)


@pytest.fixture
def melon(api: Api, work: reports.Work, clock: SettableClock) -> Melon:
    store = Melon(enrolled(api, work.technician.id), clock)
    store.pull()
    return store


def office_writes(api: Api, work: reports.Work, findings: str) -> None:
    with api.factory.begin() as uow:
        write_service_report(uow, SYSTEM, work.report_id, findings=findings)


def findings_of(api: Api, work: reports.Work) -> str | None:
    with api.factory.begin(write=False) as uow:
        return work.report(uow).findings


def inbox(api: Api) -> list[FieldInboxEntry]:
    with api.factory.begin(write=False) as uow:
        return list(uow.session.scalars(select(FieldInboxEntry).order_by(FieldInboxEntry.id)))


def a_note(work: reports.Work, text: str = "The valve is new.") -> Body:
    return {
        "id": str(uuid4()),
        "visit_id": str(work.visit_id),
        "text": text,
        "_status": "created",
        "_changed": "",
    }


def test_a_first_pull_holds_the_scope_and_a_second_nothing(melon: Melon, work: reports.Work) -> None:
    assert melon.one("visits")["id"] == str(work.visit_id)
    assert melon.one("service_reports")["status"] == "draft"
    assert all(
        value is None or isinstance(value, str | int | float | bool)
        for table in melon.records.values()
        for row in table.values()
        for value in row.values()
    )
    before = melon.timestamp
    assert melon.pull()["changes"] == {}
    assert melon.timestamp == before


def test_every_way_to_say_never_is_a_first_pull(melon: Melon) -> None:
    for query in ({"last_pulled_at": ""}, {"last_pulled_at": "0"}, {"last_pulled_at": "null"}, {}):
        answer = melon.client.get("/sync/watermelon", **query)
        assert len(answer.json["changes"]["visits"]["updated"]) == 1


def test_a_new_row_is_a_fact_once_however_often_it_comes(api: Api, melon: Melon, work: reports.Work) -> None:
    note = a_note(work)
    assert melon.sync("visit_notes", created=[note])["outcomes"][0]["outcome"] == "applied"
    melon.push("visit_notes", created=[note])
    melon.sync("visit_notes", created=[note])
    assert melon.pull()["changes"]["visit_notes"]["updated"][0]["text"] == "The valve is new."
    with api.factory.begin(write=False) as uow:
        types = uow.session.connection().execute(select(MUTATIONS.c.type)).scalars()
        assert list(types) == ["visit_note.add"]
    assert inbox(api) == []
    assert melon.pull()["changes"] == {}


def test_an_event_moves_the_visit_and_keeps_its_id(melon: Melon, work: reports.Work) -> None:
    event = {
        "id": str(uuid4()),
        "visit_id": str(work.visit_id),
        "name": "arrive",
        "occurred_at": "2026-03-02T07:59:00.000000Z",
        "latitude": None,
        "reason": "",
        "_status": "created",
    }
    assert melon.sync("visit_events", created=[event])["outcomes"][0]["outcome"] == "applied"
    melon.pull()
    assert melon.one("visits")["status"] == "on_site"
    kept = melon.records["visit_events"][event["id"]]
    assert (kept["name"], kept["occurred_at"]) == ("arrive", event["occurred_at"])


def test_what_is_the_servers_is_overridden_kept_and_corrected(
    api: Api, melon: Melon, work: reports.Work
) -> None:
    visit = edited(melon.one("visits"), scheduled_start="2026-03-09T09:00:00.000000Z", number=7)
    (outcome,) = melon.sync("visits", updated=[visit])["outcomes"]
    assert outcome["outcome"] == "overridden"
    (entry,) = inbox(api)
    assert (entry.type, entry.collection) == ("visits.edit", "visits")
    assert set(entry.fields.split(",")) == {"number", "scheduled_start"}
    sent = json.loads(entry.content)["mutation"]["fields"]
    assert sent == {"number": 7, "scheduled_start": "2026-03-09T09:00:00.000000Z"}
    before = melon.one("visits")
    (again,) = melon.pull()["changes"]["visits"]["updated"]
    assert again == before


def test_refused_rows_go_and_deleted_ones_come_back(api: Api, melon: Melon, work: reports.Work) -> None:
    made_up = {"id": "aB3-made_up", "number": 9, "status": "completed", "_status": "created"}
    outcomes = melon.sync("visits", created=[made_up], deleted=[str(work.visit_id)])["outcomes"]
    assert [outcome["outcome"] for outcome in outcomes] == ["refused", "overridden"]
    assert len(inbox(api)) == 2
    changes = melon.pull()["changes"]["visits"]
    assert changes["deleted"] == ["aB3-made_up"]
    assert [row["id"] for row in changes["updated"]] == [str(work.visit_id)]
    melon.pull()
    assert melon.pull()["changes"] == {}


def test_an_edit_is_judged_by_what_was_held_before_the_cycles_pull(
    api: Api, melon: Melon, work: reports.Work
) -> None:
    report = edited(melon.one("service_reports"), findings="Limescale.")
    office_writes(api, work, "Ask Ms Lindgren.")
    (outcome,) = melon.sync("service_reports", updated=[report])["outcomes"]
    assert (outcome["outcome"], outcome["fields"]) == ("overridden", ["findings"])
    assert findings_of(api, work) == "Ask Ms Lindgren."
    assert "Limescale." in inbox(api)[0].content


def test_an_edit_of_what_was_seen_is_no_conflict(api: Api, melon: Melon, work: reports.Work) -> None:
    office_writes(api, work, "Ask Ms Lindgren.")
    melon.pull()
    report = edited(melon.one("service_reports"), findings="Limescale.")
    (outcome,) = melon.sync("service_reports", updated=[report])["outcomes"]
    assert outcome["outcome"] == "applied"
    assert findings_of(api, work) == "Limescale."


def test_a_push_whose_reply_was_lost_does_not_undo_what_the_office_wrote_since(
    api: Api, melon: Melon, work: reports.Work
) -> None:
    report = edited(melon.one("service_reports"), findings="Limescale.")
    melon.sync("service_reports", updated=[report])
    office_writes(api, work, "Limescale; part ordered.")
    for _ in range(3):  # the reply is lost again and again
        melon.pull(unsent="true")
        assert melon.push("service_reports", updated=[report])["outcomes"] == []
    assert findings_of(api, work) == "Limescale; part ordered."
    melon.pull()
    assert melon.one("service_reports")["findings"] == "Limescale; part ordered."
    assert inbox(api) == []


@pytest.mark.parametrize("says", [{"unsent": "false"}, {}], ids=["says what it holds", "says nothing"])
def test_the_same_words_written_again_are_an_edit(
    api: Api, melon: Melon, work: reports.Work, says: dict[str, str]
) -> None:
    for findings in ("A", "B", "A"):
        melon.sync("service_reports", updated=[edited(melon.one("service_reports"), findings=findings)])
    assert findings_of(api, work) == "A"
    office_writes(api, work, "C")
    melon.pull(**says)
    melon.sync("service_reports", updated=[edited(melon.one("service_reports"), findings="A")])
    assert findings_of(api, work) == "A"


def test_edits_whose_push_failed_keep_their_older_base(api: Api, melon: Melon, work: reports.Work) -> None:
    report = edited(melon.one("service_reports"), findings="Limescale.")
    office_writes(api, work, "Ask Ms Lindgren.")
    melon.pull(unsent="true")  # and its push never arrives
    melon.pull(unsent="true")
    (outcome,) = melon.push("service_reports", updated=[report])["outcomes"]
    assert outcome["outcome"] == "overridden"
    assert findings_of(api, work) == "Ask Ms Lindgren."


def move(api: Api, work: reports.Work) -> None:
    with api.factory.begin() as uow:
        other = dispatch.a_technician(uow)
        move_visit(uow, SYSTEM, work.visit_id, technician_id=other.id)


def test_what_left_the_scope_goes_one_pull_later(api: Api, melon: Melon, work: reports.Work) -> None:
    move(api, work)
    assert "visits" not in melon.pull()["changes"]
    note = a_note(work)
    assert melon.push("visit_notes", created=[note])["outcomes"][0]["outcome"] == "merged"
    assert melon.pull()["changes"]["visits"]["deleted"] == [str(work.visit_id)]
    assert melon.records["visits"] == {}
    assert melon.records.get("visit_notes", {}) == {}
    assert len(inbox(api)) == 1


def test_a_device_that_says_what_it_holds_loses_records_only_when_it_holds_nothing(
    api: Api, melon: Melon, work: reports.Work
) -> None:
    move(api, work)
    for _ in range(3):
        assert "visits" not in melon.pull(unsent="true")["changes"]
    assert melon.pull(unsent="false")["changes"]["visits"]["deleted"] == [str(work.visit_id)]


def test_a_place_nobody_knows_starts_over_after_a_push_that_is_judged_strictly(
    api: Api, melon: Melon, work: reports.Work
) -> None:
    report = edited(melon.one("service_reports"), findings="Limescale.")
    with api.factory.begin() as uow:
        uow.session.connection().execute(delete(CHECKPOINTS))
    answer = melon.pull()
    assert answer["changes"] == {}
    assert "experimentalStrategy" not in answer
    assert melon.push("service_reports", updated=[report])["outcomes"][0]["outcome"] == "overridden"
    assert "Limescale." in inbox(api)[0].content
    answer = melon.pull()
    assert answer["experimentalStrategy"] == "replacement"
    assert melon.one("service_reports")["findings"] is None
    assert "experimentalStrategy" not in melon.pull()


def test_a_store_in_use_keeps_its_place_and_one_that_is_not_starts_over(api: Api, melon: Melon) -> None:
    def days_pass(days: int) -> None:
        with api.factory.begin() as uow:
            made = uow.now - timedelta(days=days)
            uow.session.connection().execute(update(CHECKPOINTS).values(made_at=made))

    days_pass(60)
    melon.pull()
    forget_what_is_past(api.app.extensions[EXTENSION].sync)
    assert "experimentalStrategy" not in melon.pull()
    with api.factory.begin() as uow:
        forget_stores(uow, uow.now - timedelta(days=30))
    assert melon.pull()["changes"] == {}
    assert "experimentalStrategy" not in melon.pull()
    days_pass(101)
    forget_what_is_past(api.app.extensions[EXTENSION].sync)
    melon.pull()
    assert melon.pull()["experimentalStrategy"] == "replacement"


def test_a_migration_brings_its_tables_whole(melon: Melon) -> None:
    migration = {"from": 1, "tables": [], "columns": [{"table": "visits", "columns": ["number"]}]}
    changes = melon.pull(migration=json.dumps(migration))["changes"]
    assert list(changes) == ["visits"]


def test_a_revoked_device_hands_its_work_in_and_is_told_to_wipe(
    api: Api, melon: Melon, work: reports.Work
) -> None:
    (device,) = [d for d in api.as_("dispatcher").get("/devices").json["items"] if not d["revoked_at"]]
    api.as_("dispatcher").post(f"/devices/{device['id']}/revoke")
    office_writes(api, work, "Nothing of this is for that phone.")
    assert melon.pull()["directives"] == ["wipe"]
    assert melon.push("visit_notes", created=[a_note(work)])["outcomes"][0]["outcome"] == "held"
    assert len(inbox(api)) == 1


ODD_ROWS = (
    {"id": None},
    "row",
    7,
    {"id": "x" * 5000, "text": "\0\ud800"},
    {"id": str(UUID(int=0)), "text": [1], "visit_id": {}},
    {},
    None,
)


def test_no_row_is_an_error_of_the_push(api: Api, melon: Melon) -> None:
    for row in ODD_ROWS:
        for verb in ("created", "updated", "deleted"):
            melon.push_raw({"visit_notes": {verb: [row]}, "no_such_table": {verb: [row]}})
    melon.pull()
    with api.factory.begin(write=False) as uow:
        kept = uow.session.connection().execute(select(MUTATIONS.c.outcome)).scalars().all()
    assert set(kept) == {"refused"}
    assert len(kept) > 2 * len(ODD_ROWS)


def test_what_is_no_push_is_a_problem(melon: Melon) -> None:
    for body in ("[]", "7", '{"visits": []}', '{"visits": {"created": 1}}', "{", ""):
        answer = melon.client.send("POST", "/sync/watermelon?last_pulled_at=1", data=body)
        assert 400 <= answer.status_code < 500, body
        assert answer.mimetype == "application/problem+json"


def test_a_query_that_cannot_be_read_is_a_problem(melon: Melon) -> None:
    for query in ("last_pulled_at=x", "last_pulled_at=-1", "unsent=yes", "migration=[1", "more=1"):
        assert melon.client.get(f"/sync/watermelon?{query}").status_code == 422, query
