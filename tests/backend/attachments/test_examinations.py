"""What becomes of a stored file outside any request: scanned, drawn or locked away, and always visible."""

from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from PIL import Image

from backend.attachments.examining import Examiner
from backend.attachments.rules import EXAMINE
from backend.attachments.storage import current_store
from backend.outbox.queries import unsent
from backend.outbox.rules import Lane
from backend.outbox.sending import send_due
from media.scanning import Scanner, ScannerUnavailable
from tests.api import Api, Client
from tests.clock import SettableClock
from tests.given import attachments, reports
from tests.media.pictures import EICAR, a_bomb, a_photo_with_place, a_picture


class KnowsEicar:
    """A scanner that knows one virus, and may be away."""

    away = False

    def find(self, chunks: Any) -> str | None:
        content = b"".join(chunks)
        if self.away:
            raise ScannerUnavailable("clamd: ConnectionRefusedError.")
        return "Eicar-Test-Signature" if EICAR in content else None


@dataclass(frozen=True)
class Firm:
    """A technician at a visit, the office, and the worker."""

    api: Api
    visit_id: UUID
    phone: Client
    office: Client
    examiner: Examiner

    def store(self, content: bytes, content_type: str = "image/jpeg", kind: str = "before") -> str:
        fields = {"visit_id": str(self.visit_id), "kind": kind}
        made = self.phone.post("/media", {**fields, **attachments.declaration(content, content_type)})
        ticket = self.phone.post(f"/media/{made.json['id']}/upload").json
        headers = {name: value for name, value in ticket["headers"].items() if name != "Content-Length"}
        assert self.api.anonymous.put(ticket["url"], data=content, headers=headers).status_code == 204
        assert self.phone.post(f"/media/{made.json['id']}/complete").json["state"] == "stored"
        return str(made.json["id"])

    def examine(self, scanner: Scanner | None = None) -> int:
        examiner = replace(self.examiner, scanner=scanner)
        return send_due(self.api.factory, {EXAMINE: examiner}, lane=Lane.SLOW)

    def of(self, media_id: str) -> dict[str, Any]:
        (found,) = self.office.get("/media/examinations", media_id=media_id).json["items"]
        return dict(found)


@pytest.fixture
def firm(api: Api) -> Firm:
    with api.factory.begin() as uow:
        work = reports.a_visit_under_way(uow)
    with api.app.app_context():
        store = current_store()
    places = api.app.extensions["doorstep"].settings.data_dir / "places"
    examiner = Examiner(api.factory, store, None, places)
    return Firm(api, work.visit_id, api.of(work.technician.id), api.as_("dispatcher"), examiner)


