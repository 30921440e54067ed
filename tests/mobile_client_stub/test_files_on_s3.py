"""The phone, the application and a real object store: whatever the store does, the work gets through."""

import functools
import http.server
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from flask import Flask
from werkzeug.serving import make_server

from backend.app import connect, unwired_app, wire
from backend.web.documents import Api as SmorestApi
from media import s3_bucket
from media.s3 import S3Store
from mobile_client_stub import media_queue
from mobile_client_stub.phone import Phone
from mobile_client_stub.transport import Server
from mobile_client_stub.uploads import PART
from tests.api import Api
from tests.clock import SettableClock
from tests.databases import Database
from tests.faults.proxy import BLACK_HOLE, FaultProxy, Strike, Trouble, cut_reply, cut_request
from tests.given import reports as given
from tests.settings import cheap_settings
from tests.swift.servers import Swift

SERVER = "http://field.example"
COOLING = 0.5  # seconds
LONG = b"\xff\xd8\xff\xe0" + random.Random(5).randbytes(PART + 70_000)


def a_photo(number: int) -> bytes:
    return b"\xff\xd8\xff\xe0" + bytes([number]) * 5000


class TwoHosts(httpx.BaseTransport):
    """The application in this process; everybody else over the network, as a phone has it."""

    def __init__(self, app: Flask) -> None:
        self.inside, self.outside = httpx.WSGITransport(app=app), httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        inside = request.url.host == "field.example"
        return (self.inside if inside else self.outside).handle_request(request)

    def close(self) -> None:
        self.outside.close()


@dataclass
class Street:
    """A phone at a visit; the office; the store, and the bad network that everybody reaches it through."""

    phone: Phone
    pick_up: Callable[[], Phone]
    app: Flask
    office: Api
    visit: str
    store: S3Store
    proxy: FaultProxy

    def states(self) -> list[str]:
        media = self.office.as_("dispatcher").get("/media", visit_id=self.visit).json["items"]
        return [str(each["state"]) for each in media]

    def notes(self) -> int:
        return len(self.office.as_("dispatcher").get(f"/visits/{self.visit}/notes").json["items"])


@pytest.fixture
def street(
    sqlite_database: Database,
    clock: SettableClock,
    tmp_path: Path,
    swift: Swift,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Street]:
    monkeypatch.setattr(s3_bucket, "READ_SECONDS", 1.0)
    monkeypatch.setattr(s3_bucket, "COOLING_SECONDS", 0.0)
    bucket = swift.new_bucket()
    with FaultProxy(swift.port) as proxy:
        address = swift.address(bucket)
        settings = cheap_settings(
            sqlite_database.url,
            tmp_path / "data",
            s3_bucket=bucket,
            s3_endpoint=proxy.url,
            s3_access_key=address.access_key,
            s3_secret_key=address.secret_key,
        )
        app, described = an_application()
        connect(app, described, wire(sqlite_database.engine, settings, clock=clock))
        office = Api(app)
        with sqlite_database.factory.begin() as uow:
            work = given.a_visit_under_way(uow)
        phones: list[Phone] = []

        def pick_up() -> Phone:
            phones.append(
                Phone(
                    tmp_path / "phone",
                    transport=TwoHosts(app),
                    clock=clock,
                    sleep=lambda _: None,
                    dice=random.Random(1),
                )
            )
            return phones[-1]

        phone = pick_up()
        code = office.as_("dispatcher").post("/devices/enrolment-codes", {"user_id": str(work.technician.id)})
        phone.enrol(SERVER, code.json["code"])
        phone.sync()
        yield Street(phone, pick_up, app, office, str(work.visit_id), S3Store(address), proxy)
        for each in phones:
            each.close()


def kept(phone: Phone) -> list[Path]:
    return [path for path in phone.store.media_folder.iterdir() if path.suffix != ".part"]


@functools.cache
def an_application() -> tuple[Flask, SmorestApi]:
    return unwired_app(cheap_settings("", Path()))


def add(street: Street, content: bytes) -> str:
    return street.phone.photo(street.visit, content, "before")


@contextmanager
def a_store_that_says(status: int) -> Iterator[int]:
    """A server that answers everything so; its port."""

    class Says(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.send_header("Connection", "close")
            self.end_headers()

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815 - named by the library

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Says) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_photos_go_straight_to_the_store_and_leave_the_phone_on_their_receipts(street: Street) -> None:
    for content in (a_photo(1), a_photo(2), LONG):
        add(street, content)
    street.phone.sync()
    street.phone.sync()
    assert street.states() == ["stored"] * 3
    assert kept(street.phone) == []
    assert len(list(street.store.keys())) == 3


