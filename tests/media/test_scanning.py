"""The scanner's two doors, on a stand-in that speaks clamd's protocol and knows one virus."""

import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from media.scanning import Clamd, ScanCommand, ScannerUnavailable, scanner_of
from tests.media.files import JPEG, in_pieces
from tests.media.pictures import EICAR

LARGEST_STREAM = 1 << 20


class _Daemon(socketserver.StreamRequestHandler):
    """As clamd answers INSTREAM: lengths before chunks, a zero at the end, one line back."""

    def handle(self) -> None:
        assert self.rfile.read(10) == b"zINSTREAM\0"
        content = b""
        while length := struct.unpack(">I", self.rfile.read(4))[0]:
            content += self.rfile.read(length)
            if len(content) > LARGEST_STREAM:
                self.wfile.write(b"INSTREAM size limit exceeded. ERROR\0")
                return
        if b"hangs up" in content:
            return
        self.wfile.write(b"stream: Eicar-Test-Signature FOUND\0" if EICAR in content else b"stream: OK\0")


@pytest.fixture(scope="module")
def daemon() -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Daemon) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"clamd://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_clamd_finds_the_test_virus_and_calls_a_photo_clean(daemon: str) -> None:
    scanner = scanner_of(daemon)
    assert scanner is not None
    assert scanner.find(in_pieces(JPEG)) is None
    assert scanner.find(in_pieces(JPEG + EICAR, 7)) == "Eicar-Test-Signature"


def test_a_scanner_says_whether_it_is_there(daemon: str, tmp_path: Path) -> None:
    for setting in (daemon, "command:true", "command:false"):
        scanner = scanner_of(setting)
        assert scanner is not None
        assert scanner.answers()
    for setting in (f"clamd://{tmp_path}/none", "command:/none", "command:sh -c 'exit 2'"):
        scanner = scanner_of(setting)
        assert scanner is not None
        assert not scanner.answers()


def test_clamd_is_reached_by_a_local_socket_too(tmp_path: Path) -> None:
    class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
        daemon_threads = True

    path = tmp_path / "clamd.ctl"
    with Server(str(path), _Daemon) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        scanner = scanner_of(f"clamd://{path}")
        assert scanner is not None
        assert scanner.find([EICAR]) == "Eicar-Test-Signature"
        server.shutdown()


@pytest.mark.parametrize("content", [b"hangs up", bytes(2 * LARGEST_STREAM)], ids=["no answer", "too long"])
def test_what_clamd_did_not_finish_is_not_clean(daemon: str, content: bytes) -> None:
    scanner = scanner_of(daemon)
    assert scanner is not None
    with pytest.raises(ScannerUnavailable):
        scanner.find(in_pieces(content, 1 << 16))


def test_a_daemon_that_is_not_there_or_says_nothing_is_not_clean() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(ScannerUnavailable):
        Clamd("127.0.0.1", port).find([JPEG])
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(ScannerUnavailable):
            Clamd("127.0.0.1", silent.getsockname()[1], timeout=0.2).find([JPEG])


def command(program: str) -> ScanCommand:
    return ScanCommand((sys.executable, "-c", program), timeout=20)


def test_a_command_says_by_its_exit_code_what_it_found() -> None:
    looks = command("import sys; d = sys.stdin.buffer.read(); print('Eicar'); sys.exit(b'EICAR' in d)")
    assert looks.find([JPEG]) is None
    assert looks.find([JPEG, EICAR]) == "Eicar"
    assert command("import sys; sys.exit(1)").find([JPEG]) == "something harmful"


@pytest.mark.parametrize(
    "program", ["import sys; sys.exit(2)", "raise SystemExit(50)", "import os; os.abort()"]
)
def test_a_command_that_fails_calls_nothing_clean(program: str) -> None:
    with pytest.raises(ScannerUnavailable):
        command(program).find([JPEG])


def test_a_command_that_is_not_there_or_takes_too_long_calls_nothing_clean() -> None:
    with pytest.raises(ScannerUnavailable):
        ScanCommand(("/nowhere/scan",)).find([JPEG])
    with pytest.raises(ScannerUnavailable):
        ScanCommand((sys.executable, "-c", "import time; time.sleep(9)"), timeout=0.3).find([JPEG])


def test_a_setting_names_a_scanner_or_is_refused() -> None:
    assert scanner_of("") is None
    assert scanner_of("clamd://host") == Clamd("host", 3310, "")
    assert scanner_of("command:/usr/bin/scan --quiet -") == ScanCommand(("/usr/bin/scan", "--quiet", "-"))
    for nonsense in ("clamd:", "clamav://host", "command:", "yes"):
        with pytest.raises(ValueError, match="scanner is"):
            scanner_of(nonsense)
