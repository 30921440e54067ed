"""Mail says what it was asked to say, once, to a folder or to a server, and nobody can add a header to it."""

import smtplib
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.outbox.rules import CarrierAway, PermanentFailure
from backend.outbox.transports import MailFolder, Outgoing, SmtpServer, compose_mail, mail_transport
from tests.backend.outbox.mail_server import MailServer, mail_server

SENDER = "Doorstep <no-reply@doorstep.example>"


def a_mail(**over: Any) -> Outgoing:
    payload = {"to": "ada@customer.example", "subject": "Your visit", "text": "See you on Monday.", **over}
    return Outgoing(uuid4(), "mail", "k", payload, datetime(2026, 3, 2, 8, tzinfo=UTC), 1)


def read(file: Path) -> EmailMessage:
    return message_from_bytes(file.read_bytes(), policy=default)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


def smtp(server: MailServer, **over: Any) -> SmtpServer:
    return SmtpServer("127.0.0.1", server.port, SENDER, **over)


def test_a_mail_in_the_folder_can_be_opened_by_a_mail_program(tmp_path: Path) -> None:
    calendar = {
        "name": "visit.ics",
        "type": "text/calendar; method=PUBLISH",
        "text": "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
    }
    message = a_mail(subject="Ihr Termin für Zoë", html="<p>See you</p>", attachments=[calendar])
    MailFolder(tmp_path / "mail", SENDER)(message)
    (file,) = (tmp_path / "mail").iterdir()
    mail = read(file)
    assert file.name == f"{message.id}.eml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (mail["To"], mail["From"]) == ("ada@customer.example", SENDER)
    assert mail["Subject"] == "Ihr Termin für Zoë"
    assert mail["Message-ID"] == f"<{message.id}@doorstep.example>"
    assert mail["Date"].datetime == message.posted_at
    assert mail.get_body(("plain",)).get_content().strip() == "See you on Monday."
    assert mail.get_body(("html",)).get_content().strip() == "<p>See you</p>"
    (attached,) = mail.iter_attachments()
    assert (attached.get_content_type(), attached.get_param("method")) == ("text/calendar", "PUBLISH")
    assert attached.get_filename() == "visit.ics"
    assert attached.get_content().split() == ["BEGIN:VCALENDAR", "END:VCALENDAR"]


def test_the_same_mail_again_is_the_same_file(tmp_path: Path) -> None:
    message, folder = a_mail(), MailFolder(tmp_path, SENDER)
    folder(message)
    before = [(file.name, file.read_bytes()) for file in tmp_path.iterdir()]
    folder(message)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == before


def test_a_server_gets_the_mail(server: MailServer) -> None:
    smtp(server)(a_mail())
    (text,) = server.received
    assert "Subject: Your visit\r\n" in text
    assert "See you on Monday." in text


@pytest.mark.parametrize(
    ("command", "answer"), [("RCPT", "550 no such person"), (".", "554 spam"), ("MAIL", "553 not you")]
)
def test_what_a_server_refuses_for_good_is_not_tried_again(
    server: MailServer, command: str, answer: str
) -> None:
    server.answers[command] = answer
    with pytest.raises(PermanentFailure, match=answer[:3]):
        smtp(server)(a_mail())


@pytest.mark.parametrize(
    ("command", "answer"), [("RCPT", "450 greylisted"), (".", "452 disk full"), ("EHLO", "421 later")]
)
def test_what_a_server_refuses_for_now_is_tried_again(server: MailServer, command: str, answer: str) -> None:
    server.answers |= {command: answer, "HELO": answer} if command == "EHLO" else {command: answer}
    with pytest.raises((smtplib.SMTPException, CarrierAway)) as caught:
        smtp(server)(a_mail())
    assert not isinstance(caught.value, PermanentFailure)


def test_a_silent_server_is_left_after_the_time_limit(server: MailServer) -> None:
    server.answers["DATA"] = ""
    with pytest.raises(CarrierAway):
        smtp(server, timeout=0.2)(a_mail())


def test_a_server_elsewhere_must_encrypt(server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *_: [(2, 1, 6, "", ("127.0.0.1", server.port))])
    with pytest.raises(CarrierAway, match="STARTTLS"):
        SmtpServer("mail.example", server.port, SENDER)(a_mail())
    assert server.received == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"to": "ada@customer.example\r\nBcc: everybody@example.org"},
        {"subject": "Hello\nBcc: everybody@example.org"},
        {"to": ""},
        {"to": None},
        {"text": None},
        {"subject": 7},
        {"attachments": [{"name": "a.exe", "type": "application/octet-stream", "text": "MZ"}]},
        {"attachments": [{"name": "a.txt"}]},
        {"attachments": ["a.txt"]},
    ],
)
def test_what_is_no_mail_is_given_up_at_once(wrong: dict[str, object]) -> None:
    with pytest.raises(PermanentFailure):
        compose_mail(a_mail(**wrong), SENDER)


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)


@given(to=words, subject=words, text=words)
def test_no_content_adds_a_header_or_an_address(to: str, subject: str, text: str) -> None:
    try:
        mail = compose_mail(a_mail(to=to, subject=subject, text=text), SENDER)
    except PermanentFailure:
        return
    expected = {"From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"}
    sent = message_from_bytes(mail.as_bytes(), policy=default)
    extra = {"MIME-Version", "Content-Type", "Content-Transfer-Encoding"}
    assert set(sent.keys()) <= expected | extra


def test_settings_say_how_mail_goes(tmp_path: Path) -> None:
    assert mail_transport("folder:", tmp_path, SENDER) == MailFolder(tmp_path, SENDER)
    assert mail_transport("folder:/srv/mail", tmp_path, SENDER) == MailFolder(Path("/srv/mail"), SENDER)
    signed_in = ":".join(["ada", "p%40ss"])
    plain = mail_transport(f"smtp://{signed_in}@mail.example", tmp_path, SENDER)
    assert plain == SmtpServer("mail.example", 587, SENDER, "ada", "p@ss")
    tls = mail_transport("smtps://mail.example:4465", tmp_path, SENDER)
    assert tls == SmtpServer("mail.example", 4465, SENDER, tls_from_start=True)


@pytest.mark.parametrize("wrong", ["", "http://mail.example", "smtp:", "smtp://mail.example:port"])
def test_any_other_way_is_refused(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ValueError):
        mail_transport(wrong, tmp_path, SENDER)
