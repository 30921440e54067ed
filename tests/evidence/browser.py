"""A real Chromium without a screen, spoken to over its debugging pipe: no driver, no further package."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import itertools
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from flask import Flask
from werkzeug.serving import make_server

PATIENCE_SECONDS = 60.0
_HIGH = 50
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=900,1100",
    "--remote-debugging-pipe",
)


def find_chromium() -> str | None:
    """The executable; None on a machine without one."""
    return shutil.which("chromium")


@contextlib.contextmanager
def served(app: Flask, port: int = 0) -> Iterator[str]:
    """Where a browser of this machine finds the application."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Browser:
    """One page in one browser, which ends with the with-block."""

    def __init__(self, executable: str, profile: Path) -> None:
        to_browser, from_us = os.pipe()
        from_browser, to_us = os.pipe()
        # The pipe's ends must be the browser's descriptors 3 and 4; high and free numbers first, so that none
        # is lost, here or there.
        high = [fcntl.fcntl(end, fcntl.F_DUPFD, _HIGH) for end in (to_browser, to_us)]

        def place() -> None:
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self._process = subprocess.Popen(
            [executable, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(3, 4, *high),
            preexec_fn=place,
            stderr=subprocess.DEVNULL,
        )
        for end in (to_browser, to_us, *high):
            os.close(end)
        self._to, self._from = os.fdopen(from_us, "wb", 0), os.fdopen(from_browser, "rb", 0)
        self._numbers = itertools.count(1)
        self._read = b""
        self._session: str | None = None
        target = self.say("Target.createTarget", url="about:blank")["targetId"]
        attached = self.say("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._to.close()
        self._from.close()

    def say(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the DevTools protocol, and its result."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != number:
            continue
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def open(self, url: str) -> None:
        self.say("Page.navigate", url=url)
        self.wait_for("document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        return self.say("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def wait_for(self, condition: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.run(condition):
            assert time.monotonic() < deadline, f"it never became so: {condition}"
            time.sleep(0.05)

    def choose_file(self, selector: str, file: Path) -> None:
        """As somebody who picks a file in the dialog."""
        found = self.say("Runtime.evaluate", expression=f"document.querySelector({selector!r})")
        self.say("DOM.setFileInputFiles", files=[str(file)], objectId=found["result"]["objectId"])

    def picture(self, file: Path) -> None:
        """What the page looks like, as PNG."""
        file.write_bytes(base64.b64decode(self.say("Page.captureScreenshot")["data"]))

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._read:
            more = self._from.read(65536)
            assert more, "the browser has ended"
            self._read += more
        message, _, self._read = self._read.partition(b"\0")
        parsed: dict[str, Any] = json.loads(message)
        return parsed
