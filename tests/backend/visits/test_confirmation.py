"""What a customer says to a window, through a dispatcher or through the link in a mail."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from backend.access.permissions import SYSTEM
from backend.db.outbox_message import OutboxMessage
from backend.db.unit_of_work import UnitOfWork
from backend.visits import actions, links, queries
from backend.visits.actions.confirmation import LINKS_PER_CUSTOMER, LINKS_PER_VISIT
from backend.visits.models import Visit, VisitEvent
from backend.visits.rules import (
    ConfirmationLinkExpired,
    ConfirmationLinkNotFound,
    LinksMailedOften,
    MailAddressMissing,
    OfferGone,
    TransitionRefused,
    VisitNotFound,
    WindowChanged,
    WindowInvalid,
)
from schemas.access import Role
from schemas.base import write_instant
from schemas.visits import Confirmation, VisitStatus
from tests.clock import SettableClock
from tests.databases import Database
from tests.given import customers, dispatch, visits
from tests.given.visits import MORNING, TWO_HOURS

PUBLIC_URL = "https://field.example.org"
TOMORROW = MORNING + timedelta(days=1)
OTHER_WINDOWS = [
    {"starts_at": TOMORROW, "ends_at": TOMORROW + TWO_HOURS},
    {"starts_at": TOMORROW + TWO_HOURS, "ends_at": TOMORROW + 2 * TWO_HOURS},
]


def mailed_link(uow: UnitOfWork, visit: Visit, **over: int) -> str:
    """Issue a link for the visit and read its token in the mail."""
    link = actions.issue_confirmation_link(uow, SYSTEM, visit.id, public_url=PUBLIC_URL, **over)
    posted = uow.session.scalars(
        select(OutboxMessage).where(OutboxMessage.key == f"confirmation-link:{link.id}")
    )
    found = re.search(rf"{PUBLIC_URL}/v/(\S+)", posted.one().payload["text"])
    assert found
    return found.group(1)


def a_visit_with_mail(uow: UnitOfWork) -> Visit:
    customer = customers.a_customer(uow, email="ada@example.org")
    site = customers.a_site(uow, customer_id=customer.id)
    return visits.a_visit(uow, work_order_id=visits.a_work_order(uow, site_id=site.id).id)


def events_of(uow: UnitOfWork, visit: Visit) -> list[str]:
    rows = uow.session.scalars(select(VisitEvent).where(VisitEvent.visit_id == visit.id))
    return sorted(row.name for row in rows)


def test_yes_confirms_this_version_of_the_window(uow: UnitOfWork) -> None:
    visit = visits.a_confirmed_visit(uow)
    assert (visit.status, visit.confirmation, visit.confirmed_window_version) == (
        VisitStatus.CONFIRMED,
        Confirmation.CONFIRMED,
        1,
    )


def test_yes_twice_is_one_yes(uow: UnitOfWork) -> None:
    visit = visits.a_confirmed_visit(uow)
    actions.confirm_visit(uow, SYSTEM, visit.id, window_version=1)
    assert events_of(uow, visit) == ["book", "confirm"]


def test_a_late_yes_confirms_a_visit_that_went_out_unconfirmed_and_moves_nothing(uow: UnitOfWork) -> None:
    visit = visits.a_visit(uow)
    technician = dispatch.a_technician(uow)
    dispatch.actions.assign_visit(uow, SYSTEM, visit.id, technician_id=technician.id)
    dispatch.actions.dispatch_visit(uow, SYSTEM, visit.id, override_reason="Urgent.")
    actions.confirm_visit(uow, SYSTEM, visit.id, window_version=1)
    assert (visit.status, visit.confirmation) == (VisitStatus.DISPATCHED, Confirmation.CONFIRMED)


def test_no_takes_promise_plan_and_technician_away(uow: UnitOfWork) -> None:
    technician = dispatch.a_technician(uow)
    visit = dispatch.an_assigned_visit(uow, technician)
    actions.decline_visit(uow, SYSTEM, visit.id, window_version=1, reason="At work then.")
    assert (visit.status, visit.confirmation) == (VisitStatus.REQUIRES_SLOT, Confirmation.DECLINED)
    assert (visit.arrival_window_start, visit.scheduled_start, visit.technician_id) == (None, None, None)
    (assignment,) = queries.assignments_of(uow.session, visit.id)
    assert assignment.assigned_until is not None


def test_no_twice_is_one_no_and_a_yes_afterwards_comes_too_late(uow: UnitOfWork) -> None:
    visit = visits.a_visit(uow)
    for _ in range(2):
        actions.decline_visit(uow, SYSTEM, visit.id, window_version=1)
    assert events_of(uow, visit) == ["book", "decline"]
    with pytest.raises(TransitionRefused):
        actions.confirm_visit(uow, SYSTEM, visit.id, window_version=1)


def test_windows_on_offer_leave_the_present_one_alone_until_one_is_picked(uow: UnitOfWork) -> None:
    visit = visits.a_confirmed_visit(uow)
    actions.offer_windows(uow, SYSTEM, visit.id, windows=OTHER_WINDOWS)
    assert (visit.status, visit.confirmation, visit.arrival_window_start) == (
        VisitStatus.CONFIRMED,
        Confirmation.CONFIRMED,
        MORNING,
    )


def test_picking_promises_and_confirms_in_one_and_the_rest_is_off(uow: UnitOfWork) -> None:
    visit = visits.a_visit(uow)
    first, second = actions.offer_windows(uow, SYSTEM, visit.id, windows=OTHER_WINDOWS)
    actions.pick_window(uow, SYSTEM, visit.id, offer_id=second.id)
    assert (visit.status, visit.confirmation, visit.window_version, visit.confirmed_window_version) == (
        VisitStatus.CONFIRMED,
        Confirmation.CONFIRMED,
        2,
        2,
    )
    assert visit.arrival_window_start == visit.scheduled_start == TOMORROW + TWO_HOURS
    assert queries.offers_of(uow.session, visit.id) == []
    with pytest.raises(OfferGone):
        actions.pick_window(uow, SYSTEM, visit.id, offer_id=first.id)


def test_picking_twice_is_picking_once(uow: UnitOfWork) -> None:
    visit = visits.a_visit(uow)
    offer = actions.offer_windows(uow, SYSTEM, visit.id, windows=OTHER_WINDOWS)[0]
    for _ in range(2):
        actions.pick_window(uow, SYSTEM, visit.id, offer_id=offer.id)
    assert visit.window_version == 2


def test_a_visit_without_slot_is_offered_by_its_windows_and_needs_a_choice(uow: UnitOfWork) -> None:
    visit = visits.a_visit_without_slot(uow)
    offer = actions.offer_windows(uow, SYSTEM, visit.id, windows=OTHER_WINDOWS)[0]
    assert (visit.status, visit.confirmation) == (VisitStatus.OFFERED, Confirmation.REQUESTED)
    with pytest.raises(WindowChanged):
        actions.confirm_visit(uow, SYSTEM, visit.id, window_version=0)
    actions.pick_window(uow, SYSTEM, visit.id, offer_id=offer.id)
    assert (visit.status, visit.window_version) == (VisitStatus.CONFIRMED, 1)


def test_new_offers_replace_old_ones_and_never_repeat_the_present_window(uow: UnitOfWork) -> None:
    visit = visits.a_visit(uow)
    old = actions.offer_windows(uow, SYSTEM, visit.id, windows=OTHER_WINDOWS[:1])[0]
    new = actions.offer_windows(uow, SYSTEM, visit.id, windows=[OTHER_WINDOWS[1], OTHER_WINDOWS[1]])
    assert [offer.starts_at for offer in new] == [OTHER_WINDOWS[1]["starts_at"]]
    with pytest.raises(OfferGone):
        actions.pick_window(uow, SYSTEM, visit.id, offer_id=old.id)
    with pytest.raises(WindowInvalid):
        actions.offer_windows(
            uow, SYSTEM, visit.id, windows=[{"starts_at": MORNING, "ends_at": MORNING + TWO_HOURS}]
        )


def test_an_offer_belongs_to_one_visit(uow: UnitOfWork) -> None:
    offer = actions.offer_windows(uow, SYSTEM, visits.a_visit(uow).id, windows=OTHER_WINDOWS)[0]
    with pytest.raises(OfferGone):
        actions.pick_window(uow, SYSTEM, visits.a_visit(uow).id, offer_id=offer.id)


def test_the_technician_keeps_a_visit_whose_customer_picks_a_time_at_which_he_is_free(
    uow: UnitOfWork,
) -> None:
    technician = dispatch.a_technician(uow)
    visit = dispatch.a_dispatched_visit(uow, technician)
    offer = actions.offer_windows(uow, SYSTEM, visit.id, windows=OTHER_WINDOWS)[0]
    actions.pick_window(uow, SYSTEM, visit.id, offer_id=offer.id)
    assert (visit.technician_id, visit.status) == (technician.id, VisitStatus.CONFIRMED)
    assert visit.dispatched_at is None


def test_the_technician_loses_a_visit_that_moves_to_where_he_is_busy(uow: UnitOfWork) -> None:
    technician = dispatch.a_technician(uow)
    visit = dispatch.an_assigned_visit(uow, technician)
    dispatch.an_assigned_visit(uow, technician, **OTHER_WINDOWS[0])
    actions.reschedule_visit(uow, SYSTEM, visit.id, **OTHER_WINDOWS[0])
    assert (visit.technician_id, visit.status) == (None, VisitStatus.OFFERED)


# --- the link ----------------------------------------------------------------------------------


def test_the_mail_names_the_window_on_the_wall_clock_of_the_site(uow: UnitOfWork) -> None:
    visit = a_visit_with_mail(uow)
    actions.offer_windows(uow, SYSTEM, visit.id, windows=OTHER_WINDOWS[:1])
    mailed_link(uow, visit)
    message = uow.session.scalars(select(OutboxMessage)).one()
    assert message.payload["to"] == "ada@example.org"
    assert "Monday, 2 March 2026, 10:00-12:00 (Europe/Berlin)" in message.payload["text"]
    assert "Tuesday, 3 March 2026, 10:00-12:00 (Europe/Berlin)" in message.payload["text"]


def test_a_token_is_256_random_bits_and_stored_only_as_its_hash(uow: UnitOfWork) -> None:
    visit = a_visit_with_mail(uow)
    token, other = mailed_link(uow, visit), mailed_link(uow, a_visit_with_mail(uow))
    assert len(token) == 43
    assert token != other
    (link,) = queries.live_links_of(uow.session, visit.id)
    assert link.token_sha256 == queries.token_digest(token)
    assert token.encode() not in link.token_sha256


def test_looking_at_a_link_changes_nothing(database: Database) -> None:
    with database.factory.begin() as uow:
        visit = a_visit_with_mail(uow)
        token = mailed_link(uow, visit)
    for _ in range(3):
        with database.factory.begin(write=False) as reading:
            seen = links.visit_behind_link(reading, token)
            assert (seen.visit.revision, seen.visit.status) == (visit.revision, VisitStatus.OFFERED)
            assert (seen.can_confirm, seen.can_decline, seen.can_pick) == (True, True, False)
            assert seen.address == "Torstraße 1, Berlin"


def test_a_customer_confirms_by_link_and_again_without_harm(uow: UnitOfWork) -> None:
    visit = a_visit_with_mail(uow)
    token = mailed_link(uow, visit)
    for _ in range(2):
        links.confirm_by_link(uow, token, 1)
    assert visit.status is VisitStatus.CONFIRMED
    assert not links.visit_behind_link(uow, token).can_confirm
    event = next(e for e in uow.session.scalars(select(VisitEvent)) if e.name == "confirm")
    assert event.actor_role is Role.CUSTOMER


def test_a_customer_declines_or_picks_by_link(uow: UnitOfWork) -> None:
    visit = a_visit_with_mail(uow)
    token = mailed_link(uow, visit)
    links.decline_by_link(uow, token, 1, "Never on Mondays.")
    assert visit.status is VisitStatus.REQUIRES_SLOT
    offer = actions.offer_windows(uow, SYSTEM, visit.id, windows=OTHER_WINDOWS)[0]
    links.pick_offer_by_link(uow, token, offer.id)
    assert visit.status is VisitStatus.CONFIRMED


def test_an_answer_to_a_window_that_has_changed_is_not_taken(uow: UnitOfWork) -> None:
    visit = a_visit_with_mail(uow)
    token = mailed_link(uow, visit)
    actions.reschedule_visit(uow, SYSTEM, visit.id, **OTHER_WINDOWS[0])
    with pytest.raises(WindowChanged):
        links.confirm_by_link(uow, token, 1)


def test_a_link_expires_and_a_newer_one_replaces_it(database: Database) -> None:
    with database.factory.begin() as uow:
        visit = a_visit_with_mail(uow)
        old = mailed_link(uow, visit)
        new = mailed_link(uow, visit, valid_days=1)
        with pytest.raises(ConfirmationLinkExpired, match="latest mail"):
            links.confirm_by_link(uow, old, 1)
        links.visit_behind_link(uow, new)
    database.clock.advance(days=1)
    with database.factory.begin() as uow, pytest.raises(ConfirmationLinkExpired):
        links.visit_behind_link(uow, new)


@pytest.mark.parametrize("token", ["", "x" * 43, "../../etc/passwd", "\udc80", "é" * 5000])
def test_an_unknown_token_opens_nothing(uow: UnitOfWork, token: str) -> None:
    with pytest.raises(ConfirmationLinkNotFound):
        links.visit_behind_link(uow, token)


def test_a_link_opens_its_own_visit_and_no_other(uow: UnitOfWork) -> None:
    visit = a_visit_with_mail(uow)
    customer = links.customer_behind_link(uow, mailed_link(uow, visit))
    other = a_visit_with_mail(uow)
    with pytest.raises(VisitNotFound):
        actions.confirm_visit(uow, customer, other.id, window_version=1)
    with pytest.raises(VisitNotFound):
        actions.confirm_visit(uow, replace(customer, visit_id=None), visit.id, window_version=1)


def test_a_cancelled_visit_cannot_be_confirmed_by_its_link(uow: UnitOfWork) -> None:
    visit = a_visit_with_mail(uow)
    token = mailed_link(uow, visit)
    actions.cancel_visit(uow, SYSTEM, visit.id, reason="Ill.")
    with pytest.raises(TransitionRefused):
        links.confirm_by_link(uow, token, 1)
    seen = links.visit_behind_link(uow, token)
    assert (seen.can_confirm, seen.can_decline, seen.can_pick) == (False, False, False)


def test_a_customer_without_mail_address_is_called(uow: UnitOfWork) -> None:
    with pytest.raises(MailAddressMissing):
        actions.issue_confirmation_link(uow, SYSTEM, visits.a_visit(uow).id, public_url=PUBLIC_URL)


def test_a_customer_is_mailed_so_many_links_and_then_somebody_calls(
    database: Database, clock: SettableClock
) -> None:
    with database.factory.begin() as uow:
        customer = customers.a_customer(uow, email="ada@example.org")
        site = customers.a_site(uow, customer_id=customer.id)
        made = [
            visits.a_visit(uow, work_order_id=visits.a_work_order(uow, site_id=site.id).id) for _ in range(6)
        ]
        for visit in made[:5]:
            for _ in range(LINKS_PER_VISIT.burst):
                mailed_link(uow, visit)
        with pytest.raises(LinksMailedOften) as of_customer:
            mailed_link(uow, made[5])
    assert of_customer.value.extensions == {"retry_after": LINKS_PER_CUSTOMER.seconds}
    assert of_customer.value.detail.endswith(f"after {write_instant(clock() + timedelta(minutes=15))}.")
    clock.advance(minutes=16)
    with database.factory.begin() as uow:
        with pytest.raises(LinksMailedOften) as of_visit:
            mailed_link(uow, made[0])
        assert of_visit.value.extensions == {"retry_after": LINKS_PER_VISIT.seconds - 16 * 60}
        mailed_link(uow, made[5])
        mails = uow.session.scalars(select(OutboxMessage).where(OutboxMessage.kind == "mail")).all()
    assert len(mails) == 5 * LINKS_PER_VISIT.burst + 1, "what was refused is not mailed"
