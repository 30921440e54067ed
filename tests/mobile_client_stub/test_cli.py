"""The command line: a whole visit by keyboard, in words for people and in JSON for programs."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from mobile_client_stub import background
from mobile_client_stub.cli import main
from mobile_client_stub.store import Store
from mobile_client_stub.transport import NoConnection, Server
from tests.mobile_client_stub.fake_server import CARD, ITEM, REPORT, STEP, VISIT, FakeServer, Served

JPEG = b"\xff\xd8\xff\xe0" + b"\x07" * 100


class Hand:
    """Types commands."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def types(self, *words: str) -> Result:
        return CliRunner().invoke(main, ["--home", str(self.home), *words])

    def gets(self, *words: str) -> object:
        result = self.types("--json", *words)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture
def hand(tmp_path: Path, served: Served, fake: FakeServer) -> Hand:
    fake.put("checklist_items", ITEM, {"name": "Valve", "part_id": STEP, "quantity": 2, "packed": False})
    fake.put("conduct_steps", STEP, {"text": "Area left clean", "required": True, "answer": None})
    fake.put("visits", VISIT, {"arrival_window_start": "2025-03-01T08:30:00Z", "time_zone": "Europe/Berlin"})
    hand = Hand(tmp_path / "phone")
    assert hand.types("enrol", "CODE", "--server", served.url).exit_code == 0
    assert hand.types("sync").exit_code == 0
    return hand


def test_a_whole_visit_by_keyboard(hand: Hand, fake: FakeServer, tmp_path: Path) -> None:
    picture = tmp_path / "door.jpg"
    picture.write_bytes(JPEG)
    visit = VISIT[-6:]
    commands = [
        ["accept", visit],
        ["depart", visit],
        ["arrive", visit, "--at", "52.5", "13.4"],
        ["start", visit],
        ["tick", ITEM[-6:], "--packed", "--verified"],
        ["use", ITEM[-6:], "2", "--serial", "SN-1"],
        ["answer", STEP[-6:], "yes", "--note", "Swept."],
        ["photo", visit, str(picture), "--kind", "before"],
        ["removed", visit, "Old valve", "dispose", "--by", "Grete Weber"],
        ["note", visit, "Key at the neighbour's."],
        ["write", visit, "--findings", "Worn seal", "--work-done", "New valve"],
        ["charge", visit, "Valve", "1250", "eur", "--quantity", "2", "--item", ITEM[-6:]],
        ["feedback", visit, "5", "5", "4", "5", "--words", "Friendly."],
        ["freeze", visit],
        ["sign", visit, "--name", "Grete Weber"],
        ["finish", visit],
    ]
    for command in commands:
        result = hand.types(*command)
        assert result.exit_code == 0, (command, result.output)
    outbox = hand.gets("outbox")
    assert isinstance(outbox, dict)
    assert outbox["unsent"] == len(commands) + 1  # a signature is a file as well
    assert hand.types("sync").exit_code == 0
    assert fake.sins == []
    assert hand.gets("outbox") == outbox | {
        "mutations": [],
        "media": [],
        "unsent": 0,
        "last_contact": hand.gets("outbox")["last_contact"],  # type: ignore[index]
        "clock_ahead": hand.gets("outbox")["clock_ahead"],  # type: ignore[index]
    }
    records = fake.state.records
    assert records["service_reports", REPORT]["findings"] == "Worn seal"
    assert records["feedback_cards", CARD]["quality"] == 4
    assert len(fake.objects) == 2


