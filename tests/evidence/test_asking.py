"""`doorstep verify --server`: somebody far away asks the company, and only the hash travels."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from backend.reports.seal.inspecting import main
from mobile_client_stub.phone import Phone
from tests.clock import SettableClock
from tests.evidence.issuing import House, a_folder
from tests.given import reports
from tests.given.phones import live_through

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)


@pytest.fixture
def report(phone: Phone, work: reports.Work, clock: SettableClock, house: House, tmp_path: Path) -> Path:
    """The customer's copy, on a machine that knows nothing of the company."""
    live_through(phone, str(work.visit_id), clock)
    phone.sync()
    house.issue()
    file = tmp_path / "report.pdf"
    file.write_bytes(base64.b64decode(house.mails[0]["attachments"][0]["base64"]))
    return file


def ask(file: Path, *more: str) -> Result:
    return CliRunner().invoke(main, [str(file), str(file.parent / "no keys"), *more])


def test_the_server_is_asked_for_its_certificates_and_about_a_hash(
    report: Path, address: str, asked: list[str]
) -> None:
    asked.clear()
    said = ask(report, "--server", address)
    assert (said.exit_code, "GENUINE by its seal and its hash at" in said.output) == (0, True), said.output
    assert "Document 1, sealed at" in said.output
    assert [line.split()[0] for line in asked] == ["GET", "GET"]
    report.write_bytes(report.read_bytes() + b"\n")
    said = ask(report, "--server", address)
    assert said.exit_code == 1
    assert "No sealed document has the SHA-256 of this file." in said.output


def test_certificates_that_were_given_win_over_those_of_the_server(
    report: Path, address: str, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(a_folder(tmp_path / "other").certificates())
    said = ask(report, "--server", address, "--trust", str(other))
    assert said.exit_code == 1
    assert "The seal is not the company's." in said.output


@pytest.mark.parametrize("server", ["http://field.example", "https://127.0.0.1:1", "file:///etc"])
def test_who_cannot_be_asked_or_believed_is_no_verdict(report: Path, server: str) -> None:
    said = ask(report, "--server", server)
    assert said.exit_code == 2
    assert "GENUINE" not in said.output
