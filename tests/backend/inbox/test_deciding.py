"""The field inbox over HTTP: what people see, what they decide, and what the phone hears of it."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from backend.access.models import AuditEntry
from backend.access.permissions import SYSTEM
from backend.dispatch.actions import move_visit
from backend.parts.models import PartUsage, StockMovement
from backend.reports.actions import freeze_service_report, mark_absent_service_report, write_service_report
from backend.visits.actions import cancel_visit
from backend.visits.models import Visit, VisitNote
from schemas.visits import VisitStatus
from tests.api import Api, Client
from tests.backend.reports.pocket import Pocket
from tests.clock import SettableClock
from tests.given import attachments, parts, reports
from tests.given.visits import MORNING, TWO_HOURS

Body = dict[str, Any]


@pytest.fixture
def work(api: Api) -> reports.Work:
    with api.factory.begin() as uow:
        return reports.a_complete_draft(uow)


@pytest.fixture
def phone(api: Api, work: reports.Work, clock: SettableClock) -> Pocket:
    pocket = Pocket.enrolled(api, work.technician.id, clock)
    pocket.sync()
    return pocket


@pytest.fixture
def dana(api: Api) -> Client:
    return api.as_("dispatcher", "dana")


@pytest.fixture
def contested(api: Api, phone: Pocket, work: reports.Work, dana: Client) -> Body:
    """Both the office and the phone wrote findings; the office's stand."""
    with api.factory.begin() as uow:
        write_service_report(uow, SYSTEM, work.report_id, findings="The office's word.")
    outcome = phone.did(
        "service_report.write", work.report_id, findings="The field's word.", work_done="A new seal."
    )
    assert (outcome["outcome"], outcome["fields"]) == ("merged", ["findings"])
    return the_entry(dana)


def the_entry(client: Client, **query: Any) -> Body:
    (entry,) = client.get("/sync/inbox", settled="false", **query).json["items"]
    found: Body = client.get(f"/sync/inbox/{entry['id']}").json
    return found


def decide(client: Client, entry: Body, verb: str, **fields: Any) -> TestResponse:
    match = {"If-Match": f'"{entry["revision"]}"'}
    return client.post(f"/sync/inbox/{entry['id']}/{verb}", fields, headers=match)


def code_of(answer: TestResponse) -> str:
    return str(answer.json["type"]).rpartition(":")[2]


def findings(api: Api, work: reports.Work) -> str | None:
    with api.factory.begin(write=False) as uow:
        return work.report(uow).findings


def status(api: Api, work: reports.Work) -> VisitStatus:
    with api.factory.begin(write=False) as uow:
        return uow.session.get_one(Visit, work.visit_id).status


def told(phone: Pocket) -> Body:
    """What the phone knows of its only entry, after it has asked."""
    phone.sync()
    return phone.one("field_inbox")


def test_an_entry_shows_both_values_who_when_where_and_the_photos(
    api: Api, contested: Body, work: reports.Work, dana: Client
) -> None:
    values = {value["name"]: value for value in contested["values"]}
    word, office = values["findings"], "The office's word."
    assert (word["field"], word["office"], word["now"]) == ("The field's word.", office, office)
    assert (word["stands"], values["work_done"]["stands"]) == (False, True)
    assert (contested["user_name"], contested["user_id"]) == ("Tove Dahl", str(work.technician.id))
    assert contested["occurred_at"] == contested["created_at"] == "2026-03-02T08:00:00.000000Z"
    assert (contested["skew_seconds"], contested["clock_is_off"]) == (0.0, False)
    assert contested["time_zone"] == "Europe/Berlin"
    assert contested["visit"]["id"] == contested["subject_id"] == str(work.visit_id)
    photos = [medium for medium in contested["media"] if medium["kind"] in {"before", "after"}]
    assert len(photos) == 2
    assert dana.get(photos[0]["content_url"].removesuffix("/content")).status_code == 200
    assert {decision["name"]: decision["allowed"] for decision in contested["decisions"]} == dict.fromkeys(
        ("accept", "decline", "note", "follow_up", "settle"), True
    )


