"""The real server behind a real socket: broken framing, floods and slow senders harm nobody else."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.journeys.server import ServerProcess
from tests.journeys.warm import Warm

FORM = b'{"email": "a@example.org", "password": "certainly not"}'
PLAIN = b"POST /sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def server(warm: Warm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server of an empty firm on SQLite."""
    folder = tmp_path_factory.mktemp("wire")
    served = ServerProcess(f"sqlite:///{folder / 'doorstep.sqlite'}", folder / "data", warm=warm)
    upgraded = served.run("db", "upgrade")
    assert upgraded.returncode == 0, upgraded.stderr
    served.start()
    yield served
    served.stop()


def talk(server: ServerProcess, *parts: bytes, pause: float = 0.0) -> bytes:
    """What the server answers to these bytes, until it closes or falls silent for three seconds."""
    answer = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=3) as connection:
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
            while chunk := connection.recv(65_536):
                answer += chunk
                if b"\r\n\r\n" in answer and b"urn:doorstep" in answer:
                    break
        except (TimeoutError, ConnectionError):
            pass
    return answer


def everything_answered(server: ServerProcess, request: bytes) -> bytes:
    """What the server answers to these bytes until it closes, or has been silent for a second."""
    answer = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=1) as connection:
        connection.sendall(request)
        with contextlib.suppress(TimeoutError, ConnectionError):
            while chunk := connection.recv(65_536):
                answer += chunk
    return answer


def status_of(answer: bytes) -> int:
    """0 when the server hung up without a word."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)


def test_a_body_in_chunks_is_read(server: ServerProcess) -> None:
    request = PLAIN + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(FORM[:9], FORM[9:], b"")
    assert status_of(talk(server, request)) == 401, "read, understood, and not the right password"


def test_a_gzipped_body_in_chunks_is_read_and_bounded(server: ServerProcess) -> None:
    head = PLAIN + b"Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
    assert status_of(talk(server, head + chunked(gzip.compress(FORM), b""))) == 401
    bomb = gzip.compress(b" " * (50 << 20) + FORM)
    assert status_of(talk(server, head + chunked(bomb, b""))) == 413


def test_two_lengths_or_two_framings_are_never_two_requests(server: ServerProcess) -> None:
    smuggled = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    both = PLAIN + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"") + smuggled
    lengths = PLAIN + b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + smuggled
    obscure = PLAIN + b"Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n" + smuggled
    for request in (both, lengths, obscure):
        answer = everything_answered(server, request)
        assert answer.count(b"HTTP/1.1 ") == 1, answer
        assert status_of(answer) == 400, answer
    twice = everything_answered(server, smuggled + smuggled)
    assert twice.count(b"HTTP/1.1 200") == 2, "what is told apart rightly is two requests"


def test_broken_framing_is_refused(server: ServerProcess) -> None:
    broken = {
        "chunk size": PLAIN + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nxx\r\n0\r\n\r\n",
        "negative length": PLAIN + b"Content-Length: -5\r\n\r\n" + FORM,
        "length in words": PLAIN + b"Content-Length: many\r\n\r\n" + FORM,
        "no request": b"\x00\x01\x02\x03\r\n\r\n",
        "space in header": b"GET /health HTTP/1.1\r\nHost : x\r\n\r\n",
        "NUL in header": b"GET /health HTTP/1.1\r\nHost: x\r\nX-Y: a\x00b\r\n\r\n",
        "bare CR": b"GET /health HTTP/1.1\rHost: x\r\n\r\n",
    }
    for name, request in broken.items():
        assert status_of(talk(server, request)) in (0, 400, 422), name


def test_floods_of_headers_are_refused(server: ServerProcess) -> None:
    many = b"".join(b"X-%d: y\r\n" % number for number in range(5_000))
    assert status_of(talk(server, b"GET /health HTTP/1.1\r\nHost: x\r\n" + many + b"\r\n")) in (0, 400, 431)
    long = b"GET /health HTTP/1.1\r\nHost: x\r\nX-Long: " + b"y" * (1 << 20) + b"\r\n\r\n"
    assert status_of(talk(server, long)) in (0, 400, 431)
    address = b"GET /health?" + b"z" * (1 << 20) + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    assert status_of(talk(server, address)) in (0, 400, 414, 431)


def test_slow_senders_and_cut_bodies_hold_up_nobody(server: ServerProcess) -> None:
    slow = []
    try:
        for number in range(40):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=3)
            half = PLAIN + b"Content-Length: 1000\r\n\r\n{" if number % 2 else PLAIN[:30]
            connection.sendall(half)
            slow.append(connection)
        time.sleep(0.2)
        began = time.perf_counter()
        for _ in range(5):
            assert httpx.get(f"{server.url}/health", timeout=5).status_code == 200
        assert time.perf_counter() - began < 5
    finally:
        for connection in slow:
            connection.close()
    assert httpx.get(f"{server.url}/health", timeout=5).status_code == 200


def test_a_real_client_meets_the_whole_floor(server: ServerProcess) -> None:
    with httpx.Client(base_url=server.url) as client:
        refused = client.post("/sessions", content=FORM, headers={"Content-Type": "application/json"})
        assert refused.status_code == 401
        assert refused.headers["X-Content-Type-Options"] == "nosniff"
        # On a connection of its own: the server may hang up behind this refusal.
        big = httpx.post(f"{server.url}/sessions", json={"email": "x" * (3 << 20), "password": "x"})
        assert big.status_code == 413
        document = client.get("/openapi.json").json()
        assert len(document["paths"]) > 50
        assert client.get("/docs/swagger-ui-bundle.js").status_code == 200


def test_the_log_of_the_server_is_lines_of_json_without_secrets(server: ServerProcess) -> None:
    httpx.post(f"{server.url}/sessions", json={"email": "eve@example.org", "password": "s3cret of eve"})
    lines = Path(server.log).read_text().splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    assert any(event.get("route") == "/sessions" for event in events)
    assert "s3cret" not in "\n".join(lines)
    assert "eve@" not in "\n".join(lines)
