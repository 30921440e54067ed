"""Reports and media as a phone sees them: what comes down, and what becomes of its mutations."""

from uuid import uuid4

import pytest

from backend.access.permissions import SYSTEM
from backend.dispatch.actions import move_visit
from backend.reports.actions import write_service_report
from tests.api import Api
from tests.backend.reports.pocket import Pocket
from tests.clock import SettableClock
from tests.given import attachments, reports


@pytest.fixture
def work(api: Api) -> reports.Work:
    with api.factory.begin() as uow:
        return reports.a_visit_under_way(uow)


@pytest.fixture
def phone(api: Api, work: reports.Work, clock: SettableClock) -> Pocket:
    pocket = Pocket.enrolled(api, work.technician.id, clock)
    pocket.sync()
    return pocket


def register(phone: Pocket, work: reports.Work, kind: str) -> str:
    content = attachments.STROKES if kind == "signature" else attachments.a_photo(kind)
    content_type = "application/json" if kind == "signature" else "image/jpeg"
    media_id = str(uuid4())
    fields = {"visit_id": str(work.visit_id), "kind": kind, **attachments.declaration(content, content_type)}
    assert phone.did("media.register", media_id, **fields)["outcome"] == "applied"
    return media_id


def send(phone: Pocket, api: Api, media_id: str, content: bytes) -> None:
    ticket = phone.client.post(f"/media/{media_id}/upload").json
    headers = {name: value for name, value in ticket["headers"].items() if name != "Content-Length"}
    api.anonymous.put(ticket["url"], data=content, headers=headers)
    phone.client.post(f"/media/{media_id}/complete")


def test_the_whole_report_travels_with_the_visit(phone: Pocket, work: reports.Work) -> None:
    assert phone.one("service_reports")["id"] == str(work.report_id)
    assert phone.one("service_reports")["status"] == "draft"
    assert phone.one("feedback_cards")["visit_id"] == str(work.visit_id)
    assert len(phone.all("conduct_steps")) == 8


def test_a_visit_is_reported_signed_and_completed_from_the_phone(
    phone: Pocket, work: reports.Work, api: Api
) -> None:
    report = work.report_id
    steps = phone.all("conduct_steps")
    outcomes = [phone.did("visit.arrive", work.visit_id)]
    media = {kind: register(phone, work, kind) for kind in ("before", "after")}
    outcomes += [
        phone.did("conduct_step.answer", step["id"], answer="yes")
        for step in steps
        if step["proof"] == "answer"
    ]
    part, charge = str(uuid4()), str(uuid4())
    outcomes += [
        phone.did("removed_part.record", part, visit_id=str(work.visit_id), name="Old pump"),
        phone.did("removed_part.settle", part, disposition="keep", consented_by="Ada Lindgren"),
        phone.did(
            "report_charge.add",
            charge,
            report_id=str(report),
            description="Call-out",
            quantity=1,
            unit_minor=4900,
            currency="EUR",
        ),
        phone.did("feedback_card.fill", work.card_id, punctuality=5, words="Quick."),
        phone.did("service_report.write", report, findings="A leak.", work_done="Changed the seal."),
        phone.did("service_report.freeze", report),
    ]
    media["signature"] = register(phone, work, "signature")
    outcomes += [
        phone.did(
            "service_report.sign",
            report,
            signer_name="Ada Lindgren",
            signer_role="customer",
            signature_media_id=media["signature"],
        ),
        phone.did("visit.complete", work.visit_id),
    ]
    assert {outcome["outcome"] for outcome in outcomes} == {"applied"}
    held = phone.one("service_reports")
    assert (held["status"], held["media_stored"], held["media_expected"]) == ("signed", 0, 3)
    assert phone.one("report_charges")["approved"] is True
    assert phone.one("removed_parts")["disposition"] == "keep"
    for kind in ("before", "after"):
        send(phone, api, media[kind], attachments.a_photo(kind))
    phone.sync()
    assert phone.one("service_reports")["media_stored"] == 2
    send(phone, api, media["signature"], attachments.STROKES)
    phone.sync()
    assert phone.one("service_reports")["seal_state"] == "due"
    assert {record["state"] for record in phone.all("media")} == {"stored"}


def test_freezing_too_early_is_held_and_names_what_is_open(phone: Pocket, work: reports.Work) -> None:
    outcome = phone.did("service_report.freeze", work.report_id)
    assert outcome["outcome"] == "held"
    assert {item["code"] for item in outcome["problem"]["open"]} >= {"media-missing", "work-done-missing"}
    unsigned = phone.did("visit.arrive", work.visit_id), phone.did("visit.complete", work.visit_id)
    assert [each["outcome"] for each in unsigned] == ["applied", "held"]
    assert unsigned[1]["problem"]["type"] == "urn:doorstep:problem:report-unsigned"


def test_an_edit_of_a_frozen_report_is_kept_in_the_inbox(phone: Pocket, work: reports.Work, api: Api) -> None:
    with api.factory.begin() as uow:
        frozen = reports.a_frozen_report(uow)
    other = Pocket.enrolled(api, frozen.technician.id, phone.clock)
    other.sync()
    outcome = other.did("service_report.write", frozen.report_id, findings="One more thing.")
    assert outcome["outcome"] == "overridden"
    assert outcome["problem"]["type"] == "urn:doorstep:problem:report-sealed"
    assert other.one("field_inbox")["type"] == "service_report.write"
    assert other.one("service_reports")["findings"] is None


def test_a_receipt_reaches_the_phone_that_holds_the_file_also_after_the_visit_was_given_away(
    phone: Pocket, work: reports.Work, api: Api
) -> None:
    media_id = register(phone, work, "before")
    with api.factory.begin() as uow:
        heir = reports.a_technician_today(uow)
        move_visit(uow, SYSTEM, work.visit_id, technician_id=heir.id)
    phone.sync()
    assert phone.all("service_reports") == []
    assert phone.one("media")["state"] == "expected"
    send(phone, api, media_id, attachments.a_photo("before"))
    phone.sync()
    assert phone.one("media")["state"] == "stored"
    late = phone.did("service_report.write", work.report_id, findings="It was the pump.")
    assert late["outcome"] == "overridden"


def test_the_later_word_of_one_person_stands(phone: Pocket, work: reports.Work, api: Api) -> None:
    with api.factory.begin() as uow:
        write_service_report(uow, work.actor, work.report_id, work_done="Mine, by the browser.")
    outcome = phone.did("service_report.write", work.report_id, work_done="Mine, by the phone.")
    assert outcome["outcome"] == "applied"
    assert phone.one("service_reports")["work_done"] == "Mine, by the phone."
