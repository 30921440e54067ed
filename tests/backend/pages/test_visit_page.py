"""The customer's page: a link opens one visit, looking changes nothing, and an answer counts once."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from icalendar import Calendar
from werkzeug.test import TestResponse

from backend.access.permissions import SYSTEM
from backend.db.outbox_message import OutboxMessage
from backend.db.unit_of_work import UnitOfWork
from backend.dispatch.actions import assign_visit
from backend.visits import actions
from backend.visits.models import Visit
from tests.api import Api
from tests.clock import SettableClock
from tests.given import customers as given_customers
from tests.given import dispatch as given_dispatch
from tests.given import visits as given_visits


class Link:
    """A visit and the link to it that its customer got by mail."""

    def __init__(self, api: Api) -> None:
        self.api = api
        with api.factory.begin() as uow:
            customer = given_customers.a_customer(uow, email="kim@example.org")
            site = given_customers.a_site(uow, customer_id=customer.id)
            order = given_visits.a_work_order(uow, site_id=site.id)
            visit = given_visits.a_visit(uow, work_order_id=order.id)
            self.visit_id = visit.id
            self.start = visit.arrival_window_start
            self.path = self._mailed(uow)

    def _mailed(self, uow: UnitOfWork) -> str:
        actions.issue_confirmation_link(uow, SYSTEM, self.visit_id, public_url="https://door.example")
        message = uow.session.query(OutboxMessage).order_by(OutboxMessage.id.desc()).first()
        assert message is not None
        found = re.search(r"https://door\.example(/v/\S+)", str(message.payload["text"]))
        assert found is not None
        return found.group(1)

    def mail_again(self) -> str:
        """Send another link; the old one ends."""
        with self.api.factory.begin() as uow:
            return self._mailed(uow)

    def offer(self, hours: int) -> UUID:
        """Offer one more window, so many hours later."""
        assert self.start is not None
        later = self.start + timedelta(hours=hours)
        with self.api.factory.begin() as uow:
            offers = actions.offer_windows(
                uow,
                SYSTEM,
                self.visit_id,
                windows=[{"starts_at": later, "ends_at": later + timedelta(hours=2)}],
            )
            return offers[0].id

    def visit(self) -> Visit:
        """The visit as it is now."""
        with self.api.factory.begin(write=False) as uow:
            visit = uow.session.get(Visit, self.visit_id)
            assert visit is not None
            return visit

    def look(self, ending: str = "") -> TestResponse:
        """GET the page, or what lies below it."""
        return self.api.anonymous.get(self.path + ending)

    def press(self, button: str, **fields: object) -> TestResponse:
        """POST a form of the page."""
        return self.api.app.test_client().post(f"{self.path}/{button}", data=fields)


@pytest.fixture
def link(api: Api) -> Link:
    """A visit with a window that nobody has answered yet."""
    return Link(api)


def test_the_page_shows_the_window_on_the_wall_clock_of_the_site(link: Link) -> None:
    page = link.look()
    assert page.status_code == 200
    assert "10:00 – 12:00" in page.text
    assert "Europe/Berlin" in page.text


def test_the_page_names_the_technician_once_one_was_found(link: Link) -> None:
    assert "Who comes" not in link.look().text
    with link.api.factory.begin() as uow:
        technician = given_dispatch.a_technician(uow, display_name="Noor & Sons")
        actions.confirm_visit(uow, SYSTEM, link.visit_id, window_version=1)
        assign_visit(uow, SYSTEM, link.visit_id, technician_id=technician.id)
    assert "<dt>Who comes</dt><dd>Noor &amp; Sons</dd>" in link.look().text


def test_looking_at_the_page_changes_nothing_however_often(link: Link) -> None:
    before = link.visit()
    for _ in range(3):
        link.look()
        link.look("/visit.ics")
    after = link.visit()
    assert (after.revision, after.confirmation) == (before.revision, "requested")


@pytest.mark.parametrize("button", ["confirm", "decline", "pick"])
def test_no_answer_can_be_given_by_get(link: Link, button: str) -> None:
    assert link.look(f"/{button}").status_code == 405
    assert link.visit().confirmation == "requested"


def test_confirming_answers_with_the_page_again_and_twice_is_once(link: Link) -> None:
    first = link.press("confirm", window_version=1)
    assert (first.status_code, first.headers["Location"]) == (303, link.path)
    revision = link.visit().revision
    assert link.press("confirm", window_version=1).status_code == 303
    assert link.visit().confirmation == "confirmed"
    assert link.visit().revision == revision
    assert "You confirmed this time" in link.look().text


def test_a_yes_to_an_older_window_is_refused_with_the_way_back(link: Link) -> None:
    with link.api.factory.begin() as uow:
        start = link.start + timedelta(days=1)
        actions.reschedule_visit(
            uow, SYSTEM, link.visit_id, starts_at=start, ends_at=start + timedelta(hours=2)
        )
    answer = link.press("confirm", window_version=1)
    assert answer.status_code == 412
    assert link.path in answer.text
    assert link.visit().confirmation == "requested"


def test_another_offered_window_can_be_picked(link: Link) -> None:
    offer = link.offer(hours=4)
    assert "14:00 – 16:00" in link.look().text
    assert link.press("pick", offer_id=offer).status_code == 303
    visit = link.visit()
    assert (visit.confirmation, visit.arrival_window_start) == ("confirmed", link.start + timedelta(hours=4))


def test_declining_keeps_what_the_customer_said(link: Link) -> None:
    assert link.press("decline", window_version=1, reason="Only after four, please.").status_code == 303
    assert link.visit().confirmation == "declined"
    events = link.api.as_("dispatcher").get(f"/visits/{link.visit_id}/events").json["items"]
    assert "Only after four, please." in [event["reason"] for event in events]


def test_declining_needs_no_words(link: Link) -> None:
    assert link.press("decline", window_version=1, reason="").status_code == 303
    assert link.visit().confirmation == "declined"


@pytest.mark.parametrize(
    ("button", "fields"),
    [
        ("confirm", {}),
        ("confirm", {"window_version": "many"}),
        ("confirm", {"window_version": 1, "status": "completed"}),
        ("decline", {"window_version": 1, "reason": "x" * 501}),
        ("decline", {"window_version": 1, "reason": "\x00"}),
        ("pick", {"offer_id": "1"}),
        ("pick", {"offer_id": str(uuid4())}),
    ],
)
def test_a_form_that_makes_no_sense_is_explained_and_changes_nothing(
    link: Link, button: str, fields: dict[str, object]
) -> None:
    before = link.visit().revision
    answer = link.press(button, **fields)
    assert 400 <= answer.status_code < 500
    assert answer.mimetype == "text/html"
    assert link.visit().revision == before


@pytest.mark.parametrize("token", ["x" * 43, "short", "%00", "a" * 3000])
def test_a_link_that_was_never_sent_opens_nothing(api: Api, token: str) -> None:
    assert api.anonymous.get(f"/v/{token}").status_code == 404


def test_a_link_opens_for_its_time_and_not_longer(link: Link, clock: SettableClock) -> None:
    clock.advance(days=29)
    assert link.look().status_code == 200
    clock.advance(days=2)
    assert link.look().status_code == 410
    assert link.press("confirm", window_version=1).status_code == 410


def test_a_newer_link_ends_the_older_one(link: Link) -> None:
    newer = link.mail_again()
    assert link.look().status_code == 410
    assert link.api.anonymous.get(newer).status_code == 200


def test_the_token_is_stored_only_as_its_hash(link: Link) -> None:
    token = link.path.removeprefix("/v/")
    assert len(token) >= 43, "256 bits"
    with link.api.factory.begin(write=False) as uow:
        connection = uow.session.connection()
        rows = connection.exec_driver_sql("SELECT * FROM confirmation_links").all()
    assert rows
    assert token not in str(rows)


def test_the_calendar_file_holds_the_window_and_grows_with_its_version(link: Link) -> None:
    answer = link.look("/visit.ics")
    assert answer.mimetype == "text/calendar"
    event = next(iter(Calendar.from_ical(answer.text).walk("VEVENT")))
    assert event["DTSTART"].dt == link.start
    assert (int(event["SEQUENCE"]), str(event["STATUS"])) == (1, "TENTATIVE")


def test_the_page_can_load_nothing_from_elsewhere_and_is_kept_by_nobody(link: Link) -> None:
    page = link.look()
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "http" not in re.sub(r'href="/[^"]*"', "", page.text)


def test_what_a_customer_or_dispatcher_wrote_cannot_become_markup(link: Link) -> None:
    with link.api.factory.begin() as uow:
        order_id = link.visit().work_order_id
        actions.edit_work_order(uow, SYSTEM, order_id, summary="<script>alert(1)</script>")
    assert "<script>" not in link.look().text
