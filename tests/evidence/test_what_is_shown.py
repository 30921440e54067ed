"""What a sealed report shows of its files: copies without EXIF, nothing infected, and no gap in silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from PIL import Image

from backend.app import examiner_of
from backend.attachments.rules import EXAMINE
from backend.housekeeping import keep_house
from backend.outbox.transports import Outgoing
from backend.outbox.watch import Watch
from backend.reports.queries import sealed_keys
from backend.reports.seal.verifying import verify
from media.scanning import ScannerUnavailable
from mobile_client_stub.phone import Phone
from tests.api import Api
from tests.clock import SettableClock
from tests.evidence.issuing import House
from tests.given import reports
from tests.given.phones import live_through
from tests.media.files import HEIC
from tests.media.pictures import EICAR, a_photo_with_place


class KnowsOne:
    """A scanner that objects to what contains `virus`, and may be away."""

    def __init__(self, virus: bytes) -> None:
        self.virus, self.away = virus, False

    def find(self, chunks: Any) -> str | None:
        if self.away:
            raise ScannerUnavailable("clamd: ConnectionRefusedError.")
        return "Eicar-Test-Signature" if self.virus in b"".join(chunks) else None


def _nobody_looks(_message: Outgoing) -> None:
    raise ScannerUnavailable("clamd: ConnectionRefusedError.")


@pytest.fixture
def issued(phone: Phone, work: reports.Work, api: Api, clock: SettableClock) -> Callable[..., bytes]:
    """Lives the visit through, with photos that say where they were taken, and issues its report."""

    def issue(house: House, photo: bytes | None = None) -> bytes:
        live_through(phone, str(work.visit_id), clock, photo or a_photo_with_place())
        phone.sync()
        house.issue()
        return bytes(api.as_("dispatcher").get(f"/service-reports/{work.report_id}/document").data)

    return issue


def words_of(pdf: bytes) -> str:
    with pypdfium2.PdfDocument(pdf) as document:
        return " ".join(" ".join(page.get_textpage().get_text_bounded() for page in document).split())


def pictures_in(pdf: bytes) -> list[Image.Image]:
    with pypdfium2.PdfDocument(pdf) as document:
        return [
            thing.get_bitmap().to_pil()
            for page in document
            for thing in page.get_objects()
            if isinstance(thing, pypdfium2.PdfImage)
        ]


def test_the_report_shows_the_copies_and_waits_until_there_are_any(
    issued: Callable[[House], bytes], house: House, work: reports.Work, api: Api, clock: SettableClock
) -> None:
    house.examine = _nobody_looks
    assert b"PDF" not in issued(house)
    waiting = api.as_("dispatcher").get(f"/service-reports/{work.report_id}/seal").json
    assert waiting["seal_state"] == "due"
    assert waiting["waiting_for"] == ["3 of 3 files are still to be looked at: see doorstep outbox."]
    house.examine = examiner_of(house.wiring)
    clock.advance(minutes=1)
    press, given = house.press(), list[bytes]()

    def noting(job: dict[str, Any]) -> dict[str, Any]:
        given.extend(Path(file).read_bytes() for file in job["files"].values())
        return press(job)

    house.issue(noting)
    assert len(given) == 3
    assert not any(b"Exif" in file or b"back door" in file for file in given), "not even the press gets them"
    pdf = bytes(api.as_("dispatcher").get(f"/service-reports/{work.report_id}/document").data)
    assert verify(pdf, house.trust()).genuine
    before, after = pictures_in(pdf)
    assert before.size == after.size == (480, 640), "upright, as the copy is; the file says 640 × 480"
    assert b"GPS" not in pdf
    assert b"back door" not in pdf
    assert "Left out" not in words_of(pdf)


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("virus", "where"), [(b"after", "After"), (b'"strokes"', "Signature")])
def test_an_infected_file_is_named_in_the_report_and_shown_nowhere(
    issued: Callable[[House], bytes], house: House, work: reports.Work, api: Api, virus: bytes, where: str
) -> None:
    house.examine = replace(examiner_of(house.wiring), scanner=KnowsOne(virus))
    pdf = issued(house)
    assert verify(pdf, house.trust()).genuine
    said = words_of(pdf)
    assert said.count("Left out: a virus scanner found Eicar-Test-Signature in it") == 1
    assert said.index(where) < said.index("Left out")
    assert len(pictures_in(pdf)) == (1 if where == "After" else 2)
    office = api.as_("dispatcher")
    entries = office.get(f"/service-reports/{work.report_id}/manifest").json["entries"]
    assert sorted(entry["scan"] for entry in entries) == ["clean", "clean", "infected"]
    (bad,) = (entry for entry in entries if entry["scan"] == "infected")
    assert office.get(f"/media/{bad['media_id']}/content").status_code == 403
    verdict = verify(pdf, house.trust())
    assert verdict.content is not None
    listed = {medium["id"]: medium for medium in verdict.content["report"]["media"]}
    assert listed[bad["media_id"]]["sha256"] == bad["sha256"], "what the phone signed is still known by hash"
    assert "1 of 3 files could not be shown" in house.mails[0]["text"]


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_photos_that_nobody_can_draw_are_named_and_kept_and_hold_up_no_report(
    issued: Callable[..., bytes], house: House, work: reports.Work, api: Api
) -> None:
    house.examine = examiner_of(house.wiring)
    pdf = issued(house, HEIC)
    assert verify(pdf, house.trust()).genuine
    assert words_of(pdf).count("Left out: HEIC photos are kept and not shown.") == 2
    assert pictures_in(pdf) == []
    assert "2 of 3 files could not be shown" in house.mails[0]["text"]
    office = api.as_("dispatcher")
    first, _, _ = office.get(f"/service-reports/{work.report_id}/manifest").json["entries"]
    assert office.get(f"/media/{first['media_id']}/content").data == HEIC + b"before"
    thumbnail = office.get(f"/media/{first['media_id']}/thumbnail")
    assert (thumbnail.status_code, "JPEG" in thumbnail.json["detail"]) == (409, True)


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_with_a_scanner_nothing_is_printed_that_it_has_not_seen(
    issued: Callable[[House], bytes], house: House, work: reports.Work, api: Api, clock: SettableClock
) -> None:
    house.wiring = replace(house.wiring, settings=replace(house.wiring.settings, scanner="command:true"))
    assert b"PDF" not in issued(house)
    office = api.as_("dispatcher")
    (waiting,) = office.get(f"/service-reports/{work.report_id}/seal").json["waiting_for"]
    assert "3 of 3 files are still to be looked at" in waiting
    for _ in range(3):  # after that it is put off for more than a minute
        clock.advance(minutes=2)
        house.issue()
    for entry in office.get(f"/service-reports/{work.report_id}/manifest").json["entries"]:
        assert api.as_("administrator").post(f"/media/{entry['media_id']}/examine", {}).status_code < 300
    house.examine = replace(examiner_of(house.wiring), scanner=KnowsOne(EICAR))
    house.issue()
    assert office.get(f"/service-reports/{work.report_id}").json["status"] == "issued"


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_report_that_waited_for_the_scanner_goes_on_soon_after_it_is_back(
    issued: Callable[[House], bytes], house: House, work: reports.Work, api: Api, clock: SettableClock
) -> None:
    scanner = KnowsOne(EICAR)
    house.examine = replace(examiner_of(house.wiring), scanner=scanner)
    watch = Watch(house.wiring.factory, EXAMINE, lambda: not scanner.away)
    scanner.away = True
    assert b"PDF" not in issued(house)
    for _ in range(3):
        clock.advance(minutes=2)
        watch.look()
        house.issue()
    scanner.away = False
    clock.advance(seconds=30)
    watch.look()
    house.issue()
    assert api.as_("dispatcher").get(f"/service-reports/{work.report_id}").json["status"] == "issued"


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_no_sweep_touches_what_was_sealed(
    issued: Callable[[House], bytes], house: House, clock: SettableClock
) -> None:
    pdf = issued(house)
    clock.advance(hours=2)
    house.issue()  # the anchor
    clock.advance(days=30)
    assert keep_house(house.wiring) == []
    with house.wiring.factory.begin(write=False) as uow:
        keys = sealed_keys(uow.session)
    assert len(keys) == 2, "the report and the anchor"
    assert all(house.wiring.objects.head(key) is not None for key in keys)
    with house.wiring.objects.open(keys[0]) as file:
        assert file.read() == pdf