@pytest.mark.parametrize("trouble", ["down", "black hole", "500", "403"])
def test_whatever_the_store_does_the_work_gets_through_and_the_photos_wait(
    street: Street, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not asked again at once: a phone that asks in vain would wait for each of its questions.
    monkeypatch.setattr(s3_bucket, "COOLING_SECONDS", COOLING)
    add(street, a_photo(1))
    street.phone.note(street.visit, "the cellar is wet")
    working = street.proxy.upstream
    with a_store_that_says(403 if trouble == "403" else 500) as broken:
        street.proxy.upstream = {"down": 1, "black hole": working}.get(trouble, broken)
        street.proxy.suffer()
        if trouble == "black hole":
            street.proxy.otherwise = lambda: BLACK_HOLE
        street.phone.sync()
        assert street.notes() == 1
        assert street.states() == ["expected"]
        assert len(kept(street.phone)) == 1
        (medium,) = media_queue.all_media(street.phone.store.connection)
        assert medium.trouble
        assert medium.sent_at is None
    street.proxy.upstream = working
    street.proxy.heal()
    time.sleep(COOLING)
    street.phone.sync()
    street.phone.sync()
    assert street.states() == ["stored"]
    assert kept(street.phone) == []


def test_a_slow_store_only_takes_longer(street: Street) -> None:
    street.proxy.otherwise = lambda: Trouble("latency", latency=0.1, jitter=0.1)
    add(street, a_photo(1))
    street.phone.sync()
    assert street.states() == ["stored"]


def test_a_phone_killed_between_two_files_and_in_the_middle_of_one_goes_on_where_it_was(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    for content in (a_photo(1), LONG, a_photo(2)):
        add(street, content)
    put_file, parts = Server.put_file, []

    class Killed(BaseException):
        """Nothing of the phone's own code can catch a battery."""

    def until_killed(self: Server, url: str, *rest: object) -> None:
        parts.append(url)
        if len(parts) == 3:  # the second part of the long one
            raise Killed
        put_file(self, url, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Server, "put_file", until_killed)
    with pytest.raises(Killed):
        street.phone.sync()
    assert street.states() == ["stored", "expected", "expected"]
    parts.clear()
    monkeypatch.setattr(
        Server, "put_file", lambda self, url, *rest: (parts.append(url), put_file(self, url, *rest))[1]
    )
    again = street.pick_up()
    again.sync()
    again.sync()
    assert street.states() == ["stored"] * 3
    assert len(parts) == 2  # the first part was there already
    assert "partNumber=2" in parts[0]
    assert kept(again) == []


def test_uploads_cut_at_any_byte_are_taken_up_again(street: Street) -> None:
    dice = random.Random(7)
    for number in range(4):
        add(street, a_photo(number))
    for _ in range(4):
        street.proxy.otherwise = lambda: dice.choice((cut_request, cut_reply))(dice.randrange(1, 7000))
        street.proxy.suffer()
        street.phone.sync()
    street.proxy.heal()
    for _ in range(3):
        street.phone.sync()
    assert street.states() == ["stored"] * 4
    assert len(list(street.store.keys())) == 4
    assert kept(street.phone) == []


def eventually(true: Callable[[], object]) -> None:
    ends_at = time.monotonic() + 60
    while not true():
        assert time.monotonic() < ends_at
        time.sleep(0.02)


@pytest.mark.parametrize("trouble", ["down", "endlessly slow"])
def test_exchanges_go_on_while_files_go_beside_them(street: Street, trouble: str) -> None:
    add(street, a_photo(1))
    with street.phone.store.sending_files():
        street.phone.sync()  # the record is known; nothing has gone
    working = street.proxy.upstream
    street.proxy.upstream = 1 if trouble == "down" else working
    if trouble == "endlessly slow":  # in the middle of the file
        street.proxy.otherwise = lambda: Trouble("slow", after_up=4000, strike=Strike.SILENCE)
    street.phone.upload_in_background(TwoHosts(street.app))
    eventually(lambda: street.proxy.connections if trouble == "down" else street.proxy.told.is_set())
    for number in range(3):
        street.phone.note(street.visit, f"Note {number}.")
        assert street.phone.sync().uploaded.sent == 0
        assert street.notes() == number + 1
    assert street.states() == ["expected"], "and the file is still on its way"
    street.proxy.upstream = working
    street.proxy.heal()
    eventually(lambda: street.states() == ["stored"])
    eventually(lambda: not any(medium.may_go for medium in street.phone.outbox().media))
    street.phone.sync()
    assert kept(street.phone) == []
    assert len(list(street.store.keys())) == 1


def test_a_phone_that_is_killed_while_it_sends_in_the_background_sends_the_rest_later(
    street: Street, tmp_path: Path
) -> None:
    add(street, LONG)
    with street.phone.store.sending_files():
        street.phone.sync()
    with a_port_for(street.app) as url:
        with street.phone.store.transaction() as connection:
            connection.execute("UPDATE account SET server = ?", (url,))
        street.phone.close()
        # The first part arrives, the second does not get far.
        street.proxy.suffer()
        street.proxy.otherwise = lambda: Trouble("told", after_up=PART + 20_000, strike=Strike.SILENCE)
        staying = subprocess.Popen(
            [sys.executable, "-m", "mobile_client_stub", "--home", str(tmp_path / "phone"), "stay"],
            stdout=subprocess.DEVNULL,
        )
        try:
            assert street.proxy.told.wait(60)
            assert staying.poll() is None
        finally:
            staying.kill()
            staying.wait()
    assert street.states() == ["expected"]
    street.proxy.heal()
    street.phone = street.pick_up()
    with street.phone.store.transaction() as connection:
        connection.execute("UPDATE account SET server = ?", (SERVER,))
    street.phone.sync()
    street.phone.sync()
    assert street.states() == ["stored"]
    assert len(list(street.store.keys())) == 1
    assert kept(street.phone) == []


@contextmanager
def a_port_for(app: Flask) -> Iterator[str]:
    """The application behind a port of this machine; its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
