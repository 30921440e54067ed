"""Files on the phone: kept until the receipt, sent once, and one bad one never holds up the rest."""

from datetime import timedelta
from pathlib import Path

import pytest

from mobile_client_stub import journal, media_queue
from mobile_client_stub.faults import Fault
from mobile_client_stub.phone import Phone
from mobile_client_stub.strokes import strokes_of
from mobile_client_stub.words import PhoneError, utc_now
from tests.mobile_client_stub.conftest import PhoneMaker
from tests.mobile_client_stub.fake_server import REPORT, VISIT, FakeServer, Served

JPEG = b"\xff\xd8\xff\xe0" + b"\x07" * 100_000


def kept_files(phone: Phone) -> list[Path]:
    return [path for path in phone.store.media_folder.iterdir() if path.suffix != ".part"]


def test_a_photo_goes_up_and_leaves_the_phone_on_its_receipt(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    photo = phone.photo(VISIT, JPEG, "before")
    assert len(kept_files(phone)) == 1
    report = phone.sync()
    assert (report.uploaded.sent, report.files_deleted) == (1, 1)
    assert list(fake.objects.values()) == [JPEG]
    assert fake.state.records["media", photo]["state"] == "stored"
    assert kept_files(phone) == []
    assert phone.outbox().is_empty


def test_without_the_receipt_the_file_stays(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    photo = phone.photo(VISIT, JPEG, "before")
    fake.keeps_receipts = True
    phone.sync()
    assert len(kept_files(phone)) == 1
    (medium,) = phone.outbox().media
    assert medium.state == "sent, waiting for the receipt"
    fake.put("media", photo, {"state": "stored", "stored_at": "2025-03-01T08:30:00Z"})
    phone.sync()
    assert kept_files(phone) == []


def test_a_file_whose_receipt_a_restored_server_forgot_is_offered_again(
    phone: Phone, fake: FakeServer
) -> None:
    phone.sync()
    photo = phone.photo(VISIT, JPEG, "before")
    fake.keeps_receipts = True
    phone.sync()
    fake.keeps_receipts = False
    fake.state.epoch = "that of a backup with the record, and without the receipt"
    phone.sync()
    assert fake.state.records["media", photo]["state"] == "stored"
    assert kept_files(phone) == []


def test_a_rejected_file_stays_is_shown_and_sent_again(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    photo = phone.photo(VISIT, JPEG, "before")
    fake.keeps_receipts = True
    phone.sync()
    fake.put("media", photo, {"state": "rejected", "reason": "It is not a JPEG."})
    phone.sync()
    (medium,) = phone.outbox().media
    assert "It is not a JPEG." in str(medium.trouble)
    fake.keeps_receipts = False
    phone.sync()
    assert fake.state.records["media", photo]["state"] == "stored"
    assert kept_files(phone) == []


def test_a_file_waits_for_its_record_to_be_accepted(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    fake.refused_types["media.register"] = {
        "outcome": "held",
        "problem": {"detail": "The visit is not known."},
    }
    phone.photo(VISIT, JPEG, "before")
    phone.sync()
    (medium,) = phone.outbox().media
    assert "held" in medium.state
    assert len(kept_files(phone)) == 1
    assert fake.objects == {}
    assert fake.sins == []


def held_photo(phone: Phone, fake: FakeServer) -> str:
    """A photo whose registration the server held; from now on it holds none."""
    phone.sync()
    fake.refused_types["media.register"] = {"outcome": "held", "problem": {"detail": "Not your visit."}}
    photo = phone.photo(VISIT, JPEG, "before")
    phone.sync()
    fake.refused_types.clear()
    return photo


def test_a_file_goes_when_its_held_registration_is_accepted_after_all(phone: Phone, fake: FakeServer) -> None:
    photo = held_photo(phone, fake)
    (medium,) = phone.outbox().media
    file = {"sha256": medium.sha256, "size": medium.size, "content_type": medium.content_type}
    fake.put("media", photo, {"visit_id": VISIT, "kind": "before", "state": "expected", **file})
    phone.sync()
    assert list(fake.objects.values()) == [JPEG]
    assert fake.state.records["media", photo]["state"] == "stored"
    phone.sync()
    assert kept_files(phone) == []
    assert fake.sins == []


def test_no_wipe_takes_the_only_copy_of_a_file_that_may_still_be_wanted(
    phone: Phone, fake: FakeServer
) -> None:
    held_photo(phone, fake)
    fake.revoked = True
    assert not phone.sync().wiped
    assert len(kept_files(phone)) == 1


def test_a_wipe_takes_a_file_whose_registration_was_refused(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    fake.refused_types["media.register"] = {"outcome": "refused", "problem": {"detail": "No such visit."}}
    phone.photo(VISIT, JPEG, "before")
    fake.revoked = True
    assert phone.sync().wiped


def test_a_registration_is_kept_for_as_long_as_its_file_has_no_receipt(
    phone: Phone, fake: FakeServer
) -> None:
    phone.sync()
    phone.photo(VISIT, JPEG, "before")
    with phone.store.sending_files():
        phone.sync()
    for files in (1, 0):
        with phone.store.transaction() as connection:
            journal.forget_old(connection, utc_now() + timedelta(days=200))
        assert len(journal.everything(phone.store.connection)) == files
        phone.sync()
    assert list(fake.objects.values()) == [JPEG]


def test_a_receipt_that_left_with_its_visit_is_the_one_the_server_gave(
    phone: Phone, fake: FakeServer
) -> None:
    phone.sync()
    photo = phone.photo(VISIT, JPEG, "before")
    fake.keeps_receipts = True
    phone.sync()
    fake.remove("media", photo)
    phone.sync()
    assert kept_files(phone) == []
    assert phone.outbox().media == []


def test_the_same_picture_twice_is_sent_once_and_kept_until_both_have_receipts(
    phone: Phone, fake: FakeServer
) -> None:
    phone.sync()
    phone.photo(VISIT, JPEG, "before")
    second = phone.photo(VISIT, JPEG, "after")
    assert len(kept_files(phone)) == 1
    phone.sync()
    assert sum(request.startswith("PUT") for request in fake.requests) == 1
    assert fake.state.records["media", second]["state"] == "stored"
    assert kept_files(phone) == []


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.NONE])
@pytest.mark.parametrize("step", [1, 2, 3], ids=["upload", "put", "complete"])
def test_no_fault_in_any_step_of_an_upload_loses_the_file(
    pick_up: PhoneMaker, served: Served, fake: FakeServer, fault: Fault, step: int
) -> None:
    pick_up().enrol(served.url, "CODE")
    phone = pick_up()
    phone.sync()
    phone.photo(VISIT, JPEG, "before")
    phone.close()
    phone = pick_up(faults=(Fault.NONE,) * step + (fault,))
    phone.sync()
    assert list(fake.objects.values()) == [JPEG]
    assert phone.outbox().is_empty
    assert kept_files(phone) == []


@pytest.mark.parametrize("rotten", [b"cut short", JPEG[:-1] + b"?"])
def test_a_file_that_cannot_go_does_not_hold_up_the_next(
    phone: Phone, fake: FakeServer, rotten: bytes
) -> None:
    phone.sync()
    phone.photo(VISIT, JPEG, "before")
    media_queue.path_of(phone.store, kept_files(phone)[0].name).write_bytes(rotten)
    phone.photo(VISIT, JPEG + b"!", "after")
    report = phone.sync()
    assert (report.uploaded.sent, report.uploaded.failed) == (1, 1)
    (medium,) = phone.outbox().media
    assert (medium.kind, medium.attempts) == ("before", 1)
    assert "damaged" in str(medium.trouble)


def test_a_file_that_a_proxy_never_lets_through_does_not_hold_up_the_next(
    phone: Phone, fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, tried = fake.take_object, []

    def take_but_the_first(path: str, headers: object, raw: bytes) -> tuple[int, dict]:
        tried.append(raw)
        return (504, {}) if raw == JPEG else take(path, headers, raw)

    monkeypatch.setattr(fake, "take_object", take_but_the_first)
    phone.sync()
    phone.photo(VISIT, JPEG, "before")
    phone.photo(VISIT, JPEG + b"!", "after")
    report = phone.sync()
    assert (report.uploaded.sent, report.uploaded.failed) == (1, 1)
    phone.photo(VISIT, JPEG + b"?", "after")
    tried.clear()
    phone.sync()
    assert tried[0] == JPEG + b"?"
    assert [medium.attempts for medium in phone.outbox().media] == [2]


def test_when_the_network_dies_the_other_files_are_not_tried(
    pick_up: PhoneMaker, served: Served, fake: FakeServer
) -> None:
    pick_up().enrol(served.url, "CODE")
    phone = pick_up()
    phone.sync()
    phone.photo(VISIT, JPEG, "before")
    phone.photo(VISIT, JPEG + b"!", "after")
    phone.close()
    phone = pick_up(faults=(Fault.NONE,) + (Fault.DROP_BEFORE,) * 100)
    assert phone.sync().uploaded.trouble
    assert [medium.attempts for medium in phone.outbox().media] == [1, 0]
    assert phone.outbox().unsent == 0


def test_how_many_files_of_a_visit_are_stored_is_known(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    for number in range(3):
        phone.photo(VISIT, JPEG + bytes([number]), "after")
    phone.sync()
    phone.photo(VISIT, JPEG + b"x", "after")
    phone.photo(VISIT, JPEG + b"y", "after")
    assert phone.media_of_visit(VISIT) == (3, 5)


def test_a_server_that_lost_a_file_and_its_record_state_is_told_again(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    photo = phone.photo(VISIT, JPEG, "before")
    phone.sync()
    fake.put("media", photo, {"state": "expected", "stored_at": None})
    phone.sync()
    phone.sync()
    assert fake.state.records["media", photo]["state"] == "stored"
    fake.objects.clear()
    fake.put("media", photo, {"state": "expected", "stored_at": None})
    phone.sync()
    phone.sync()
    (medium,) = phone.outbox().media
    assert "missing" in str(medium.trouble)


def test_a_signature_is_a_file_and_a_name(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    phone.freeze(VISIT)
    phone.sign(VISIT, "Grete Weber", "occupant")
    phone.sync()
    signed = next(content for content in fake.contents.values() if content["type"] == "service_report.sign")
    assert signed["record"] == REPORT
    medium = fake.state.records["media", signed["fields"]["signature_media_id"]]
    assert (medium["kind"], medium["content_type"]) == ("signature", "application/json")
    assert fake.objects[medium["sha256"]] == strokes_of("Grete Weber")


@pytest.mark.parametrize("content", [b"", b"MZ\x90", b"<svg/>", b"GIF89a"])
def test_what_the_server_would_not_take_is_refused_on_the_spot(phone: Phone, content: bytes) -> None:
    phone.sync()
    with pytest.raises(PhoneError, match=r"empty|Only photos"):
        phone.photo(VISIT, content, "before")
    assert phone.outbox().is_empty
    assert kept_files(phone) == []


def test_a_token_never_travels_to_the_host_that_takes_the_files(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    phone.photo(VISIT, JPEG, "before")
    phone.sync()
    assert fake.objects
    assert "a token travelled with a file" not in fake.sins
