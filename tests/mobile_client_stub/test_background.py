"""Files go up beside exchanges: neither waits for the other, and no file goes twice."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from mobile_client_stub import media_queue, transport
from mobile_client_stub.background import Uploader
from mobile_client_stub.phone import Phone
from mobile_client_stub.store import Store
from mobile_client_stub.transport import PIECE, Server
from mobile_client_stub.words import utc_now
from tests.mobile_client_stub.conftest import PhoneMaker
from tests.mobile_client_stub.fake_server import VISIT, FakeServer, Served

JPEG = b"\xff\xd8\xff\xe0" + b"\x07" * 100_000


def eventually(true: Callable[[], object]) -> None:
    ends_at = time.monotonic() + 30
    while not true():
        assert time.monotonic() < ends_at
        time.sleep(0.01)


def puts(fake: FakeServer) -> int:
    return sum(request.startswith("PUT") for request in fake.requests)


def kept(phone: Phone) -> list[Path]:
    return [path for path in phone.store.media_folder.iterdir() if path.suffix != ".part"]


class Away(httpx.BaseTransport):
    """Nobody is there; counts who asks."""

    asked = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        raise httpx.ConnectError("no network", request=request)


@pytest.fixture
def uploader_of(phone: Phone) -> Iterator[Callable[..., Uploader]]:
    """Starts an uploader on the phone's data that does not pause for long."""
    started: list[Uploader] = []

    def start(network: httpx.BaseTransport | None = None, first_pause: float = 0.01) -> Uploader:
        folder = phone.store.folder
        started.append(Uploader(lambda: Store(folder), utc_now, transport=network, first_pause=first_pause))
        started[-1].start()
        return started[-1]

    yield start
    for each in started:
        each.stop()


def test_files_go_beside_the_exchanges_and_leave_the_phone_on_their_receipts(
    phone: Phone, fake: FakeServer
) -> None:
    phone.sync()
    phone.upload_in_background()
    for number in range(3):
        photo = phone.photo(VISIT, JPEG + bytes([number]), "before")
        assert phone.sync().uploaded.sent == 0
    eventually(lambda: not any(medium.may_go for medium in phone.outbox().media))
    phone.sync()
    assert fake.state.records["media", photo]["state"] == "stored"
    assert len(fake.objects) == puts(fake) == 3
    assert kept(phone) == []
    assert phone.outbox().is_empty
    assert fake.sins == []


def test_while_somebody_sends_the_files_nobody_else_does(
    phone: Phone, fake: FakeServer, pick_up: PhoneMaker
) -> None:
    phone.sync()
    phone.photo(VISIT, JPEG, "before")
    with Store(phone.store.folder).sending_files() as alone:
        assert alone
        assert phone.sync().uploaded.sent == 0
        assert pick_up().sync().uploaded.sent == 0
    assert fake.objects == {}
    assert phone.sync().uploaded.sent == 1


def test_of_two_uploaders_on_one_phone_one_sends(
    phone: Phone, fake: FakeServer, uploader_of: Callable[..., Uploader]
) -> None:
    phone.sync()
    for number in range(8):
        phone.photo(VISIT, JPEG + bytes([number]), "before")
    first, second = uploader_of(), uploader_of()
    phone.sync()
    for each in (first, second):
        each.wake()
    eventually(lambda: not any(medium.may_go for medium in phone.outbox().media))
    assert puts(fake) == 8
    assert sorted((first.done.sent, second.done.sent))[0] == 0


