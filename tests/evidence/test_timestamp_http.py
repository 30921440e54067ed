"""A timestamp authority as it is met: over HTTP, right, down, slow, refusing, or sending something else."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from asn1crypto import tsp
from pyhanko.sign.timestamps import TimestampRequestError

from backend.reports.seal import signing
from backend.reports.seal.signing import TIMESTAMP_TYPE, HttpTimestamper, timestamp_for
from backend.reports.seal.verifying import Trust, certificates_in, timestamp_of
from tests.evidence.issuing import Authority

SHA256 = hashlib.sha256(b"a sealed file").hexdigest()
Say = Callable[[bytes], tuple[int, bytes]]


class Office(ThreadingHTTPServer):
    """Answers each question as `say` has it; notes the types that it was sent."""

    daemon_threads = True
    say: Say
    types: list[str | None]

    def handle_error(self, *_: object) -> None:
        """Who hung up meanwhile is no trouble of ours."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/tsa"


class _Desk(BaseHTTPRequestHandler):
    server: Office

    def do_POST(self) -> None:
        self.server.types.append(self.headers["Content-Type"])
        status, said = self.server.say(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Nothing on the screen."""


@pytest.fixture
def office() -> Iterator[Office]:
    with Office(("127.0.0.1", 0), _Desk) as served:
        served.types = []
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        served.shutdown()
        thread.join()


def _stamped(authority: Authority) -> Say:
    def say(asked: bytes) -> tuple[int, bytes]:
        answer = asyncio.run(authority.async_request_tsa_response(tsp.TimeStampReq.load(asked)))
        return 200, answer.dump()

    return say


def _over_another_hash(authority: Authority) -> Say:
    def say(asked: bytes) -> tuple[int, bytes]:
        request = tsp.TimeStampReq.load(asked)
        request["message_imprint"]["hashed_message"] = b"\1" * 32
        return _stamped(authority)(request.dump(force=True))

    return say


def _refused(_asked: bytes) -> tuple[int, bytes]:
    return 200, tsp.TimeStampResp({"status": {"status": "rejection"}}).dump()


def _granted_nothing(_asked: bytes) -> tuple[int, bytes]:
    return 200, tsp.TimeStampResp({"status": {"status": "granted"}}).dump()


def test_an_authority_stamps_a_hash_over_http(office: Office) -> None:
    authority = Authority()
    office.say = _stamped(authority)
    token, moment = timestamp_for(SHA256, HttpTimestamper(office.url))
    assert set(office.types) == {TIMESTAMP_TYPE}
    trust = Trust([], certificates_in(authority.pem))
    assert timestamp_of(token, SHA256, trust) == moment
    assert timestamp_of(token, "0" * 64, trust) is None


BAD: dict[str, Say] = {
    "down": lambda _: (500, b"out of order"),
    "a page": lambda _: (200, b"<html>Welcome to our hotel's network</html>"),
    "nothing": lambda _: (200, b""),
    "a structure of something else": lambda _: (200, b"\x30\x03\x02\x01\x00"),
    "cut short": lambda asked: (200, _stamped(Authority())(asked)[1][:-20]),
    "another hash": lambda asked: _over_another_hash(Authority())(asked),
    "refused": _refused,
    "granted, and no token": _granted_nothing,
}


@pytest.mark.parametrize("say", BAD.values(), ids=BAD.keys())
def test_what_is_no_timestamp_is_told_as_such(office: Office, say: Say) -> None:
    office.say = say
    with pytest.raises(TimestampRequestError):
        timestamp_for(SHA256, HttpTimestamper(office.url))


def test_an_authority_that_does_not_answer_is_given_up_in_time(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "_PATIENCE", 0.2)
    over = threading.Event()

    def wait(_: bytes) -> tuple[int, bytes]:
        over.wait(10)
        return 200, b""

    office.say = wait
    with pytest.raises(TimestampRequestError, match="does not answer"):
        timestamp_for(SHA256, HttpTimestamper(office.url))
    over.set()


def test_nobody_there_is_told_as_such() -> None:
    with pytest.raises(TimestampRequestError, match="does not answer"):
        timestamp_for(SHA256, HttpTimestamper("http://127.0.0.1:9/tsa"))