def test_a_phone_whose_clock_is_off_is_flagged(
    phone: Pocket, work: reports.Work, dana: Client, api: Api
) -> None:
    with api.factory.begin() as uow:
        cancel_visit(uow, SYSTEM, work.visit_id, reason="No.")
    phone.now = lambda: "2026-03-02T08:02:01Z"  # type: ignore[method-assign]
    phone.did("visit.arrive", work.visit_id)
    entry = the_entry(dana)
    assert (entry["skew_seconds"], entry["clock_is_off"]) == (121.0, True)
    assert entry["occurred_at"] == "2026-03-02T08:02:01.000000Z", "as the phone says it, never corrected"


def test_accepting_applies_the_kept_value_as_the_dispatchers_act_and_the_phone_hears_of_it(
    api: Api, contested: Body, phone: Pocket, work: reports.Work, dana: Client
) -> None:
    answer = decide(dana, contested, "accept", remark="You were there.")
    assert answer.status_code == 200, answer.text
    assert findings(api, work) == "The field's word."
    assert answer.json["decision"] == "accepted"
    assert answer.json["decided_by"] == str(dana.user_id)
    with api.factory.begin(write=False) as uow:
        audited = uow.session.execute(
            select(AuditEntry.action, AuditEntry.subject_id).where(AuditEntry.actor_id == dana.user_id)
        ).all()
    assert ("field_inbox.accept", UUID(contested["id"])) in audited
    assert ("service_report.write", work.report_id) in audited
    heard = told(phone)
    assert (heard["decision"], heard["decided_by_name"]) == ("accepted", "Dana Dispatcher")
    assert (heard["remark"], heard["outcome"]) == ("You were there.", "merged")
    assert heard["settled_at"] is not None
    assert phone.one("service_reports")["findings"] == "The field's word."


def test_accepting_touches_no_field_that_was_not_contested(
    api: Api, contested: Body, work: reports.Work, dana: Client
) -> None:
    with api.factory.begin() as uow:
        write_service_report(uow, SYSTEM, work.report_id, work_done="Corrected since.")
    assert decide(dana, contested, "accept").status_code == 200
    with api.factory.begin(write=False) as uow:
        report = work.report(uow)
        assert (report.findings, report.work_done) == ("The field's word.", "Corrected since.")


def test_a_sealed_report_stays_sealed_and_the_refusal_says_why(
    api: Api, contested: Body, work: reports.Work, dana: Client
) -> None:
    with api.factory.begin() as uow:
        freeze_service_report(uow, work.actor, work.report_id)
    answer = decide(dana, contested, "accept")
    assert (answer.status_code, code_of(answer)) == (409, "kept-value-refused")
    assert answer.json["because"] == "report-sealed"
    assert "Make it a note" in answer.json["detail"]
    assert findings(api, work) == "The office's word."
    assert the_entry(dana)["revision"] == contested["revision"], "it waits for another decision"


def test_declining_keeps_what_the_office_has(
    api: Api, contested: Body, phone: Pocket, work: reports.Work, dana: Client
) -> None:
    assert decide(dana, contested, "decline", remark="The customer says so.").status_code == 200
    assert findings(api, work) == "The office's word."
    assert (told(phone)["decision"], told(phone)["remark"]) == ("declined", "The customer says so.")


def test_what_was_sent_can_become_a_note_on_the_visit(
    contested: Body, phone: Pocket, work: reports.Work, dana: Client
) -> None:
    answer = decide(dana, contested, "note")
    assert answer.status_code == 200, answer.text
    phone.sync()
    note = phone.one("visit_notes")
    assert note["id"] == answer.json["result_id"]
    assert note["visit_id"] == str(work.visit_id)
    assert note["text"].splitlines() == [
        "Tove Dahl, 2026-03-02 09:00 (Europe/Berlin): service_report.write",
        "findings: The field's word.",
        "work_done: A new seal.",
    ]
    assert told(phone)["decision"] == "noted"


