"""The press: a process of its own that lays out, seals and stamps, one job per line of JSON.

It is apart because its libraries are large, its work keeps a processor busy, and pictures from strangers are
opened in it: the server that answers phones must not feel any of that.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

import click
from pyhanko.sign.signers import Signer
from pyhanko.sign.timestamps import TimeStamper, TimestampRequestError

from backend.reports.seal.content import REPORT, canonical, fingerprint_of
from backend.reports.seal.keys import SealFolder
from backend.reports.seal.layout import lay_out
from backend.reports.seal.pressing import PIN
from backend.reports.seal.signing import HttpTimestamper, seal, signer_of, timestamp_for
from schemas.base import write_instant

MOST_MEMORY = 2 << 30  # bytes of address space

Job = dict[str, Any]


class Press:
    """Does the jobs. `timestamper` is None when the firm asks no authority, `pin` opens a key in hardware."""

    def __init__(self, folder: SealFolder, timestamper: TimeStamper | None, pin: str | None = None) -> None:
        self._folder = folder
        self._timestamper = timestamper
        self._pin = pin
        self._signer: tuple[str, Signer] | None = None

    def do(self, job: Job) -> Job:
        """One job by its name; what fails is an answer, too: `{"error": …, "kind": …}`."""
        try:
            work = {"seal": self.seal, "timestamp": self.timestamp, "anchor": self.anchor}[job["do"]]
            return work(job)
        except Exception as error:  # the next job must find the press working
            return {"error": str(error), "kind": type(error).__name__}

    def seal(self, job: Job) -> Job:
        """Make the PDF of `content` with its `files` and `attached` texts, and write it to `out`."""
        content = canonical(job["content"])
        fingerprint = fingerprint_of(content)
        files = {name: Path(path) for name, path in job["files"].items()}
        pdf = lay_out(job["content"], fingerprint, files)
        attached = {REPORT: content} | {name: text.encode() for name, text in job["attached"].items()}
        firm = job["content"]["firm"]["name"]
        sealed = seal(pdf, attached, self._signer_in_use(), self._timestamper, firm=firm)
        Path(job["out"]).write_bytes(sealed.pdf)
        return {
            "sha256": sealed.sha256,
            "size": len(sealed.pdf),
            "fingerprint": fingerprint,
            "content_sha256": hashlib.sha256(content).hexdigest(),
            "key": self._folder.current().name,
            "asked": self._timestamper is not None,
            "timestamped_at": None if sealed.timestamped_at is None else write_instant(sealed.timestamped_at),
        }

    def timestamp(self, job: Job) -> Job:
        """A timestamp over the hash `sha256`, for a document that was sealed without one."""
        if self._timestamper is None:
            raise TimestampRequestError("no timestamp authority is set: DOORSTEP_TIMESTAMP_URL")
        token, moment = timestamp_for(job["sha256"], self._timestamper)
        return {"token": token, "at": write_instant(moment)}

    def anchor(self, job: Job) -> Job:
        """A signature (base64) of the key in use over the canonical form of `statement`."""
        text = canonical(job["statement"])
        raw = asyncio.run(self._signer_in_use().async_sign_raw(text, "sha256"))
        signature = base64.b64encode(raw).decode()
        return {"text": text.decode(), "signature": signature, "key": self._folder.current().name}

    def _signer_in_use(self) -> Signer:
        """Kept while the key is: a token is opened once."""
        name = self._folder.current().name
        if self._signer is None or self._signer[0] != name:
            self._signer = name, signer_of(self._folder, self._pin)
        return self._signer[1]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--timestamp-url")
def main(folder: Path, timestamp_url: str | None) -> None:
    """Do jobs from standard input until it ends. The PIN of a key in hardware stands in the environment."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    asked = HttpTimestamper(timestamp_url) if timestamp_url else None
    press = Press(SealFolder(folder), asked, os.environ.get(PIN))
    for line in sys.stdin:
        sys.stdout.write(json.dumps(press.do(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
