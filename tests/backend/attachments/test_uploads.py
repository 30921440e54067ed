"""The upload contract over HTTP, on both engines:

ask, put, complete; a receipt only for whole and right bytes.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest

from backend.access.permissions import SYSTEM
from backend.attachments.storage import current_store
from backend.dispatch.actions import move_visit
from media.objects import DeclaredObject
from media.uploads import confirm_upload
from schemas.attachments import MediaKind
from tests.api import Api, Client
from tests.clock import SettableClock
from tests.given import attachments, reports

PHOTO = attachments.a_photo("the hall before")


@dataclass(frozen=True)
class Site:
    """A technician at a visit, with the API in hand."""

    api: Api
    work: reports.Work
    client: Client

    def register(
        self, content: bytes = PHOTO, content_type: str = "image/jpeg", kind: str = "before", **over: Any
    ) -> str:
        fields = {
            "visit_id": str(self.work.visit_id),
            "kind": kind,
            **attachments.declaration(content, content_type),
            **over,
        }
        answer = self.client.post("/media", fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json["id"])

    def put(self, media_id: str, content: bytes = PHOTO, **over: Any) -> Any:
        ticket = self.client.post(f"/media/{media_id}/upload").json
        assert ticket["needed"] is True
        headers = {**ticket["headers"], **over.pop("headers", {})}
        headers.pop("Content-Length")
        return self.api.anonymous.put(over.get("url", ticket["url"]), data=content, headers=headers)

    def complete(self, media_id: str) -> Any:
        return self.client.post(f"/media/{media_id}/complete")


@pytest.fixture
def site(api: Api) -> Site:
    with api.factory.begin() as uow:
        work = reports.a_visit_under_way(uow)
    return Site(api, work, api.of(work.technician.id))


def problem(answer: Any, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.json["type"] == f"urn:doorstep:problem:{code}"


def test_a_photo_is_put_completed_and_received(site: Site, clock: SettableClock) -> None:
    media_id = site.register(latitude=52.5, longitude=13.4)
    assert site.put(media_id).status_code in (200, 204)
    receipt = site.complete(media_id)
    assert receipt.status_code == 200
    assert (receipt.json["state"], receipt.json["reason"]) == ("stored", None)
    assert receipt.json["stored_at"].startswith(clock.now.strftime("%Y-%m-%dT%H:%M:%S"))
    assert site.complete(media_id).json == site.client.get(f"/media/{media_id}").json == receipt.json
    content = site.client.get(f"/media/{media_id}/content")
    assert (content.status_code, content.data) == (200, PHOTO)
    assert content.headers["Content-Disposition"].startswith('attachment; filename="before-')
    assert content.headers["X-Content-Type-Options"] == "nosniff"
    assert content.headers["Content-Type"] == "image/jpeg"
    assert content.headers["Cache-Control"] == "no-store"


def test_the_same_bytes_twice_are_one_object_and_are_sent_once(site: Site) -> None:
    first, second = site.register(), site.register(kind="after")
    site.put(first)
    site.complete(first)
    assert site.client.post(f"/media/{second}/upload").json["needed"] is False
    assert site.complete(second).json["state"] == "stored"
    with site.api.app.app_context():
        folder = current_store()._objects  # type: ignore[attr-defined]
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 1


def test_who_knows_only_the_hash_of_a_file_does_not_get_the_file(site: Site) -> None:
    secret = site.register()
    site.put(secret)
    site.complete(secret)
    with site.api.factory.begin() as uow:
        other = reports.a_visit_under_way(uow)
    thief = Site(site.api, other, site.api.of(other.technician.id))
    claimed = thief.register()
    assert thief.client.post(f"/media/{claimed}/upload").json["needed"] is True
    problem(thief.complete(claimed), 409, "upload-missing")
    problem(thief.client.get(f"/media/{claimed}/content"), 409, "media-not-stored")
    thief.put(claimed)
    assert thief.complete(claimed).json["state"] == "stored", "who has the bytes needs no hash"


def a_thief(site: Site) -> Site:
    """A technician of another visit, who has heard of a hash."""
    with site.api.factory.begin() as uow:
        other = reports.a_visit_under_way(uow)
    return Site(site.api, other, site.api.of(other.technician.id))


def test_what_one_has_sent_and_not_completed_is_completed_by_nobody_who_knows_its_hash(site: Site) -> None:
    begun = site.register()
    site.put(begun)
    thief = a_thief(site)
    claimed = thief.register()
    assert thief.client.post(f"/media/{claimed}/upload").json["needed"] is True
    problem(thief.complete(claimed), 409, "upload-missing")
    problem(thief.client.get(f"/media/{claimed}/content"), 409, "media-not-stored")
    assert site.complete(begun).json["state"] == "stored", "and it is still there for him"


def test_a_file_whose_receipt_is_being_written_is_nobody_elses(site: Site, clock: SettableClock) -> None:
    """The object is there, and its record does not say so yet; what comes first is who registered it."""
    begun = site.register()
    site.put(begun)
    confirm_upload(site.api.wiring.objects, declared_by(site))
    clock.advance(minutes=1)
    thief = a_thief(site)
    claimed = thief.register()
    problem(thief.complete(claimed), 409, "upload-missing")
    assert site.complete(begun).json["state"] == "stored"


def test_two_who_hold_the_same_picture_send_it_side_by_side_and_it_is_one_object(site: Site) -> None:
    other = a_thief(site)
    first, second = site.register(), other.register()
    site.put(first)
    other.put(second)
    assert other.complete(second).json["state"] == "stored"
    assert site.complete(first).json["state"] == "stored"
    with site.api.app.app_context():
        folder = current_store()._objects  # type: ignore[attr-defined]
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 1


def declared_by(site: Site) -> DeclaredObject:
    return DeclaredObject(**attachments.declaration(PHOTO), sender=site.work.technician.id.hex)


def test_a_file_of_which_a_restored_backup_tells_nothing_is_not_asked_for_again(site: Site) -> None:
    """The phone let go of it on a receipt that the backup does not have (decision 121)."""
    lost = site.register()
    site.put(lost)
    confirm_upload(site.api.wiring.objects, declared_by(site))
    assert site.client.get(f"/media/{lost}").json["state"] == "expected"
    assert site.client.post(f"/media/{lost}/upload").json["needed"] is False
    assert site.complete(lost).json["state"] == "stored"
    assert site.client.get(f"/media/{lost}/content").data == PHOTO
    # Now a record tells of it again, and a hash gets nobody else the file.
    with site.api.factory.begin() as uow:
        other = reports.a_visit_under_way(uow)
    stranger = Site(site.api, other, site.api.of(other.technician.id))
    claimed = stranger.register()
    assert stranger.client.post(f"/media/{claimed}/upload").json["needed"] is True
    problem(stranger.complete(claimed), 409, "upload-missing")


WRONG = (
    (PHOTO[:-1], "content-length-differs"),
    (PHOTO + b"x", "content-length-differs"),
    (PHOTO[:-1] + b"x", "content-hash-differs"),
)


def test_bytes_that_are_not_whole_and_right_leave_no_object_and_no_receipt(site: Site) -> None:
    media_id = site.register()
    for content, code in WRONG:
        problem(site.put(media_id, content), 422, code)
        problem(site.complete(media_id), 409, "upload-missing")
    assert site.client.get(f"/media/{media_id}").json["state"] == "expected"
    problem(site.client.get(f"/media/{media_id}/content"), 409, "media-not-stored")
    site.put(media_id)
    assert site.complete(media_id).json["state"] == "stored"


def test_a_file_of_another_type_than_declared_is_rejected_with_the_reason(site: Site) -> None:
    honest, liar = site.register(), site.register(content_type="image/png", kind="after")
    site.put(honest)
    rejected = site.complete(liar).json
    assert rejected["state"] == "rejected"
    assert "image/jpeg" in rejected["reason"]
    assert rejected["stored_at"] is None


def test_a_signature_that_shows_nothing_is_rejected(site: Site) -> None:
    content = b'{"width": 300, "height": 100, "strokes": []}'
    media_id = site.register(content, "application/json", MediaKind.SIGNATURE)
    site.put(media_id, content)
    rejected = site.complete(media_id).json
    assert rejected["state"] == "rejected"
    assert "sign again" in rejected["reason"]
    drawn = site.register(attachments.STROKES, "application/json", MediaKind.SIGNATURE)
    site.put(drawn, attachments.STROKES)
    assert site.complete(drawn).json["state"] == "stored"


def test_an_address_is_good_for_its_bytes_and_for_ten_minutes(site: Site, clock: SettableClock) -> None:
    media_id = site.register()
    ticket = site.client.post(f"/media/{media_id}/upload").json
    tampered = ticket["url"].replace("size=", "size=1")
    problem(site.put(media_id, url=tampered), 403, "upload-link-invalid")
    other = "/media/objects/sha256/ab/" + "ab" * 32 + "?" + ticket["url"].partition("?")[2]
    problem(site.put(media_id, url=other), 403, "upload-link-invalid")
    climbing = ticket["url"].replace("sha256/", "%2e%2e/%2e%2e/")
    assert site.put(media_id, url=climbing).status_code in (403, 404)
    clock.advance(minutes=11)
    problem(site.put(media_id, url=ticket["url"]), 410, "upload-link-expired")


def test_an_address_nobody_signed_is_a_problem_and_no_more(api: Api) -> None:
    for query in (
        "",
        "size=1",
        "size=1&type=a&expires=1&signature=b&size=2",
        "x=1",
        "size=1&type=a&expires=1",
    ):
        answer = api.anonymous.put(f"/media/objects/sha256/ab/{'ab' * 32}?{query}", data=b"x")
        assert (query, answer.status_code) == (query, 422)
        assert answer.mimetype == "application/problem+json"


def test_strangers_and_the_unknown_find_nothing(site: Site) -> None:
    media_id = site.register()
    with site.api.factory.begin() as uow:
        other = reports.a_visit_under_way(uow)
    stranger = site.api.of(other.technician.id)
    ghost = uuid4()
    for client, wanted in ((stranger, media_id), (site.client, ghost)):
        for answer in (
            client.get(f"/media/{wanted}"),
            client.get(f"/media/{wanted}/content"),
            client.post(f"/media/{wanted}/upload"),
            client.post(f"/media/{wanted}/complete"),
        ):
            problem(answer, 404, "media-not-found")
    assert stranger.get("/media").json["items"] == []
    for answer in (
        site.api.anonymous.get(f"/media/{media_id}/content"),
        site.api.anonymous.post(f"/media/{media_id}/upload"),
    ):
        assert answer.status_code == 401
    assert site.api.as_("finance").post(f"/media/{media_id}/complete").status_code == 403


def test_a_technician_who_lost_the_visit_still_brings_his_photos_in(site: Site) -> None:
    media_id = site.register()
    with site.api.factory.begin() as uow:
        heir = reports.a_technician_today(uow)
        move_visit(uow, SYSTEM, site.work.visit_id, technician_id=heir.id)
    site.put(media_id)
    assert site.complete(media_id).json["state"] == "stored"
    assert site.client.get(f"/media/{media_id}/content").data == PHOTO
    assert site.api.of(heir.id).get(f"/media/{media_id}/content").data == PHOTO


LIES = (
    {"sha256": "x" * 64},
    {"sha256": None},
    {"size": -1},
    {"size": 1.5},
    {"size": True},
    {"size": 2**62},
    {"content_type": "text/html"},
    {"content_type": "image/jpeg\r\nX: y"},
    {"kind": "selfie"},
    {"latitude": 91, "longitude": 0},
    {"latitude": 1},
    {"visit_id": str(UUID(int=0))},
    {"taken_at": "9999-12-31T23:59:59Z"},
    {"state": "stored"},
    {"stored_at": "2026-03-02T08:00:00Z"},
    {"registered_by": str(uuid4())},
    {"object_key": "sha256/aa/bb"},
    {"revision": 7},
)


def test_a_bad_declaration_is_refused_without_effect(site: Site) -> None:
    honest = {"visit_id": str(site.work.visit_id), "kind": "before", **attachments.declaration(PHOTO)}
    for lie in LIES:
        answer = site.client.post("/media", {**honest, **lie})
        assert (lie, answer.status_code) == (lie, 422)
    assert site.client.get("/media").json["items"] == []


def test_the_same_intent_sent_twice_is_one_medium(site: Site) -> None:
    fields = {"visit_id": str(site.work.visit_id), "kind": "before", **attachments.declaration(PHOTO)}
    key = {"Idempotency-Key": "one-photo-one-key"}
    answers = [site.client.post("/media", fields, headers=key) for _ in range(2)]
    assert answers[0].json == answers[1].json
    assert len(site.client.get("/media", visit_id=str(site.work.visit_id)).json["items"]) == 1
