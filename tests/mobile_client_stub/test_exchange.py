"""The exchange: exactly once up, the same records down, whatever the network does."""

import io
import shutil
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from rich.console import Console, RenderableType

from mobile_client_stub import journal, records
from mobile_client_stub.exchange import PAGE
from mobile_client_stub.faults import Fault
from mobile_client_stub.phone import Phone
from mobile_client_stub.screens import inbox_screen, outbox_screen
from mobile_client_stub.transport import NoConnection, Refused, Server, SignedOut
from mobile_client_stub.words import PhoneError
from tests.mobile_client_stub.conftest import PhoneMaker
from tests.mobile_client_stub.fake_server import ITEM, REPORT, USER, VISIT, FakeServer, Served


def server_records(fake: FakeServer) -> dict:
    return {key: body for key, body in fake.state.records.items()}  # noqa: C416 - a plain copy of a typed mapping


def phone_records(phone: Phone) -> dict:
    connection = phone.store.connection
    collections = [row[0] for row in connection.execute("SELECT DISTINCT collection FROM records")]
    return {
        (collection, record): body
        for collection in collections
        for record, body in records.read_all(connection, collection).items()
    }


def written_ids(phone: Phone) -> list[str]:
    return [mutation.mutation_id for mutation in journal.everything(phone.store.connection)]


def assert_even(phone: Phone, fake: FakeServer) -> None:
    """The law: each mutation once and in order, records equal, nothing waiting, nothing to say any more."""
    assert fake.sins == []
    assert phone.outbox().is_empty
    assert phone_records(phone) == server_records(fake)
    assert fake.state.applied == dict.fromkeys(written_ids(phone), 1)
    again = phone.sync().exchanged
    assert (again.sent, again.received, again.round_trips) == (0, 0, 1)