def test_what_was_sent_can_become_a_follow_up_visit_through_the_ordinary_booking(
    contested: Body, dana: Client
) -> None:
    starts_at = MORNING + timedelta(days=3)
    window = {"starts_at": starts_at.isoformat(), "ends_at": (starts_at + TWO_HOURS).isoformat()}
    answer = decide(dana, contested, "follow-up", text="Look at the pump again.", **window)
    assert answer.status_code == 200, answer.text
    visit = dana.get(f"/visits/{answer.json['result_id']}").json
    assert visit["work_order_id"] == contested["visit"]["work_order_id"]
    assert (visit["status"], visit["number"]) == ("offered", 2)
    (note,) = dana.get(f"/visits/{visit['id']}/notes").json["items"]
    assert note["text"] == "Look at the pump again."


def test_a_window_that_cannot_be_booked_leaves_the_entry_open(contested: Body, dana: Client) -> None:
    ends_before = {"starts_at": (MORNING + TWO_HOURS).isoformat(), "ends_at": MORNING.isoformat()}
    assert decide(dana, contested, "follow-up", **ends_before).status_code == 422
    assert the_entry(dana)["decision"] is None


def test_the_same_decision_again_is_once(contested: Body, phone: Pocket, dana: Client) -> None:
    first, again = (decide(dana, contested, "note") for _ in range(2))
    assert (first.status_code, first.json) == (again.status_code, again.json)
    phone.sync()
    assert len(phone.all("visit_notes")) == 1


def test_of_two_dispatchers_the_second_is_told_what_the_first_decided(
    api: Api, contested: Body, dana: Client, work: reports.Work
) -> None:
    other = api.as_("dispatcher", "olaf")
    assert decide(dana, contested, "decline").status_code == 200
    late = decide(other, contested, "accept")
    assert (late.status_code, code_of(late)) == (412, "stale-revision")
    seen = dana.get(f"/sync/inbox/{contested['id']}").json
    assert {decision["allowed"] for decision in seen["decisions"]} == {False}
    informed = decide(other, seen, "accept")
    assert (informed.status_code, code_of(informed)) == (409, "entry-decided")
    assert "Dana Dispatcher has declined it." in informed.json["detail"]
    assert findings(api, work) == "The office's word."


