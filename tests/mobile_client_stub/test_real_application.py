"""The phone against the real application on both databases: visits, clones, revocation, bad networks."""

import contextlib
import random
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import chain
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from flask import Flask

from backend.access.permissions import SYSTEM
from backend.visits.actions import cancel_visit
from mobile_client_stub import media_queue, records
from mobile_client_stub.faults import Fault, FaultyTransport, random_faults
from mobile_client_stub.phone import Phone
from mobile_client_stub.words import PhoneError, text_of
from tests.api import Api
from tests.clock import SettableClock
from tests.databases import Database
from tests.given import parts as given_parts
from tests.given import reports as given
from tests.given import visits as given_visits
from tests.given.phones import JPEG, enrol, live_through

PickUp = Callable[..., Phone]


@pytest.fixture
def work(database: Database) -> given.Work:
    """A dispatched visit with a kit of one part."""
    with database.factory.begin() as uow:
        kit = given_parts.a_kit(uow, parts=(given_parts.a_part(uow),))
        work_type = given_visits.a_work_type(uow, kit_id=kit.id)
        order = given_visits.a_work_order(uow, work_type_id=work_type.id)
        return given.a_visit_under_way(uow, work_order_id=order.id)


@pytest.fixture
def pick_up(app: Flask, clock: SettableClock, tmp_path: Path) -> Iterator[PickUp]:
    """Opens the phone in a home, in front of the application itself."""
    phones: list[Phone] = []

    def make(home: str = "phone", faults: object = ()) -> Phone:
        transport = FaultyTransport(httpx.WSGITransport(app=app), faults, sleep=lambda _: None)  # type: ignore[arg-type]
        phone = Phone(
            tmp_path / home, transport=transport, clock=clock, sleep=lambda _: None, dice=random.Random(1)
        )
        phones.append(phone)
        return phone

    yield make
    for phone in phones:
        phone.close()


@pytest.fixture
def phone(pick_up: PickUp, api: Api, work: given.Work) -> Phone:
    """Enrolled with a code from the office, and synchronised."""
    phone = pick_up()
    enrol(phone, api, work)
    phone.sync()
    return phone


def test_a_visit_lived_offline_is_on_the_server_after_one_sync(
    phone: Phone, work: given.Work, api: Api, clock: SettableClock
) -> None:
    visit = str(work.visit_id)
    live_through(phone, visit, clock)
    seen_offline = phone.record("visits", visit, "visit")["status"]
    report = phone.sync()
    assert phone.outbox().is_empty, [
        (e.mutation.type, e.state, e.mutation.problem) for e in phone.outbox().mutations
    ]
    assert set(report.exchanged.outcomes) == {"applied"}
    assert phone.record("visits", visit, "visit")["status"] == seen_offline == "completed"
    assert phone.record_of_visit("service_reports", visit, "report")["seal_state"] == "due"
    assert phone.media_of_visit(visit) == (3, 3)
    office = api.as_("dispatcher")
    assert office.get(f"/visits/{visit}").json["status"] == "completed"
    again = phone.sync().exchanged
    assert (again.sent, again.received) == (0, 0)


@pytest.mark.parametrize("seed", range(2))
def test_a_bad_network_changes_nothing_of_it(
    pick_up: PickUp, phone: Phone, work: given.Work, clock: SettableClock, seed: int
) -> None:
    visit = str(work.visit_id)
    live_through(phone, visit, clock)
    phone.close()
    bad = pick_up(faults=random_faults(seed, 0.5))
    for _ in range(8):
        try:
            bad.sync()
        except PhoneError:
            continue
    bad.close()
    good = pick_up()
    good.sync()
    assert good.outbox().is_empty, good.outbox()
    assert good.record_of_visit("service_reports", visit, "report")["seal_state"] == "due"
    assert len(good.records_of_visit("visit_notes", visit)) == 1
    assert len(good.records_of_visit("part_usages", visit)) == 1


def test_two_copies_of_one_phone_hand_in_the_work_of_both(
    pick_up: PickUp, phone: Phone, work: given.Work, tmp_path: Path
) -> None:
    visit = str(work.visit_id)
    phone.note(visit, "Before the copy.")
    phone.close()
    shutil.copytree(tmp_path / "phone", tmp_path / "copy")
    original, copy = pick_up("phone"), pick_up("copy")
    original.note(visit, "On the original.")
    copy.note(visit, "On the copy.")
    for _ in range(2):
        original.sync()
        copy.sync()
    original.sync()
    for either in (original, copy):
        assert either.outbox().unsent == 0
        texts = sorted(text_of(note, "text") for note in either.records_of_visit("visit_notes", visit))
        assert texts == ["Before the copy.", "On the copy.", "On the original."]


def test_a_sign_in_that_expired_in_the_cellar_renews_itself_though_the_reply_is_lost(
    pick_up: PickUp, phone: Phone, work: given.Work, clock: SettableClock
) -> None:
    phone.note(str(work.visit_id), "Long in the cellar.")
    phone.close()
    clock.advance(hours=3)
    phone = pick_up(faults=chain([Fault.NONE, Fault.DROP_AFTER], [Fault.NONE] * 20))
    phone.sync()
    assert phone.outbox().is_empty


def test_a_phone_enrolled_again_sends_what_it_still_had(phone: Phone, work: given.Work, api: Api) -> None:
    visit = str(work.visit_id)
    phone.note(visit, "Before.")
    phone.sync()
    phone.note(visit, "Not sent yet.")
    enrol(phone, api, work)
    phone.sync()
    assert phone.outbox().is_empty
    assert len(phone.records_of_visit("visit_notes", visit)) == 2