def test_a_first_sync_brings_the_day(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    assert [visit["id"] for visit in phone.visits()] == [VISIT]
    assert_even(phone, fake)


def test_what_was_done_offline_reaches_the_server_in_order(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    for step in ("accept", "depart", "arrive", "start"):
        phone.step(step, VISIT)
    phone.note(VISIT, "The boiler is in the cellar.")
    phone.sync()
    assert fake.order == written_ids(phone)
    assert fake.state.records["visits", VISIT]["status"] == "in_progress"
    assert_even(phone, fake)


def test_work_is_seen_at_once_and_replaced_by_the_servers_word(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    phone.step("accept", VISIT)
    note = phone.note(VISIT, "Beware of the dog.")
    assert phone.visits()[0]["status"] == "accepted"
    assert phone.view("visit_notes")[note]["text"] == "Beware of the dog."
    fake.refused_types["visit.accept"] = {
        "outcome": "overridden",
        "problem": {"title": "moved", "detail": "It is not yours."},
    }
    phone.sync()
    assert phone.visits()[0]["status"] == "dispatched"
    assert phone.view("visit_notes")[note]["revision"] == 1


def test_the_base_is_the_revision_that_the_user_saw(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    phone.tick(ITEM, packed=True)
    fake.put("checklist_items", ITEM, {"name": "Valve"})
    phone.sync()
    (content,) = fake.contents.values()
    assert (content["base"], content["epoch"]) == (1, fake.state.epoch)


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.NONE])
@pytest.mark.parametrize("times", [1, 3])
def test_no_fault_loses_or_doubles_anything(
    pick_up: PhoneMaker, served: Served, fake: FakeServer, fault: Fault, times: int
) -> None:
    phone = pick_up()
    phone.enrol(served.url, "CODE")
    phone.sync()
    for number in range(5):
        phone.note(VISIT, f"Note {number}")
    phone.close()
    phone = pick_up(faults=(fault,) * times)
    phone.sync()
    assert_even(phone, fake)


def test_without_a_network_the_queue_stays_and_says_why(
    pick_up: PhoneMaker, served: Served, fake: FakeServer
) -> None:
    pick_up().enrol(served.url, "CODE")
    phone = pick_up()
    phone.sync()
    phone.close()
    phone = pick_up(faults=(Fault.DROP_BEFORE,) * 1000)
    phone.note(VISIT, "In the cellar there is no network.")
    with pytest.raises(NoConnection, match="Nothing is lost"):
        phone.sync()
    outbox = phone.outbox()
    assert outbox.unsent == 1
    assert outbox.mutations[0].state == "waiting"
    assert "no connection" in outbox.mutations[0].why


def test_everything_is_pushed_before_anything_is_pulled(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    for number in range(journal.MOST_IN_A_BATCH * 2 + 1):
        phone.note(VISIT, f"Note {number}")
    fake.remove("checklist_items", ITEM)
    fake.limits.clear()
    phone.sync()
    assert fake.limits == [0, 0, PAGE]
    assert_even(phone, fake)


def test_a_page_is_seen_only_when_all_pages_are_here(
    pick_up: PhoneMaker, served: Served, fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mobile_client_stub.exchange.PAGE", 3)
    for number in range(10):
        fake.put("parts", f"part-{number}", {"name": f"Part {number}"})
    pick_up().enrol(served.url, "CODE")
    phone = pick_up(faults=(Fault.NONE, Fault.NONE) + (Fault.DROP_BEFORE,) * 100)
    with pytest.raises(NoConnection):
        phone.sync()
    assert phone_records(phone) == {}
    asked = len(fake.requests)
    phone.close()
    phone = pick_up()
    phone.sync()
    assert len(fake.requests) - asked == 3  # 15 records: the two pages that were here were not fetched again
    assert_even(phone, fake)


def test_the_servers_own_trouble_is_waited_out_as_it_asks(
    pick_up: PhoneMaker, served: Served, fake: FakeServer
) -> None:
    waits: list[float] = []
    phone = pick_up(sleep=waits.append)
    phone.enrol(served.url, "CODE")
    fake.failures = [(503, {"Retry-After": "7"}), (429, {"Retry-After": "3"}), (502, {})]
    phone.sync()
    assert {7.0, 3.0} <= set(waits)
    assert_even(phone, fake)


def test_a_long_wait_is_left_to_the_next_sync(pick_up: PhoneMaker, served: Served, fake: FakeServer) -> None:
    waits: list[float] = []
    phone = pick_up(sleep=waits.append)
    phone.enrol(served.url, "CODE")
    fake.failures = [(503, {"Retry-After": "3600"})]
    with pytest.raises(NoConnection):
        phone.sync()
    assert waits == []


def test_an_expired_token_renews_itself(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    fake.access += 1
    phone.note(VISIT, "After a long lunch.")
    phone.sync()
    assert fake.refreshes == 1
    assert_even(phone, fake)


def test_each_renewal_uses_the_token_that_the_one_before_brought(phone: Phone, fake: FakeServer) -> None:
    for renewals in (1, 2, 3):
        fake.access += 1
        phone.sync()
        assert (fake.refreshes, fake.generation) == (renewals, renewals)
    assert_even(phone, fake)


def test_a_token_that_another_process_renewed_is_used(
    pick_up: PhoneMaker, phone: Phone, fake: FakeServer
) -> None:
    phone.sync()
    fake.access += 1
    stale = phone.account
    pick_up().sync()
    with httpx.Client(verify=False) as client:
        assert Server(phone.store, client)._renewed(stale) == phone.account.access_token
    assert fake.refreshes == 1


def test_a_lost_refresh_reply_brings_the_same_successor(
    pick_up: PhoneMaker, served: Served, fake: FakeServer
) -> None:
    pick_up().enrol(served.url, "CODE")
    fake.access += 1
    phone = pick_up(faults=(Fault.NONE, Fault.DROP_AFTER))
    phone.sync()
    assert (fake.refreshes, fake.generation) == (2, 1)
    assert_even(phone, fake)


def test_signed_out_keeps_the_queue_and_a_new_code_sends_it(
    phone: Phone, fake: FakeServer, served: Served
) -> None:
    phone.sync()
    phone.note(VISIT, "Still here.")
    fake.signed_out = True
    with pytest.raises(SignedOut, match="ask the office for a code"):
        phone.sync()
    assert phone.outbox().unsent == 1
    assert "sign-in" in phone.outbox().mutations[0].why
    before = journal.progress(phone.store.connection).journal
    phone.enrol(served.url, "CODE-2")
    assert journal.progress(phone.store.connection).journal != before
    phone.sync()
    assert_even(phone, fake)


def test_a_restored_server_gets_everything_again_that_it_lost(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    phone.note(VISIT, "Before the backup.")
    phone.sync()
    backup = fake.backup()
    for number in range(3):
        phone.note(VISIT, f"After the backup {number}")
    fake.put("parts", "part-1", {"name": "Lost with the backup"})
    phone.sync()
    fake.restore(backup)
    phone.note(VISIT, "After the restore.")
    assert phone.sync().exchanged.reconciled == 0
    assert_even(phone, fake)


def test_a_restore_also_brings_back_what_was_sent_in_an_older_journal(
    phone: Phone, fake: FakeServer, served: Served
) -> None:
    backup = fake.backup()
    phone.sync()
    phone.note(VISIT, "In the first journal.")
    phone.sync()
    phone.enrol(served.url, "CODE-2")
    phone.sync()
    phone.note(VISIT, "In the second journal.")
    phone.sync()
    fake.restore(backup)
    phone.sync()
    phone.sync()
    assert_even(phone, fake)


def test_a_restore_that_signs_the_phone_out_still_gets_back_what_it_lost(
    phone: Phone, fake: FakeServer, served: Served
) -> None:
    phone.sync()
    backup = fake.backup()
    phone.note(VISIT, "Sent, and lost with the restore.")
    phone.sync()
    fake.restore(backup)
    phone.enrol(served.url, "CODE-2")  # the session was begun after the backup
    phone.sync()
    assert_even(phone, fake)


def test_a_clock_that_jumps_ten_years_ahead_forgets_nothing(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    phone.note(VISIT, "Written in time.")
    phone.sync()
    backup = FakeServer().state
    phone.clock = lambda: datetime.now(UTC) + timedelta(days=3652)
    phone.sync()
    fake.restore(backup)
    phone.sync()
    assert len(written_ids(phone)) == 1
    assert_even(phone, fake)


def test_what_nobody_has_any_more_does_not_stop_the_queue(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    for number in range(3):
        phone.note(VISIT, f"Note {number}")
    phone.sync()
    with phone.store.transaction() as connection:
        journal.forget_old(connection, datetime.now(UTC) + timedelta(days=91))
    phone.note(VISIT, "Half a year later.")
    fake.restore(FakeServer().state)
    phone.sync()
    assert fake.sins == []
    assert phone.outbox().unsent == 0
    assert [body["text"] for key, body in fake.state.records.items() if key[0] == "visit_notes"] == [
        "Half a year later."
    ]


def test_two_copies_of_one_phone_lose_nothing(
    pick_up: PhoneMaker, served: Served, fake: FakeServer, tmp_path: Path
) -> None:
    original = pick_up("phone")
    original.enrol(served.url, "CODE")
    original.sync()
    original.note(VISIT, "Before the copy.")
    original.close()
    shutil.copytree(tmp_path / "phone", tmp_path / "copy")
    original, copy = pick_up("phone"), pick_up("copy")
    original.note(VISIT, "Only on the original.")
    copy.note(VISIT, "Only on the copy.")
    copy.note(VISIT, "And this.")
    for _ in range(2):
        original.sync()
        copy.sync()
    assert fake.sins == []
    texts = [body["text"] for key, body in fake.state.records.items() if key[0] == "visit_notes"]
    assert sorted(texts) == ["And this.", "Before the copy.", "Only on the copy.", "Only on the original."]
    assert set(fake.state.applied.values()) == {1}
    assert original.outbox().is_empty
    assert copy.outbox().is_empty


def test_an_old_backup_of_the_phone_does_not_reuse_numbers(
    pick_up: PhoneMaker, served: Served, fake: FakeServer, tmp_path: Path
) -> None:
    phone = pick_up()
    phone.enrol(served.url, "CODE")
    phone.sync()
    phone.close()
    shutil.copytree(tmp_path / "phone", tmp_path / "backup")
    phone = pick_up()
    phone.note(VISIT, "Never in the backup.")
    phone.sync()
    old = pick_up("backup")
    before = journal.progress(old.store.connection).journal
    old.sync()
    assert journal.progress(old.store.connection).journal != before
    old.note(VISIT, "After the backup was put back.")
    old.sync()
    assert fake.sins == []
    assert set(fake.state.applied.values()) == {1}
    assert len(fake.state.applied) == 2
    assert phone_records(old) == server_records(fake)


def test_a_wrong_digest_is_mended_by_an_inventory(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    with phone.store.transaction() as connection:
        connection.execute("DELETE FROM records WHERE collection = 'visits'")
        connection.execute(
            "UPDATE records SET hash = '00000000000000ff' WHERE collection = 'checklist_items'"
        )
    report = phone.sync()
    assert report.exchanged.reconciled == 1
    assert report.exchanged.resyncs == 0
    assert_even(phone, fake)


def test_a_server_that_cannot_reconcile_sends_everything_anew(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    phone.note(VISIT, "Kept through a resync.")
    fake.has_reconcile = False
    with phone.store.transaction() as connection:
        connection.execute("DELETE FROM records WHERE collection = 'visits'")
    assert phone.sync().exchanged.resyncs == 1
    assert_even(phone, fake)


def test_a_digest_that_never_agrees_ends_in_words_not_in_a_loop(phone: Phone, fake: FakeServer) -> None:
    fake.spoil_digest = 10**6
    with pytest.raises(PhoneError, match="do not come to agree"):
        phone.sync()
    assert len(fake.requests) < 20


def test_a_resync_replaces_everything_but_the_journal(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    phone.note(VISIT, "Not sent yet.")
    with phone.store.transaction() as connection:
        connection.execute("INSERT INTO records VALUES ('visits', 'ghost', '00', '{\"id\": \"ghost\"}', '')")
        records.start_again(connection)
    assert phone.sync().exchanged.reconciled == 0
    assert_even(phone, fake)


def test_a_refused_mutation_stays_visible_with_its_reason(phone: Phone, fake: FakeServer) -> None:
    fake.refused_types["service_report.freeze"] = {
        "outcome": "held",
        "problem": {"type": "urn:doorstep:problem:report-incomplete", "detail": "Two steps are open."},
    }
    phone.sync()
    phone.freeze(VISIT)
    phone.sync()
    (entry,) = phone.outbox().mutations
    assert (entry.mutation.type, entry.mutation.record, entry.state, entry.why) == (
        "service_report.freeze",
        REPORT,
        "held",
        "Two steps are open.",
    )
    fake.put("field_inbox", "entry-1", {"mutation_id": entry.mutation.mutation_id, "settled_at": None})
    phone.sync()
    assert len(phone.outbox().mutations) == len(phone.inbox()) == 1
    fake.put("field_inbox", "entry-1", {"settled_at": "2025-03-01T08:30:00Z"})
    phone.sync()
    assert phone.outbox().is_empty


def test_a_revoked_phone_hands_its_work_in_and_forgets_everything(
    phone: Phone, fake: FakeServer, tmp_path: Path
) -> None:
    phone.sync()
    for number in range(journal.MOST_IN_A_BATCH + 1):
        phone.note(VISIT, f"Note {number}")
    fake.revoked = True
    assert phone.sync().wiped
    assert sum(fake.state.applied.values()) == journal.MOST_IN_A_BATCH + 1
    assert b"Note 7" not in b"".join(path.read_bytes() for path in tmp_path.rglob("phone.sqlite*"))
    with pytest.raises(PhoneError, match="was wiped"):
        phone.visits()


def test_a_phone_that_is_gone_for_the_server_keeps_what_is_not_in(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    phone.note(VISIT, "Not in.")
    fake.gone = True
    with pytest.raises(Refused, match="out of service"):
        phone.sync()
    assert phone.outbox().unsent == 1
    with pytest.raises(PhoneError, match="locked"):
        phone.visits()


def test_a_locked_phone_shows_nothing_but_still_sends(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    phone.note(VISIT, "Written before the lock.")
    fake.directives = ["lock"]
    phone.sync()
    with pytest.raises(PhoneError, match="locked"):
        phone.visits()
    assert phone.outbox().unsent == 0
    fake.directives = []
    phone.sync()
    assert len(phone.visits()) == 1


def test_a_mutation_can_never_be_altered_or_thrown_away_unanswered(phone: Phone) -> None:
    phone.sync()
    phone.note(VISIT, "As it is.")
    for statement in (
        "UPDATE mutations SET fields = '{}'",
        "UPDATE mutations SET record = 'x'",
        "DELETE FROM mutations",
    ):
        with pytest.raises(sqlite3.IntegrityError), phone.store.transaction() as connection:
            connection.execute(statement)


def test_answered_mutations_are_kept_for_ninety_days(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    phone.note(VISIT, "Kept.")
    phone.sync()
    for days, left in ((89, 1), (91, 0)):
        with phone.store.transaction() as connection:
            journal.forget_old(connection, datetime.now(UTC) + timedelta(days=days))
        assert len(written_ids(phone)) == left
    phone.note(VISIT, "Numbers go on.")
    phone.sync()
    assert fake.sins == []
    assert sum(fake.state.applied.values()) == 2


def test_what_two_people_did_on_one_phone_stays_apart(
    phone: Phone, fake: FakeServer, served: Served, tmp_path: Path
) -> None:
    phone.sync()
    phone.note(VISIT, "Ada's.")
    other = "01890000-0000-7000-8000-0000000000f2"
    dispatch = fake.dispatch

    def as_bob(path: str, headers: object, body: dict) -> tuple[int, dict]:
        status, answer = dispatch(path, headers, body)
        return status, answer | {"user_id": other} if path == "/devices/enrol" else answer

    fake.dispatch = as_bob  # type: ignore[method-assign]
    phone.enrol(served.url, "CODE-2")
    phone.sync()
    assert fake.state.applied == {}
    assert {path.parent.name for path in tmp_path.rglob("phone.sqlite")} == {USER, other}


def test_the_phones_files_are_its_owners_alone(phone: Phone, tmp_path: Path) -> None:
    phone.sync()
    phone.photo(VISIT, b"\xff\xd8\xff" + bytes(100), "before")
    for path in (tmp_path / "phone").rglob("*"):
        if path.suffix in {".sqlite", ".sqlite-wal"} or path.parent.name == "media":
            assert path.stat().st_mode & 0o077 == 0, path


def test_every_commit_is_on_the_disk_before_it_counts(phone: Phone) -> None:
    pragma = phone.store.connection.execute
    assert pragma("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert pragma("PRAGMA synchronous").fetchone()[0] == 2


def test_two_syncs_at_once_are_one_too_many(pick_up: PhoneMaker, phone: Phone) -> None:
    with phone.store.one_sync_at_a_time(), pytest.raises(PhoneError, match="already"):
        pick_up().sync()


def test_an_answer_that_makes_no_sense_changes_nothing(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    before = phone_records(phone)
    exchange = fake.exchange
    for nonsense in (
        {"expected_number": "x"},
        {"changes": 7},
        {"changes": [{"collection": "visits"}]},
        {"server_now": 1},
    ):
        fake.put("visits", VISIT, {"name": "new"})
        fake.exchange = lambda body, nonsense=nonsense: (200, exchange(body)[1] | nonsense)  # type: ignore[method-assign]
        with pytest.raises(PhoneError, match="makes no sense"):
            phone.sync()
        assert phone_records(phone) == before
    fake.exchange = exchange  # type: ignore[method-assign]
    phone.sync()
    assert_even(phone, fake)


def test_a_page_of_a_hotel_network_is_not_taken_for_the_server(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    before = phone_records(phone)
    fake.portal = b"<html>Please sign in to enjoy our network</html>"
    with pytest.raises(NoConnection):
        phone.sync()
    assert phone_records(phone) == before


def test_a_phone_waits_for_news_and_fetches_them(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    fake.put("visits", VISIT, {"status": "cancelled"})
    fake.wakes = [{"news": False}, {"news": True}]
    report = phone.wait(60)
    assert report is not None
    assert report.exchanged.received == 1
    assert fake.requests.count("GET /sync/wake") == 2


def test_a_phone_that_waits_in_vain_exchanges_nothing(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    exchanged = fake.requests.count("POST /sync/exchange")
    fake.wakes = [{"news": False}] * 3
    assert phone.wait(60) is None
    assert (fake.wakes, fake.requests.count("POST /sync/exchange")) == ([], exchanged)


def test_who_finds_no_place_to_wait_stays_away_for_as_long_as_the_server_says(
    pick_up: PhoneMaker, served: Served, fake: FakeServer
) -> None:
    slept: list[float] = []
    phone = pick_up(sleep=slept.append)
    phone.enrol(served.url, "CODE")
    phone.sync()
    fake.wakes = [{"news": False, "retry_after": 10}, {"news": False, "retry_after": 10}, {"news": True}]
    slept.clear()
    assert phone.wait(25) is not None
    assert slept[:2] == [10, 10]


def test_whoever_has_work_to_send_does_not_wait(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    phone.note(VISIT, "Now.")
    report = phone.wait(60)
    assert report is not None
    assert report.exchanged.sent == 1


def test_a_server_that_lets_nobody_wait_is_synchronised_with_as_ever(phone: Phone, fake: FakeServer) -> None:
    """Waiting is a hint: without a useful answer a sync is always right."""
    phone.sync()
    fake.failures = [(503, {})]
    report = phone.wait(60)
    assert report is not None
    assert report.exchanged.round_trips == 1


def test_a_phone_says_that_its_clock_is_wrong(phone: Phone) -> None:
    phone.sync()
    assert "clock" not in said(outbox_screen(phone.outbox(), "UTC"))
    for ahead, says in ((121.0, "2 minutes fast"), (-7200.0, "120 minutes slow")):
        wrong = replace(phone.outbox(), clock_ahead=ahead)
        assert says in said(outbox_screen(wrong, "UTC"))


def test_what_the_office_decided_is_shown_with_its_words(phone: Phone, fake: FakeServer) -> None:
    told = {"type": "visit.arrive", "settled_at": "2025-03-01T08:30:00Z", "decision": "followed_up"}
    fake.put("field_inbox", "entry-1", {**told, "decided_by_name": "Dana", "remark": "Thursday again."})
    fake.put("field_inbox", "entry-2", {"type": "visit.start", "settled_at": "2025-03-01T08:30:00Z"})
    phone.sync()
    shown = said(inbox_screen(phone.inbox(), "UTC"))
    assert "followed up by Dana: Thursday again." in shown
    assert "closed by itself" in shown


def said(screen: RenderableType) -> str:
    console = Console(width=200, file=io.StringIO(), color_system=None)
    console.print(screen)
    return str(console.file.getvalue())  # type: ignore[attr-defined]
