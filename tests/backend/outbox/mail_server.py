"""A mail server of our own: says what the test wants, keeps what it was given."""

import contextlib
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

OK = "250 fine"


@dataclass
class MailServer:
    """`answers` by command ("RCPT", "DATA", "."): what it says instead of yes; "" is silence."""

    port: int = 0
    answers: dict[str, str] = field(default_factory=dict)
    received: list[str] = field(default_factory=list)


class _Conversation(socketserver.StreamRequestHandler):
    server: "_Server"

    def handle(self) -> None:
        self._say("220 a server of tests")
        while line := self.rfile.readline().decode().strip():
            command = line.split()[0].upper()
            if command == "QUIT":
                return self._say("221 bye")
            answer = self.server.state.answers.get(command)
            if answer == "":
                self.server.released.wait(5)
                return None
            if answer is not None or command != "DATA":
                self._say(answer or OK)
                continue
            self._say("354 go on")
            text = self._read_mail()
            answer = self.server.state.answers.get(".", OK)
            if answer == OK:
                self.server.state.received.append(text)
            self._say(answer)
        return None

    def _read_mail(self) -> str:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.decode())
        return "".join(lines)

    def _say(self, words: str) -> None:
        with contextlib.suppress(OSError):
            self.wfile.write(f"{words}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    state: MailServer
    released: threading.Event


@contextlib.contextmanager
def mail_server() -> Iterator[MailServer]:
    """A server on the loopback, for the length of a with-block."""
    with _Server(("127.0.0.1", 0), _Conversation) as server:
        server.state, server.released = MailServer(server.server_address[1]), threading.Event()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.state
        finally:
            server.released.set()
            server.shutdown()
            thread.join()
