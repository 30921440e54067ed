"""A stand-in for an SMS gateway: answers as it is told, and keeps what it was sent."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs


@dataclass
class SmsGateway:
    """`status` 0 is a gateway that takes the request and says nothing."""

    url: str = ""
    status: int = 201
    answer: object = field(default_factory=dict)
    location: str = ""
    taken: list[dict[str, str]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def sms_gateway() -> Iterator[SmsGateway]:
    """A gateway on this machine, until the block ends."""
    gateway = SmsGateway()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            gateway.taken.append({name: value for name, (value,) in form.items()})
            gateway.keys.append(self.headers["Authorization"])
            if gateway.status == 0:
                gateway.over.wait(30)
                return
            content = json.dumps(gateway.answer).encode()
            self.send_response(gateway.status)
            if gateway.location:
                self.send_header("Location", gateway.location)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        gateway.url = f"http://127.0.0.1:{server.server_port}/Messages.json"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield gateway
        gateway.over.set()
        server.shutdown()
        thread.join()