def test_two_who_decide_at_the_same_moment_make_one_decision(api: Api, contested: Body) -> None:
    people = [api.as_("dispatcher", name) for name in ("dana", "olaf", "mika")]
    answers: list[TestResponse] = []
    together = threading.Barrier(len(people))

    def decide_now(person: Client) -> None:
        together.wait()
        answers.append(decide(person, contested, "follow-up"))

    threads = [threading.Thread(target=decide_now, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
    with api.factory.begin(write=False) as uow:
        visits = uow.session.scalars(
            select(Visit.id).where(Visit.work_order_id == UUID(contested["visit"]["work_order_id"]))
        )
        assert len(visits.all()) == 2


def test_a_decision_says_what_it_was_made_on(contested: Body, dana: Client) -> None:
    answer = dana.post(f"/sync/inbox/{contested['id']}/decline")
    assert (answer.status_code, code_of(answer)) == (428, "revision-required")


def test_work_on_a_cancelled_visit_can_be_noted_but_not_accepted(
    api: Api, phone: Pocket, work: reports.Work, dana: Client
) -> None:
    with api.factory.begin() as uow:
        cancel_visit(uow, SYSTEM, work.visit_id, reason="The customer fixed it.")
    assert phone.did("visit.arrive", work.visit_id)["outcome"] == "overridden"
    entry = the_entry(dana, code="work-after-revocation")
    assert entry["visit"]["status"] == "cancelled"
    refused = decide(dana, entry, "accept")
    assert (refused.status_code, refused.json["because"]) == (409, "transition-refused")
    assert decide(dana, entry, "note").status_code == 200


def test_a_fact_that_stands_already_is_looked_at_and_settled(
    api: Api, phone: Pocket, work: reports.Work, dana: Client
) -> None:
    with api.factory.begin() as uow:
        cancel_visit(uow, SYSTEM, work.visit_id, reason="No.")
    note = "0190a000-0000-7000-8000-00000000abcd"
    assert phone.did("visit_note.add", note, visit_id=str(work.visit_id), text="I was there.")["outcome"] == (
        "merged"
    )
    entry = the_entry(dana)
    assert (decide(dana, entry, "accept").status_code, decide(dana, entry, "settle").status_code) == (
        409,
        200,
    )
    assert phone.one("visit_notes")["text"] == "I was there."


def test_a_held_step_that_is_declined_never_happens(
    api: Api, phone: Pocket, work: reports.Work, dana: Client, clock: SettableClock
) -> None:
    phone.did("visit.arrive", work.visit_id)
    assert phone.did("visit.complete", work.visit_id)["outcome"] == "held"
    assert decide(dana, the_entry(dana), "decline").status_code == 200
    close_report(api, work)
    clock.advance(minutes=10)
    phone.sync()
    assert status(api, work) is VisitStatus.ON_SITE
    assert (told(phone)["outcome"], told(phone)["decision"]) == ("overridden", "declined")


def test_a_held_step_happens_when_the_office_clears_the_way_though_its_phone_is_out_of_reach(
    api: Api, phone: Pocket, work: reports.Work, clock: SettableClock
) -> None:
    phone.did("visit.arrive", work.visit_id)
    phone.did("visit.complete", work.visit_id)
    close_report(api, work)
    with api.factory.begin() as uow:
        stranger = reports.a_technician_today(uow)
    Pocket.enrolled(api, stranger.id, clock).sync()  # whoever pulls next expands
    assert status(api, work) is VisitStatus.COMPLETED
    heard = told(phone)
    assert (heard["outcome"], heard["decision"], heard["settled_at"] is None) == ("applied", None, False)


def close_report(api: Api, work: reports.Work) -> None:
    with api.factory.begin() as uow:
        freeze_service_report(uow, work.actor, work.report_id)
        mark_absent_service_report(uow, work.actor, work.report_id, reason="Nobody there.")


def test_the_work_of_a_revoked_phone_can_be_accepted(
    api: Api, phone: Pocket, work: reports.Work, dana: Client
) -> None:
    (device,) = dana.get("/devices", user_id=str(work.technician.id)).json["items"]
    dana.post(f"/devices/{device['id']}/revoke")
    outcome = phone.exchange([mutation(phone, "visit.arrive", work.visit_id)])["outcomes"][0]
    assert outcome["outcome"] == "held"
    assert status(api, work) is VisitStatus.DISPATCHED
    assert decide(dana, the_entry(dana, code="device-revoked"), "accept").status_code == 200
    assert status(api, work) is VisitStatus.ON_SITE


def test_parts_that_a_shut_out_phone_used_leave_its_own_van_although_the_visit_has_moved_on(
    api: Api, phone: Pocket, work: reports.Work, dana: Client
) -> None:
    with api.factory.begin() as uow:
        part = parts.a_part(uow).id
        move_visit(uow, SYSTEM, work.visit_id, technician_id=reports.a_technician_today(uow).id)
    (device,) = dana.get("/devices", user_id=str(work.technician.id)).json["items"]
    dana.post(f"/devices/{device['id']}/revoke")
    used = {"visit_id": str(work.visit_id), "part_id": str(part), "direction": "used", "quantity": 2}
    usage, note = uuid4(), uuid4()
    sent = [mutation(phone, "part_usage.record", usage, **used)]
    sent.append(mutation(phone, "visit_note.add", note, visit_id=str(work.visit_id), text="Two of them."))
    assert [outcome["outcome"] for outcome in phone.exchange(sent)["outcomes"]] == ["held", "held"]
    for record in (usage, note):
        assert decide(dana, the_entry(dana, record_id=str(record)), "accept").status_code == 200
    with api.factory.begin(write=False) as uow:
        assert uow.session.get_one(PartUsage, usage).used_by == work.technician.id
        (movement,) = uow.session.scalars(select(StockMovement))
        assert (movement.technician_id, movement.quantity_delta) == (work.technician.id, -2)
        assert uow.session.get_one(VisitNote, note).author_id == work.technician.id


def mutation(phone: Pocket, kind: str, record: UUID, **fields: Any) -> Body:
    phone.number += 1
    return {
        "mutation_id": f"0190a000-0000-7000-8000-{phone.number:012}",
        "number": phone.number,
        "type": kind,
        "record": str(record),
        "fields": fields,
        "occurred_at": phone.now(),
    }


def test_an_entry_about_nothing_known_cannot_become_a_note(phone: Pocket, dana: Client) -> None:
    unknown = "0190a000-0000-7000-8000-00000000dead"
    phone.exchange([{"number": 1, "mutation_id": unknown, "type": "teapot.boil"}])
    entry = the_entry(dana)
    assert (entry["visit"], entry["media"], entry["subject_id"]) == (None, [], None)
    for verb, code in (("note", "entry-without-visit"), ("accept", "nothing-to-accept")):
        answer = decide(dana, entry, verb)
        assert (answer.status_code, code_of(answer)) == (409, code)
    blocked = {decision["name"] for decision in entry["decisions"] if not decision["allowed"]}
    assert blocked == {"accept", "note", "follow_up"}


def test_lists_are_filtered_and_paged_newest_first(
    api: Api, phone: Pocket, work: reports.Work, dana: Client, clock: SettableClock
) -> None:
    with api.factory.begin() as uow:
        cancel_visit(uow, SYSTEM, work.visit_id, reason="No.")
    for minute in range(5):
        clock.advance(minutes=1)
        phone.did("visit.arrive" if minute % 2 else "visit.start", work.visit_id)

    def ids(**query: Any) -> list[str]:
        return [entry["id"] for entry in dana.get("/sync/inbox", **query).json["items"]]

    everything = ids()
    assert len(everything) == 5
    created = [entry["created_at"] for entry in dana.get("/sync/inbox").json["items"]]
    assert created == sorted(created, reverse=True)
    first = dana.get("/sync/inbox", limit=2).json
    rest = dana.get("/sync/inbox", limit=3, after=first["next"]).json
    assert [entry["id"] for entry in (*first["items"], *rest["items"])] == everything
    entry = dana.get(f"/sync/inbox/{everything[1]}").json
    decide(dana, entry, "settle")
    assert ids(settled="true") == [everything[1]]
    assert ids(settled="false") == [one for one in everything if one != everything[1]]
    assert ids(technician_id=str(work.technician.id)) == everything == ids(visit_id=str(work.visit_id))
    assert ids(code="work-after-revocation") == everything == ids(record_id=str(work.visit_id))
    nobody = str(UUID(int=7))
    assert ids(technician_id=nobody) == ids(visit_id=nobody) == ids(code="edit-overridden") == []


def test_the_note_of_a_long_text_fits_and_says_where_the_rest_is(
    api: Api, phone: Pocket, work: reports.Work, dana: Client
) -> None:
    with api.factory.begin() as uow:
        write_service_report(uow, SYSTEM, work.report_id, findings="The office's word.")
    assert phone.did("service_report.write", work.report_id, findings="x" * 5000)["outcome"] == "overridden"
    assert decide(dana, the_entry(dana), "note").status_code == 200
    phone.sync()
    text = phone.one("visit_notes")["text"]
    assert len(text) == 4000
    assert text.endswith("(all of it is in the field inbox)")


def test_the_photos_of_an_entry_are_those_of_its_visit_only(
    api: Api, contested: Body, work: reports.Work, dana: Client
) -> None:
    with api.factory.begin() as uow:
        elsewhere = reports.a_visit_under_way(uow)
        attachments.a_medium(uow, elsewhere.actor, elsewhere.visit_id)
    entry = dana.get(f"/sync/inbox/{contested['id']}").json
    assert len(entry["media"]) == len(contested["media"])