def problem(answer: Any, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.json["type"] == f"urn:doorstep:problem:{code}"


def test_a_photo_gets_a_thumbnail_and_a_copy_without_its_place(firm: Firm) -> None:
    media_id = firm.store(a_photo_with_place())
    assert firm.of(media_id)["pictures"] == "due"
    problem(firm.office.get(f"/media/{media_id}/copy"), 409, "pictures-missing")
    assert firm.examine() == 1
    found = firm.of(media_id)
    assert (found["pictures"], found["width"], found["height"]) == ("made", 480, 640)
    assert (found["scan"], found["scanned_at"]) == ("unscanned", None)
    for rendition, side in (("thumbnail", 320), ("copy", 640)):
        answer = firm.phone.get(f"/media/{media_id}/{rendition}")
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert answer.headers["Content-Disposition"].startswith("attachment;")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert b"GPS" not in answer.data
        assert max(Image.open(BytesIO(answer.data)).size) == side
    assert firm.examine() == 0


def test_what_cannot_be_drawn_is_a_state_with_a_reason(firm: Firm) -> None:
    bomb = firm.store(a_bomb(), "image/png")
    heic = firm.store(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00" + bytes(90), "image/heic")
    cut = firm.store(a_picture()[:-1000], kind="after")
    paper = firm.store(b"%PDF-1.7\n" + bytes(90), "application/pdf", "document")
    assert firm.examine() == 4
    reasons = {media_id: firm.of(media_id)["reason"] for media_id in (bomb, heic, cut)}
    assert "pixels" in reasons[bomb]
    assert "HEIC" in reasons[heic]
    assert "cannot be read" in reasons[cut]
    failed = firm.office.get("/media/examinations", pictures="failed").json["items"]
    assert [each["media_id"] for each in failed] == [bomb, heic, cut]
    assert firm.of(paper)["pictures"] == "none"
    answer = firm.office.get(f"/media/{bomb}/copy")
    problem(answer, 409, "pictures-missing")
    assert "pixels" in answer.json["detail"]


def test_a_file_with_a_virus_is_locked_away_and_everybody_is_told_why(firm: Firm) -> None:
    bad = firm.store(a_picture() + EICAR)
    good = firm.store(a_picture(), kind="after")
    assert firm.examine(KnowsEicar()) == 2
    found = firm.of(bad)
    assert (found["scan"], found["finding"], found["pictures"]) == (
        "infected",
        "Eicar-Test-Signature",
        "none",
    )
    for rendition in ("content", "copy", "thumbnail"):
        answer = firm.office.get(f"/media/{bad}/{rendition}")
        problem(answer, 403, "media-quarantined")
        assert "Eicar-Test-Signature" in answer.json["detail"]
    assert firm.of(good)["scan"] == "clean"
    assert firm.office.get(f"/media/{good}/content").status_code == 200
    listed = firm.office.get("/media/examinations", scan="infected").json["items"]
    assert [each["media_id"] for each in listed] == [bad]


def test_where_there_is_a_scanner_nothing_is_served_before_it_has_looked(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    media_id = firm.store(a_picture())
    wiring = firm.api.app.extensions["doorstep"]
    guarded = replace(wiring, settings=replace(wiring.settings, scanner="clamd://scanner"))
    monkeypatch.setitem(firm.api.app.extensions, "doorstep", guarded)
    problem(firm.office.get(f"/media/{media_id}/content"), 409, "media-not-scanned")
    scanner = KnowsEicar()
    scanner.away = True
    assert firm.examine(scanner) == 0
    assert firm.of(media_id)["scan"] == "unscanned"
    with firm.api.factory.begin(write=False) as uow:
        (waiting,) = (message for message in unsent(uow) if message.kind == EXAMINE)
        assert "scanner" in str(waiting.last_error).lower()
    problem(firm.office.get(f"/media/{media_id}/thumbnail"), 409, "media-not-scanned")


def test_the_office_has_a_file_looked_at_again(firm: Firm, clock: SettableClock) -> None:
    media_id = firm.store(a_picture() + EICAR)
    assert firm.examine() == 1
    assert firm.of(media_id)["scan"] == "unscanned"
    assert firm.office.get(f"/media/{media_id}/content").status_code == 200
    clock.advance(seconds=1)
    again = firm.office.post(f"/media/{media_id}/examine")
    assert again.json["pictures"] == "due"
    assert firm.examine(KnowsEicar()) == 1
    assert firm.of(media_id)["scan"] == "infected"
    clock.advance(seconds=1)
    firm.office.post(f"/media/{media_id}/examine")
    firm.examine()
    assert firm.of(media_id)["scan"] == "infected"  # nobody looked this time, and that is no acquittal


def test_a_file_that_is_not_here_cannot_be_examined(firm: Firm) -> None:
    fields = {"visit_id": str(firm.visit_id), "kind": "before", **attachments.declaration(a_picture())}
    media_id = firm.phone.post("/media", fields).json["id"]
    problem(firm.office.post(f"/media/{media_id}/examine"), 409, "media-not-stored")
    assert firm.office.get("/media/examinations", media_id=media_id).json["items"] == []
    problem(firm.phone.post(f"/media/{media_id}/examine"), 403, "permission-refused")
