"""The page /verify in a real Chromium: the file stays there, only its hash travels."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from backend.reports import queries
from mobile_client_stub.phone import Phone
from tests.clock import SettableClock
from tests.evidence.browser import Browser
from tests.evidence.issuing import House
from tests.given import reports
from tests.given.phones import live_through

ENGINE_NAMES = ("sqlite",)


@pytest.fixture(params=ENGINE_NAMES)
def engine_name(request: pytest.FixtureRequest) -> str:
    """The page is the same on every engine."""
    return str(request.param)


def test_a_browser_tells_the_issued_file_from_a_changed_one_and_sends_neither(
    chromium: Browser,
    address: str,
    asked: list[str],
    phone: Phone,
    work: reports.Work,
    clock: SettableClock,
    house: House,
    tmp_path: Path,
) -> None:
    live_through(phone, str(work.visit_id), clock)
    phone.sync()
    house.issue()
    (mail,) = house.mails
    issued = base64.b64decode(mail["attachments"][0]["base64"])
    genuine, changed = tmp_path / "report.pdf", tmp_path / "changed.pdf"
    genuine.write_bytes(issued)
    changed.write_bytes(issued[:-1] + b" ")
    asked.clear()
    chromium.open(f"{address}/verify")
    chromium.choose_file("#file", genuine)
    chromium.wait_for("document.getElementById('told').className.includes('good')")
    assert chromium.run("document.getElementById('told').textContent").startswith("Match.")
    assert chromium.run("document.getElementById('number').textContent") == "1 (report)"
    if folder := os.environ.get("DOORSTEP_TEST_PICTURES"):
        chromium.picture(Path(folder) / "verify.png")
    chromium.choose_file("#file", changed)
    chromium.wait_for("document.getElementById('told').className.includes('bad')")
    assert chromium.run("document.getElementById('facts').hidden") is True
    assert all(line.startswith("GET ") and line.endswith((" ", "None")) for line in asked), asked
    assert sum("/seals/" in line for line in asked) == 2
    fingerprint = house_fingerprint(chromium, address, house)
    assert "We sealed a document with this fingerprint" in fingerprint


def house_fingerprint(browser: Browser, address: str, house: House) -> str:
    """What somebody sees who comes by the code on the paper."""
    with house.wiring.factory.begin(write=False) as uow:
        (document,) = queries.chain_from(uow.session, 1, 2)
    browser.open(f"{address}/verify?f={document.fingerprint}")
    browser.wait_for("!document.getElementById('told').hidden")
    return str(browser.run("document.getElementById('told').textContent"))