def test_what_was_left_open_is_settled_later(hand: Hand, fake: FakeServer, tmp_path: Path) -> None:
    paper = tmp_path / "waiver.jpg"
    paper.write_bytes(JPEG)
    assert hand.types("waive", STEP, str(paper), "--reason", "I clean up myself.").exit_code == 0
    removed = hand.gets("removed", VISIT, "Old valve", "keep", "--by", "Grete Weber")
    charged = hand.gets("charge", VISIT, "Valve", "1250", "EUR")
    assert isinstance(removed, dict)
    assert isinstance(charged, dict)
    assert hand.types("settle", removed["record"], "dispose", "--by", "Karl Weber").exit_code == 0
    assert hand.types("withdraw", charged["record"]).exit_code == 0
    assert "Karl Weber" in hand.types("show", VISIT).output
    assert hand.types("sync").exit_code == 0
    assert fake.sins == []
    step, medium = fake.state.records["conduct_steps", STEP], next(iter(fake.objects.values()))
    assert (step["waived_reason"], medium) == ("I clean up myself.", JPEG)


def test_what_people_read_says_what_there_is(hand: Hand) -> None:
    assert "dispatched" in hand.types("visits").output
    assert "Sat 01 Mar 09:30" in hand.types("visits").output
    shown = hand.types("show", VISIT[-4:]).output
    assert "Valve" in shown
    assert "Area left clean" in shown
    hand.types("note", VISIT, "Ring twice.")
    outbox = hand.types("outbox").output
    assert "visit_note.add" in outbox
    assert "not synchronised" in outbox
    assert "none" in hand.types("inbox").output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["show", "ffffffff"], "Run `sync`"),
        (["finish", VISIT, "--as", "no-access"], "--reason"),
        (["tick", ITEM], "--packed"),
        (["write", VISIT], "--findings"),
        (["feedback", VISIT, "5"], "4 scores"),
    ],
)
def test_an_error_says_what_to_do_next(hand: Hand, words: list[str], says: str) -> None:
    result = hand.types(*words)
    assert result.exit_code == 1
    assert says in result.stderr
    assert "Traceback" not in result.output
    as_json = hand.types(*words, "--json")
    assert as_json.exit_code == 1
    assert says in json.loads(as_json.stdout)["error"]


def test_before_enrolment_every_command_says_to_enrol(tmp_path: Path) -> None:
    for words in (["visits"], ["sync"], ["outbox"], ["note", VISIT, "x"]):
        result = Hand(tmp_path / "new").types(*words)
        assert result.exit_code == 1
        assert "enrol CODE" in result.stderr


def test_a_wrong_address_is_said_plainly(tmp_path: Path) -> None:
    assert (
        "no address of a server" in Hand(tmp_path / "new").types("enrol", "C", "--server", "nowhere").stderr
    )
    result = Hand(tmp_path / "new").types("enrol", "C", "--server", "http://127.0.0.1:9")
    assert "no server at" in result.stderr