def test_work_on_a_cancelled_visit_is_kept_and_shown(
    phone: Phone, work: given.Work, database: Database, clock: SettableClock
) -> None:
    visit = str(work.visit_id)
    phone.step("accept", visit)
    phone.note(visit, "Already there.")
    with database.factory.begin() as uow:
        cancel_visit(uow, SYSTEM, work.visit_id, reason="The customer fixed it.")
    clock.advance(minutes=1)
    phone.sync()
    assert phone.outbox().unsent == 0
    assert [entry.mutation.type for entry in phone.outbox().mutations] == ["visit.accept"]
    assert {text_of(entry, "type") for entry in phone.inbox()} >= {"visit.accept"}


def test_a_revoked_phone_hands_its_work_in_and_is_wiped(
    phone: Phone, work: given.Work, api: Api, tmp_path: Path
) -> None:
    phone.note(str(work.visit_id), "The last thing I wrote.")
    device = UUID(phone.account.device_id)
    assert api.as_("administrator").post(f"/devices/{device}/revoke").status_code == 200
    assert phone.sync().wiped
    inbox = api.as_("dispatcher").get("/sync/inbox").json["items"]
    assert any(entry["type"] == "visit_note.add" for entry in inbox)
    assert b"The last thing I wrote." not in b"".join(
        path.read_bytes() for path in (tmp_path / "phone").rglob("phone.sqlite*")
    )


@pytest.mark.parametrize("registered", [False, True])
def test_a_revoked_phone_hands_in_its_photos_before_it_forgets_them(
    phone: Phone, work: given.Work, api: Api, registered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = phone.photo(str(work.visit_id), JPEG, "before")
    if registered:
        _sync_without_uploads(phone, monkeypatch)
    device = UUID(phone.account.device_id)
    assert api.as_("administrator").post(f"/devices/{device}/revoke").status_code == 200
    for _ in range(3):
        _sync_without_uploads(phone, monkeypatch)
    assert phone.account.signed_out, "the journal is in and nothing more of it is wanted"
    assert phone.sync().wiped
    assert api.as_("dispatcher").get(f"/media/{photo}").json["state"] == "stored"
    codes = {entry["code"] for entry in api.as_("dispatcher").get("/sync/inbox").json["items"]}
    assert codes == (set() if registered else {"device-revoked"})


def _sync_without_uploads(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched, contextlib.suppress(PhoneError):
        patched.setattr(media_queue, "is_whole", lambda *_: False)
        assert not phone.sync().wiped


def test_a_tap_on_one_visit_does_not_read_the_whole_day(
    phone: Phone, work: given.Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit = str(work.visit_id)
    phone.step("accept", visit)
    monkeypatch.setattr(records, "read_all", lambda *_: pytest.fail("all records were read"))
    assert phone.record("visits", visit, "visit")["status"] == "accepted"


def test_a_phone_revoked_long_ago_is_shut_but_keeps_what_is_not_in(
    phone: Phone, work: given.Work, api: Api, clock: SettableClock
) -> None:
    phone.note(str(work.visit_id), "Never sent.")
    api.as_("administrator").post(f"/devices/{phone.account.device_id}/revoke")
    clock.advance(days=31)
    with pytest.raises(PhoneError, match="Nothing is taken"):
        phone.sync()
    assert (phone.account.locked, phone.outbox().unsent) == (True, 1)
    with pytest.raises(PhoneError, match="locked"):
        phone.visits()


def test_a_phone_that_lost_altered_and_made_up_records_is_healed_by_its_inventory(
    pick_up: PickUp, phone: Phone, api: Api, work: given.Work
) -> None:
    untouched = pick_up("untouched")
    enrol(untouched, api, work)
    untouched.sync()
    with phone.store.transaction() as connection:
        connection.execute("DELETE FROM records WHERE collection IN ('visits', 'parts')")
        connection.execute("UPDATE records SET hash = 'ffffffffffffffff' WHERE collection = 'customers'")
        connection.execute(
            "UPDATE records SET body = json_set(body, '$.city', 'Nowhere') WHERE collection = 'sites'"
        )
        connection.execute(
            "INSERT INTO records SELECT collection, ?, hash, body, body_sum FROM records"
            " WHERE collection = 'work_orders' LIMIT 1",
            ("0190a000-0000-7000-8000-0000000000ff",),
        )
    report = phone.sync()
    assert (report.exchanged.reconciled, report.exchanged.resyncs) == (1, 0)
    assert records.digest(phone.store.connection) == records.digest(untouched.store.connection)
    assert [body["city"] for body in phone.view("sites").values()] == ["Berlin"]
    assert len(phone.visits()) == len(phone.view("work_orders")) == 1
    assert phone.sync().exchanged.round_trips == 1


def test_a_file_that_is_not_what_it_says_is_refused_and_stays_on_the_phone(
    phone: Phone, work: given.Work
) -> None:
    phone.photo(str(work.visit_id), b'{"not": "a stroke file"}', "signature")
    phone.sync()
    (medium,) = phone.outbox().media
    assert medium.trouble
    assert (phone.store.media_folder / medium.sha256).exists()


def test_tomorrow_shows_other_visits_without_a_word_from_the_office(
    phone: Phone, clock: SettableClock
) -> None:
    assert len(phone.visits()) == 1
    clock.advance(days=8)
    phone.sync()
    assert phone.visits() == []
    assert phone.view("sites") == {}
    clock.set(clock.now + timedelta(minutes=1))
    assert phone.sync().exchanged.received == 0
