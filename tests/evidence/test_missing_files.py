"""A signed file that is lost for good: the office says why, and the report is issued and says so."""

from __future__ import annotations

from uuid import UUID

import pytest

from backend.attachments.models import Media
from backend.reports.seal.verifying import verify
from mobile_client_stub import media_queue
from mobile_client_stub.phone import Phone
from mobile_client_stub.words import text_of
from tests.api import Api
from tests.clock import SettableClock
from tests.evidence.issuing import House
from tests.evidence.test_what_is_shown import words_of
from tests.given import reports
from tests.given.attachments import arrived
from tests.given.phones import live_through

WHY = {"reason": "The phone fell into the harbour before the photo had left it."}


@pytest.fixture
def lost(phone: Phone, work: reports.Work, clock: SettableClock) -> str:
    """The id of a file that the customer signed for and that will never come: the photo after the work."""
    live_through(phone, str(work.visit_id), clock)
    (photo,) = (
        each for each in phone.records_of_visit("media", str(work.visit_id)) if each["kind"] == "after"
    )
    media_queue.path_of(phone.store, text_of(photo, "sha256")).unlink()
    phone.sync()
    return text_of(photo, "id")


def test_a_report_whose_file_is_lost_is_issued_by_the_offices_word_and_says_so(
    lost: str, work: reports.Work, api: Api, house: House
) -> None:
    office, path = api.as_("dispatcher"), f"/service-reports/{work.report_id}"
    house.issue()
    assert office.get(f"{path}/seal").json["waiting_for"] == [
        "1 of 3 files have not arrived: see its manifest."
    ]
    assert len(office.get("/sync/inbox/reports-awaiting-media").json) == 1
    assert office.post(f"{path}/release", {}).status_code == 422, "it says why"
    assert office.post(f"{path}/release", WHY).status_code == 200
    assert office.get("/sync/inbox/reports-awaiting-media").json == []
    house.issue()
    assert office.get(path).json["status"] == "issued"
    again = office.post(f"{path}/release", WHY)
    assert (again.status_code, again.json["type"]) == (409, "urn:doorstep:problem:report-transition-refused")
    pdf = bytes(office.get(f"{path}/document").data)
    verdict = verify(pdf, house.trust())
    assert verdict.genuine, verdict.faults
    assert verdict.content is not None
    report = verdict.content["report"]
    assert report["released"]["reason"] == WHY["reason"]
    left_out = {medium["id"]: medium["left_out"] for medium in report["media"]}
    assert left_out.pop(lost) == "the file is missing"
    assert set(left_out.values()) != {"the file is missing"}
    said = words_of(pdf)
    assert "1 of 3 files are missing" in said
    assert "fell into the harbour" in said
    assert "Left out: the file is missing." in said
    (entry,) = (
        each
        for each in api.as_("administrator").get("/audit-log").json["items"]
        if each["action"] == "service_report.release"
    )
    assert entry["subject_id"] == str(work.report_id)


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_file_that_turns_up_after_the_report_was_released_is_a_medium_of_the_visit(
    lost: str, work: reports.Work, api: Api, house: House
) -> None:
    office, path = api.as_("dispatcher"), f"/service-reports/{work.report_id}"
    assert office.post(f"{path}/release", WHY).status_code == 200
    house.issue()
    with api.factory.begin() as uow:
        found = uow.session.get_one(Media, UUID(lost))
        arrived(uow, work.actor, found)
    assert office.get(f"/media/{lost}").json["state"] == "stored"
    assert office.get(path).json["status"] == "issued"
    assert len(office.get(f"{path}/seal").json["documents"]) == 1


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_report_that_lacks_nothing_or_is_open_is_not_released(
    phone: Phone, work: reports.Work, api: Api, clock: SettableClock
) -> None:
    office, path = api.as_("dispatcher"), f"/service-reports/{work.report_id}"
    assert "not closed" in office.post(f"{path}/release", WHY).json["detail"]
    live_through(phone, str(work.visit_id), clock)
    phone.sync()
    assert "No file is missing" in office.post(f"{path}/release", WHY).json["detail"]
