"""From the phone's signature to the customer's copy, through the real application on both databases."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from backend.access.permissions import SYSTEM
from backend.app import sealer_of
from backend.outbox.transports import Outgoing
from backend.reports.actions import add_report_addendum
from backend.reports.queries import anchors
from backend.reports.seal.verifying import verify
from mobile_client_stub.phone import Phone
from tests.api import Api
from tests.clock import SettableClock
from tests.evidence.issuing import Authority, House, a_house
from tests.given import reports
from tests.given.phones import live_through
from tests.journeys.photographs import photograph


def signed_and_sent(phone: Phone, work: reports.Work, clock: SettableClock) -> None:
    live_through(phone, str(work.visit_id), clock, photograph("at the door"))
    phone.sync()
    assert phone.outbox().is_empty, [
        (entry.mutation.type, entry.state, entry.why) for entry in phone.outbox().mutations
    ]


def test_the_last_file_brings_the_sealed_report_to_the_customer(
    phone: Phone, work: reports.Work, api: Api, clock: SettableClock, house: House
) -> None:
    signed_and_sent(phone, work, clock)
    office = api.as_("dispatcher")
    assert office.get(f"/service-reports/{work.report_id}/seal").json["seal_state"] == "due"
    house.issue()
    seal = office.get(f"/service-reports/{work.report_id}/seal").json
    assert (seal["seal_state"], seal["waiting_for"]) == ("sealed", [])
    (document,) = seal["documents"]
    assert (document["number"], document["standing"], document["timestamp"]) == (1, "current", "none")
    issued = office.get(f"/service-reports/{work.report_id}/document").data
    assert hashlib.sha256(issued).hexdigest() == document["sha256"]
    verdict = verify(issued, house.trust())
    assert verdict.genuine, verdict.faults
    assert verdict.content is not None
    assert verdict.content["report"]["work_done"] == "A new valve."
    assert verdict.content["report"]["answer"]["statement"].startswith("I have read this report")
    (mail,) = house.mails
    assert mail["to"] == "ada@example.org"
    assert base64.b64decode(mail["attachments"][0]["base64"]) == issued
    phone.sync()
    (report,) = phone.view("service_reports").values()
    assert (report["status"], report["seal_state"]) == ("issued", "sealed")


def test_without_a_key_a_report_waits_and_says_so_until_there_is_one(
    phone: Phone, work: reports.Work, api: Api, clock: SettableClock, app: object, house: House
) -> None:
    house.folder.revoke(house.folder.current().name, clock())
    signed_and_sent(phone, work, clock)
    house.issue()
    office = api.as_("dispatcher")
    (reason,) = office.get(f"/service-reports/{work.report_id}/seal").json["waiting_for"]
    assert "doorstep seal-key create" in reason
    house.folder.create("Hearth & Home", clock())
    clock.advance(minutes=2)
    house.issue()
    assert office.get(f"/service-reports/{work.report_id}").json["status"] == "issued"


def test_asking_twice_for_a_seal_makes_one(
    phone: Phone, work: reports.Work, api: Api, clock: SettableClock, house: House
) -> None:
    signed_and_sent(phone, work, clock)
    press = house.press()
    house.issue(press)
    with api.factory.begin() as uow:
        uow.post("seal", {"report_id": str(work.report_id)}, key="again")
    house.issue(press)
    documents = api.as_("dispatcher").get(f"/service-reports/{work.report_id}/seal").json["documents"]
    assert len(documents) == 1
    assert len(house.mails) == 1


def test_an_authority_that_is_down_delays_the_timestamp_and_nothing_else(
    phone: Phone, work: reports.Work, api: Api, clock: SettableClock, house: House
) -> None:
    house.authority = Authority()
    house.authority.down = True
    signed_and_sent(phone, work, clock)
    house.issue()
    office = api.as_("dispatcher")
    (document,) = office.get(f"/service-reports/{work.report_id}/seal").json["documents"]
    assert (document["timestamp"], document["timestamped_at"]) == ("pending", None)
    assert verify(office.get(f"/service-reports/{work.report_id}/document").data, house.trust()).genuine
    house.authority.down = False
    clock.advance(minutes=1)
    house.issue()
    (document,) = office.get(f"/service-reports/{work.report_id}/seal").json["documents"]
    assert document["timestamp"] == "given"
    assert document["timestamped_at"] is not None


def test_a_timestamp_in_time_is_in_the_file(
    phone: Phone, work: reports.Work, api: Api, clock: SettableClock, house: House
) -> None:
    house.authority = Authority()
    signed_and_sent(phone, work, clock)
    house.issue()
    issued = api.as_("dispatcher").get(f"/service-reports/{work.report_id}/document").data
    verdict = verify(issued, house.trust())
    assert verdict.genuine, verdict.faults
    assert verdict.timestamped_at is not None
    stranger = House(house.wiring, house.folder, Authority("Another one"))
    assert not verify(issued, stranger.trust()).genuine


def test_an_addendum_names_the_document_that_it_follows(
    phone: Phone, work: reports.Work, api: Api, clock: SettableClock, house: House
) -> None:
    office = api.as_("dispatcher")
    new = {"report_id": str(work.report_id), "text": "The valve is under guarantee until 2028."}
    early = office.post("/report-addenda", new)
    assert (early.status_code, early.json["type"]) == (409, "urn:doorstep:problem:report-not-issued")
    signed_and_sent(phone, work, clock)
    house.issue()
    assert office.post("/report-addenda", new).status_code == 201
    house.issue()
    first, second = office.get(f"/service-reports/{work.report_id}/seal").json["documents"]
    assert (first["standing"], second["standing"]) == ("superseded", "current")
    assert len(house.mails) == 2
    addendum = base64.b64decode(house.mails[1]["attachments"][0]["base64"])
    verdict = verify(addendum, house.trust())
    assert verdict.genuine, verdict.faults
    assert verdict.content is not None
    assert verdict.content["chain"]["follows"] == first["sha256"]
    assert api.anonymous.get(f"/seals/{first['sha256']}").json["standing"] == "superseded"


def test_whoever_holds_a_file_learns_of_it_by_its_hash_and_nothing_about_people(
    phone: Phone, work: reports.Work, api: Api, clock: SettableClock, house: House
) -> None:
    signed_and_sent(phone, work, clock)
    house.issue()
    (document,) = api.as_("dispatcher").get(f"/service-reports/{work.report_id}/seal").json["documents"]
    known = api.anonymous.get(f"/seals/{document['sha256']}")
    assert known.json == document
    assert set(known.json) == {
        "kind",
        "sha256",
        "fingerprint",
        "number",
        "sealed_at",
        "standing",
        "timestamp",
        "timestamped_at",
    }
    assert api.anonymous.get(f"/seals/{document['fingerprint']}").json == document
    assert api.anonymous.get(f"/seals/{'0' * 64}").status_code == 404
    assert b"BEGIN CERTIFICATE" in api.anonymous.get("/seal-certificates").data


def test_the_anchor_is_signed_and_written_where_no_database_reaches(
    phone: Phone, work: reports.Work, api: Api, clock: SettableClock, house: House
) -> None:
    signed_and_sent(phone, work, clock)
    house.issue()
    clock.advance(hours=1, minutes=5)
    house.issue()
    (line,) = (house.folder.path / "anchors.jsonl").read_text().splitlines()
    assert json.loads(json.loads(line)["text"])["number"] == 1


@pytest.mark.parametrize("moment", ["after the anchor", "while the anchor is pressed"])
def test_a_document_that_was_sealed_across_the_full_hour_is_not_left_without_an_anchor(
    phone: Phone, work: reports.Work, api: Api, clock: SettableClock, house: House, moment: str
) -> None:
    signed_and_sent(phone, work, clock)
    house.issue()
    before_nine = clock.now.replace(minute=59)
    sealer, press = sealer_of(house.wiring, house.press()), house.press()

    def seal_late() -> None:
        """Seal an addendum in a transaction that began before nine and had to wait for its turn."""
        clock.set(before_nine)
        with house.wiring.factory.begin() as uow:
            addendum = add_report_addendum(uow, SYSTEM, report_id=work.report_id, text="Under guarantee.").id
        sealer.seal(Outgoing(uuid4(), "seal", "late", {"addendum_id": str(addendum)}, clock(), 1))
        clock.set(before_nine + timedelta(minutes=6))

    def pressing(job: dict[str, Any]) -> dict[str, Any]:
        if job["do"] == "anchor" and moment == "while the anchor is pressed" and not anchored(house):
            seal_late()
        return press(job)

    clock.set(before_nine + timedelta(minutes=5))
    house.issue(pressing)
    if moment == "after the anchor":
        seal_late()
    clock.advance(hours=1)
    house.issue()
    assert anchored(house) == [1, 2]


def anchored(house: House) -> list[int]:
    with house.wiring.factory.begin(write=False) as uow:
        return [anchor.number for anchor in anchors(uow.session)]


def test_a_house_with_a_new_key_still_knows_what_the_old_one_sealed(
    phone: Phone, work: reports.Work, api: Api, clock: SettableClock, house: House
) -> None:
    signed_and_sent(phone, work, clock)
    house.issue()
    issued = api.as_("dispatcher").get(f"/service-reports/{work.report_id}/document").data
    old = house.folder.current()
    house.folder.create("Hearth & Home", clock())
    assert verify(issued, house.trust()).genuine
    house.folder.revoke(old.name[:12], clock())
    assert any("revoked" in fault for fault in verify(issued, house.trust()).faults)


def test_a_house_without_our_certificate_does_not_believe_the_seal(
    phone: Phone, work: reports.Work, api: Api, clock: SettableClock, house: House, tmp_path: object
) -> None:
    signed_and_sent(phone, work, clock)
    house.issue()
    issued = api.as_("dispatcher").get(f"/service-reports/{work.report_id}/document").data
    other = a_house(house.wiring)  # a new key in the same folder ...
    (stranger,) = other.trust().seals[-1:]
    alone = type(other.trust())([stranger])
    assert any("not the company's" in fault for fault in verify(issued, alone).faults)
