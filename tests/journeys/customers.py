"""The customers: they read their mail, open the link, and answer on the page as a browser would."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from email import message_from_bytes, policy
from html.parser import HTMLParser
from pathlib import Path
from types import TracebackType

import httpx

from mobile_client_stub.transport import certificates

_LINK = r"(https?://\S+/{door}/[\w-]+)"
_WORK_ORDER = re.compile(r"Work order ([\w-]+)")


@dataclass(frozen=True)
class Letter:
    """A mail: whom it went to, which work order it names, and the link in it."""

    to: str
    work_order: str
    link: str


def letters(folder: Path, door: str = "v") -> list[Letter]:
    """All mails in the folder with a link to that door: `v` leads to a visit, `p` to a bill."""
    address = re.compile(_LINK.format(door=door))
    found = []
    for path in sorted(folder.glob("*.eml")):
        mail = message_from_bytes(path.read_bytes(), policy=policy.default)
        body = mail.get_body(("plain",))
        text = body.get_content() if body is not None else ""
        link, order = address.search(text), _WORK_ORDER.search(text)
        if link and order:
            found.append(Letter(str(mail["To"]), order.group(1), link.group(1)))
    return found


def wait_for_letters(folder: Path, count: int, seconds: float = 120) -> list[Letter]:
    """The mails, once the outbox worker has laid down `count` of them."""
    deadline = time.monotonic() + seconds
    while len(found := letters(folder)) < count:
        if time.monotonic() > deadline:
            raise AssertionError(f"{len(found)} of {count} mails were sent within {seconds:.0f} s")
        time.sleep(0.1)
    return found


def attachment_of(folder: Path, sha256: str, seconds: float = 120) -> bytes:
    """The attachment with that hash of the mails in the folder, once it is there."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for file in sorted(folder.glob("*.eml")):
            mail = message_from_bytes(file.read_bytes(), policy=policy.default)
            for part in mail.iter_attachments():
                content = part.get_content()
                if isinstance(content, bytes) and hashlib.sha256(content).hexdigest() == sha256:
                    return content
        time.sleep(0.2)
    raise AssertionError(f"no mail brought the file {sha256}")


class _Forms(HTMLParser):
    """The forms of a page: their address and what they would send."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((given.get("action", ""), {}))
        elif tag == "input" and self.forms and given.get("name"):
            self.forms[-1][1][given["name"]] = given.get("value", "")


class Customer:
    """One customer with a browser."""

    def __init__(self, letter: Letter) -> None:
        self.letter = letter
        self._browser = httpx.Client(follow_redirects=True, timeout=30, verify=certificates())
        self._browser_is_at = letter.link

    def __enter__(self) -> Customer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._browser.close()

    def look(self) -> str:
        """Open the link."""
        response = self._browser.get(self.letter.link)
        assert response.status_code == 200, response.text[:500]
        return response.text

    def confirm(self) -> str:
        """Press the button that says yes."""
        return self._press("/confirm")

    def pick_another(self) -> str:
        """Take the first of the other windows on offer."""
        return self._press("/pick")

    def calendar(self) -> str:
        """Download the calendar file."""
        return self._browser.get(self.letter.link + "/visit.ics").text

    def pay_by_card(self) -> str:
        """Go on to the provider's page and pay there; the bill, which the provider leads back to."""
        self._press("/pay/stub")
        return self._press("", at=self._browser_is_at)

    def _press(self, ending: str, *, at: str | None = None) -> str:
        page = _Forms()
        page.feed(self.look() if at is None else self._browser.get(at).text)
        address, fields = next(form for form in page.forms if form[0].endswith(ending))
        response = self._browser.post(httpx.URL(at or self.letter.link).join(address), data=fields)
        assert response.status_code == 200, response.text[:500]
        self._browser_is_at = str(response.url)
        return response.text