def test_an_uploader_that_meets_trouble_pauses_ever_longer_whoever_wakes_it(
    phone: Phone, uploader_of: Callable[..., Uploader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "FIRST_PAUSE", 0.001)
    phone.sync()
    phone.photo(VISIT, JPEG, "before")
    away = Away()
    with Store(phone.store.folder).sending_files():
        phone.sync()  # registered, and not sent
    uploader = uploader_of(away, first_pause=60)
    eventually(lambda: uploader.done.trouble)
    for _ in range(100):
        uploader.wake()
        time.sleep(0.001)
    assert away.asked == transport.TRIES
    (medium,) = phone.outbox().media
    assert (medium.attempts, medium.may_go) == (1, True)
    assert uploader.stop()


def test_an_uploader_ends_within_a_piece_of_a_file(
    phone: Phone, fake: FakeServer, uploader_of: Callable[..., Uploader]
) -> None:
    class Slow(httpx.BaseTransport):
        def __init__(self) -> None:
            self.inner, self.pieces, self.under_way = httpx.HTTPTransport(), 0, threading.Event()

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.method == "PUT":
                assert isinstance(request.stream, httpx.SyncByteStream)
                for _ in request.stream:
                    self.pieces += 1
                    self.under_way.set()
                    time.sleep(0.05)
            return self.inner.handle_request(request)

        def close(self) -> None:
            self.inner.close()

    phone.sync()
    phone.photo(VISIT, b"\xff\xd8\xff\xe0" + bytes(100 * PIECE), "before")
    with Store(phone.store.folder).sending_files():
        phone.sync()
    slow = Slow()
    uploader = uploader_of(slow)
    assert slow.under_way.wait(20)
    assert uploader.stop()
    assert slow.pieces < 100
    (medium,) = phone.outbox().media
    assert (medium.state, medium.attempts) == ("ready to send", 0)
    assert phone.sync().uploaded.sent == 1


def test_what_the_server_of_another_life_said_is_worth_nothing(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    photo = phone.photo(VISIT, JPEG, "before")
    with phone.store.sending_files():
        phone.sync()
    with phone.store.transaction() as connection:
        media_queue.note_sent(connection, photo, utc_now(), "the life that a backup was restored over")
    (medium,) = phone.outbox().media
    assert medium.may_go
    with phone.store.transaction() as connection:
        media_queue.note_sent(connection, photo, utc_now(), fake.state.epoch)
    (medium,) = phone.outbox().media
    assert not medium.may_go


def test_two_that_get_401_at_once_both_go_on_and_reuse_no_token(phone: Phone, fake: FakeServer) -> None:
    class Together(httpx.BaseTransport):
        """Both hear 401 before either goes on."""

        both = threading.Barrier(2)

        def __init__(self) -> None:
            self.inner = httpx.HTTPTransport()

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            response = self.inner.handle_request(request)
            if response.status_code == 401:
                self.both.wait(20)
            return response

        def close(self) -> None:
            self.inner.close()

    phone.sync()
    photo = phone.photo(VISIT, JPEG, "before")
    phone.sync()
    before = fake.refreshes
    fake.access += 1  # the token has run out

    def ask(store: Store) -> object:
        with httpx.Client(transport=Together()) as client:
            return Server(store, client, sleep=lambda _: None).call("POST", f"/media/{photo}/upload")

    with ThreadPoolExecutor() as pool:
        for asked in [pool.submit(ask, Store(phone.store.folder)) for _ in range(2)]:
            asked.result(30)
    assert fake.refreshes - before in (1, 2), "two that ask at the same moment get the same successor"
    assert phone.account.refresh_token == f"refresh-{fake.generation}"
    assert phone.sync().exchanged.round_trips
    assert fake.sins == []


def test_who_waits_for_new_tokens_holds_up_nobody_and_overwrites_no_newer_ones(
    phone: Phone, fake: FakeServer
) -> None:
    class Held(httpx.BaseTransport):
        """The reply with the new tokens hangs on the way."""

        def __init__(self) -> None:
            self.inner, self.asked, self.free = httpx.HTTPTransport(), threading.Event(), threading.Event()

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            response = self.inner.handle_request(request)
            if request.url.path == "/sessions/refresh":
                self.asked.set()
                self.free.wait(20)
            return response

        def close(self) -> None:
            self.inner.close()

    phone.sync()
    fake.access += 1  # the token has run out
    slow = Held()

    def ask() -> object:
        with httpx.Client(transport=slow) as client, closing(Store(phone.store.folder)) as store:
            return Server(store, client, sleep=lambda _: None).call("POST", "/sync/exchange", {})

    with ThreadPoolExecutor() as pool:
        hanging = pool.submit(ask)
        assert slow.asked.wait(20)
        others = pool.submit(lambda: [phone.sync(), setattr(fake, "access", fake.access + 1), phone.sync()])
        try:
            others.result(10)
        finally:
            slow.free.set()
        newest = phone.account.refresh_token
        hanging.exception(30)
    assert phone.account.refresh_token == newest == f"refresh-{fake.generation}"
    assert phone.account.signed_out is None
    phone.sync()
    assert fake.sins == []


def test_somebody_else_who_enrols_ends_the_uploads_of_who_was_there(
    phone: Phone, fake: FakeServer, served: Served
) -> None:
    phone.sync()
    uploader = phone.upload_in_background()
    phone.enrol(served.url, "CODE")
    assert uploader.stop(0)
    assert phone.upload_in_background() is not uploader


class Portal(httpx.BaseTransport):
    """A hotel's network: answers with what is no answer, or breaks in a way of its own."""

    def __init__(self, says: Exception | None) -> None:
        self.says = says

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.says is not None:
            raise self.says
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(b"<html>"), request=request)


@pytest.mark.parametrize(
    "says", [None, httpx.TooManyRedirects("in circles"), httpx.InvalidURL("no address"), TypeError("odd")]
)
def test_no_answer_ends_the_uploads_in_silence(
    phone: Phone,
    fake: FakeServer,
    uploader_of: Callable[..., Uploader],
    monkeypatch: pytest.MonkeyPatch,
    says: Exception | None,
) -> None:
    monkeypatch.setattr(transport, "FIRST_PAUSE", 0.001)
    phone.sync()
    phone.photo(VISIT, JPEG, "before")
    with Store(phone.store.folder).sending_files():
        phone.sync()
    uploader = uploader_of(Portal(says), first_pause=60)
    eventually(lambda: uploader.done.trouble or not uploader.is_alive)
    assert uploader.is_alive
    assert uploader.done.trouble


def test_uploads_that_ended_are_taken_over(phone: Phone, fake: FakeServer) -> None:
    phone.sync()
    ended = phone.upload_in_background()
    assert ended.stop()
    phone.photo(VISIT, JPEG, "before")
    assert phone.sync().uploaded.sent == 1
    assert phone.upload_in_background() is not ended
