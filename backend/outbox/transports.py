"""Ways out: what carries an outbox message to where it is meant to go."""

import base64
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from os import fsync
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid4

from backend.outbox.rules import CarrierAway, PermanentFailure

SMTP_TIMEOUT_SECONDS = 20.0
"""For each step of the conversation; far shorter than the lease of an attempt."""


_HUNG_UP = (smtplib.SMTPServerDisconnected, smtplib.SMTPHeloError, TimeoutError, ConnectionError)


@dataclass(frozen=True)
class Outgoing:
    """What a transport gets: the message as it was posted. `id` stays the same over all attempts."""

    id: UUID
    kind: str
    key: str
    payload: dict[str, Any]
    posted_at: datetime
    attempt: int


Transport: TypeAlias = Callable[[Outgoing], None]
"""Returns when the other side has taken the message; else raises PermanentFailure or anything else.

It may be asked to carry the same message again (a worker can die between sending and writing that down).
"""


def mail_transport(url: str, folder: Path, sender: str) -> Transport:
    """The transport of kind "mail" for a setting: `folder:` or `smtp[s]://[user:password@]host[:port]`.

    `smtp` insists on STARTTLS unless the server is on this machine; `smtps` speaks TLS from the start.
    Raises ValueError for any other setting.
    """
    parts = urlsplit(url)
    if parts.scheme == "folder":
        return MailFolder(Path(parts.path) if parts.path else folder, sender)
    if parts.scheme in ("smtp", "smtps") and parts.hostname:
        tls = parts.scheme == "smtps"
        return SmtpServer(
            host=parts.hostname,
            port=parts.port or (465 if tls else 587),
            sender=sender,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            tls_from_start=tls,
        )
    raise ValueError("mail goes to folder:[/path] or to smtp[s]://[user:password@]host[:port]")


@dataclass(frozen=True)
class MailFolder:
    """Lays each mail down as `<id>.eml` (mode 0600): for a machine without a mail server, and for tests."""

    folder: Path
    sender: str

    def __call__(self, message: Outgoing) -> None:
        lay_down(self.folder, f"{message.id}.eml", compose_mail(message, self.sender).as_bytes(policy=SMTP))


def lay_down(folder: Path, name: str, content: bytes) -> None:
    """Write a file that only we read, whole or not at all; a second writer writes the same."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = folder / f".{uuid4()}.part"
    try:
        with unfinished.open("wb") as file:
            unfinished.chmod(0o600)
            file.write(content)
            file.flush()
            fsync(file.fileno())
        unfinished.replace(folder / name)
    finally:
        unfinished.unlink(missing_ok=True)


@dataclass(frozen=True)
class SmtpServer:
    """Hands each mail to a mail server. Every step of the conversation has a time limit."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = ""
    tls_from_start: bool = False
    timeout: float = SMTP_TIMEOUT_SECONDS

    def __call__(self, message: Outgoing) -> None:
        mail = compose_mail(message, self.sender)
        try:
            with self._greeted() as server:
                server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as refusal:
            _refuse_for_good(code for code, _ in refusal.recipients.values())
            raise
        except (smtplib.SMTPDataError, smtplib.SMTPSenderRefused) as refusal:
            _refuse_for_good([refusal.smtp_code])
            raise
        except _HUNG_UP as error:
            raise CarrierAway(f"the mail server hung up: {error!r}") from error

    def _greeted(self) -> smtplib.SMTP:
        """The server, ready for a mail; raises CarrierAway when he is not, whatever mail it is."""
        try:
            server = self._connect()
        except (OSError, smtplib.SMTPException) as error:
            raise CarrierAway(f"the mail server cannot be reached: {error!r}") from error
        try:
            if self.user:
                server.login(self.user, self.password)
        except (OSError, smtplib.SMTPException) as error:
            server.close()
            raise CarrierAway(f"the mail server does not let us in: {error!r}") from error
        return server

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.tls_from_start:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout, context=context)
        server = smtplib.SMTP(self.host, self.port, timeout=self.timeout)
        if self.host in ("localhost", "127.0.0.1", "::1"):
            return server
        try:
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
        return server


def _refuse_for_good(codes: Any) -> None:
    said = list(codes)
    if said and all(code >= 500 for code in said):
        raise PermanentFailure(f"the mail server refused it for good ({', '.join(map(str, said))})")


def compose_mail(message: Outgoing, sender: str) -> EmailMessage:
    """The mail that `{to, subject, text, html?, attachments?: [{name, type, text or base64}]}` asks for.

    The same message always makes the same mail, Message-ID included, so that a second copy is known as one.
    Raises PermanentFailure when the payload cannot be a mail (a line break in the subject, no address).
    """
    payload = message.payload
    try:
        mail = EmailMessage(policy=SMTP)
        mail["From"] = sender
        mail["To"] = payload["to"]
        if not mail["To"].addresses or not all(each.domain for each in mail["To"].addresses):
            raise ValueError("it has no address")
        mail["Subject"] = payload["subject"]
        mail["Date"] = format_datetime(message.posted_at)
        mail["Message-ID"] = f"<{message.id}@{parseaddr(sender)[1].rpartition('@')[2] or 'localhost'}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(payload["text"])
        if html := payload.get("html"):
            mail.add_alternative(html, subtype="html")
        for attachment in payload.get("attachments") or ():
            _attach(mail, attachment)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, MessageError) as error:
        raise PermanentFailure(f"this is not a mail: {error!r}") from error
    return mail


def _attach(mail: EmailMessage, attachment: dict[str, str]) -> None:
    """`type` is one of text, perhaps with parameters ("text/calendar; method=PUBLISH"), unless in base64."""
    if "base64" in attachment:
        kind, _, subtype = attachment["type"].partition("/")
        content = base64.b64decode(attachment["base64"], validate=True)
        mail.add_attachment(content, maintype=kind, subtype=subtype, filename=attachment["name"])
        return
    media_type, *parameters = (part.strip() for part in attachment["type"].split(";"))
    kind, _, subtype = media_type.partition("/")
    if kind != "text" or not subtype:
        raise ValueError(f"{media_type} is not a type of text")
    mail.add_attachment(
        attachment["text"],
        subtype=subtype,
        filename=attachment["name"],
        params={name: value for name, _, value in (each.partition("=") for each in parameters)},
    )