def test_faults_on_demand_change_nothing_in_the_end(
    hand: Hand, fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mobile_client_stub.transport.FIRST_PAUSE", 0.0)
    hand.types("note", VISIT, "On a bad line.")
    result = hand.types("--faults", "0.4", "--seed", "11", "sync")
    assert result.exit_code == 0, result.output
    assert fake.sins == []
    assert set(fake.state.applied.values()) == {1}


def test_the_journal_is_a_line_of_json_for_each_thing_done_with_what_became_of_it(hand: Hand) -> None:
    for command in (["accept", VISIT[-6:]], ["note", VISIT[-6:], "Key at the neighbour's."]):
        assert hand.types(*command).exit_code == 0
    assert hand.types("sync").exit_code == 0
    assert hand.types("depart", VISIT[-6:]).exit_code == 0
    lines = [json.loads(line) for line in hand.types("journal").stdout.splitlines()]
    assert [line["message"]["type"] for line in lines] == ["visit.accept", "visit_note.add", "visit.depart"]
    assert [line["message"]["number"] for line in lines] == [1, 2, 3]
    assert [line["outcome"] for line in lines] == ["applied", "applied", None]


@pytest.mark.parametrize("kept", [False, True])
def test_who_stays_hands_the_files_of_a_revoked_phone_in_before_the_end(
    hand: Hand, fake: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    """Somebody else was just about to send them; `kept`: and never comes to it."""
    monkeypatch.setattr(background, "IDLE", 0.05)
    picture = tmp_path / "door.jpg"
    picture.write_bytes(JPEG)
    assert hand.types("photo", VISIT, str(picture)).exit_code == 0
    store = Store(hand.home / (hand.home / "current").read_text())
    with ExitStack() as sending:
        sending.enter_context(store.sending_files())
        assert hand.types("sync").exit_code == 0
        assert fake.objects == {}
        fake.gone, fake.wakes = True, [{"news": True}]
        if not kept:
            timer = threading.Timer(0.5, sending.close)
            timer.start()
        stayed = hand.types("stay", "--for", "1" if kept else "20")
    assert (stayed.exit_code == 0) is not kept, stayed.output
    assert "Files still to be sent: 1." in stayed.output
    if kept:
        assert "ready to send" in stayed.output
        assert len(list(store.media_folder.iterdir())) == 1
    else:
        assert "was wiped" in stayed.output
        assert list(fake.objects.values()) == [JPEG]
    store.close()


@pytest.fixture
def a_file_and_no_more_visits(
    hand: Hand, fake: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    """The phone of somebody who was shut out while a photo had not gone."""
    monkeypatch.setattr(background, "IDLE", 0.05)
    picture = tmp_path / "door.jpg"
    picture.write_bytes(JPEG)
    assert hand.types("photo", VISIT, str(picture)).exit_code == 0
    with closing(Store(hand.home / (hand.home / "current").read_text())) as store:
        with store.sending_files():
            assert hand.types("sync").exit_code == 0
        fake.gone, fake.wakes = True, [{"news": True}]
        yield store


def test_who_stays_for_a_file_that_is_damaged_here_is_told_so_and_not_kept_for_ever(
    hand: Hand, a_file_and_no_more_visits: Store
) -> None:
    (photo,) = a_file_and_no_more_visits.media_folder.iterdir()
    photo.write_bytes(b"rotten")
    began = time.monotonic()
    stayed = hand.types("stay", "--for", "60")
    assert time.monotonic() - began < 50
    assert stayed.exit_code != 0
    assert "it is missing or damaged on this phone" in stayed.output


def test_who_stays_asks_again_when_the_last_word_does_not_come(
    hand: Hand, fake: FakeServer, a_file_and_no_more_visits: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = fake.complete_upload

    def complete(media_id: str) -> Any:
        answer = taken(media_id)
        fake.failures += [(503, {"Retry-After": "120"})]
        return answer

    monkeypatch.setattr(fake, "complete_upload", complete)
    with ExitStack() as sending:
        sending.enter_context(a_file_and_no_more_visits.sending_files())
        threading.Timer(0.5, sending.close).start()
        stayed = hand.types("stay", "--for", "20")
    assert list(fake.objects.values()) == [JPEG]
    assert "was wiped" in stayed.output
    assert stayed.exit_code == 0


@pytest.mark.parametrize(
    ("status", "body"), [(302, {}), (204, {}), (200, {"access_token": "a", "refresh_token": ""}), (403, {})]
)
def test_what_somebody_in_between_says_is_no_word_about_the_sign_in(
    hand: Hand, fake: FakeServer, status: int, body: dict[str, str]
) -> None:
    """A portal or a proxy answers in the server's place."""

    class Portal(httpx.BaseTransport):
        def __init__(self) -> None:
            self.inner = httpx.HTTPTransport()

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path == "/sessions/refresh":
                return httpx.Response(status, json=body)
            return self.inner.handle_request(request)

        def close(self) -> None:
            self.inner.close()

    with closing(Store(hand.home / (hand.home / "current").read_text())) as store:
        before = store.account()
        fake.access += 1  # the token has run out
        with httpx.Client(transport=Portal()) as client, pytest.raises(NoConnection, match="Nothing is lost"):
            Server(store, client, sleep=lambda _: None).call("POST", "/sync/exchange", {})
        assert store.account() == before
    assert hand.types("sync").exit_code == 0
