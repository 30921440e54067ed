"""Media records: who registers and sees them, and how they count, on both engines."""

import pytest
from sqlalchemy.orm import Session

from backend.access.actor import Actor
from backend.access.permissions import PERMISSIONS, SYSTEM
from backend.attachments.actions import complete_media, register_media
from backend.attachments.queries import list_media, media_for, media_of_visit
from backend.attachments.rules import MediaNotAccepted, MediaNotFound
from backend.db.paging import PageRequest
from backend.db.unit_of_work import UnitOfWork
from backend.dispatch.actions import move_visit
from backend.visits.rules import VisitNotFound
from media.errors import UploadRefused
from schemas.access import Role
from schemas.attachments import MediaKind, MediaState
from schemas.errors import IdAlreadyUsed, PermissionRefused
from sync.inbox import take_notes
from tests.given import access, attachments, reports


def seen_by(session: Session, actor: Actor) -> set[object]:
    return {medium.id for medium in list_media(session, actor, PageRequest()).items}


def test_registering_a_medium_twice_is_registering_it_once(uow: UnitOfWork) -> None:
    work = reports.a_visit_under_way(uow)
    media_id = uow.mint_id()
    first = attachments.a_medium(uow, work.actor, work.visit_id, id=media_id)
    assert attachments.a_medium(uow, work.actor, work.visit_id, id=media_id) is first
    assert len(media_of_visit(uow.session, work.visit_id)) == 1
    with pytest.raises(IdAlreadyUsed):
        attachments.a_medium(uow, work.actor, work.visit_id, MediaKind.AFTER, id=media_id)


def test_a_medium_is_expected_until_its_bytes_are_here(uow: UnitOfWork) -> None:
    work = reports.a_visit_under_way(uow)
    medium = attachments.a_medium(uow, work.actor, work.visit_id, latitude=52.5, longitude=13.4)
    assert (medium.state, medium.stored_at, medium.taken_at) == (MediaState.EXPECTED, None, uow.now)
    assert (medium.latitude, medium.longitude) == (52.5, 13.4)
    complete_media(uow, work.actor, medium.id)
    assert (medium.state, medium.stored_at) == (MediaState.STORED, uow.now)


def test_a_receipt_is_given_once_and_stays(uow: UnitOfWork) -> None:
    work = reports.a_visit_under_way(uow)
    medium = attachments.a_stored_medium(uow, work.actor, work.visit_id)
    revision = medium.revision
    complete_media(uow, work.actor, medium.id, rejected_because="It is gone.")
    assert (medium.state, medium.reason, medium.revision) == (MediaState.STORED, None, revision)


def test_a_rejected_medium_may_still_arrive(uow: UnitOfWork) -> None:
    work = reports.a_visit_under_way(uow)
    medium = attachments.a_medium(uow, work.actor, work.visit_id)
    complete_media(uow, work.actor, medium.id, rejected_because="Cut short.")
    assert (medium.state, medium.reason) == (MediaState.REJECTED, "Cut short.")
    complete_media(uow, work.actor, medium.id)
    assert (medium.state, medium.reason) == (MediaState.STORED, None)


IMPOSSIBLE = (
    {"sha256": "A" * 64},
    {"sha256": "a" * 63},
    {"size": 0},
    {"content_type": "image/svg+xml"},
    {"size": 2**40},
)


def test_what_no_store_would_take_is_not_registered(uow: UnitOfWork) -> None:
    work = reports.a_visit_under_way(uow)
    for over in IMPOSSIBLE:
        with pytest.raises((UploadRefused, MediaNotAccepted)):
            attachments.a_medium(uow, work.actor, work.visit_id, **over)
    assert media_of_visit(uow.session, work.visit_id) == []


def test_a_stranger_registers_and_sees_nothing(uow: UnitOfWork) -> None:
    work = reports.a_visit_under_way(uow)
    stranger = reports.a_visit_under_way(uow).actor
    medium = attachments.a_medium(uow, work.actor, work.visit_id)
    with pytest.raises(VisitNotFound):
        attachments.a_medium(uow, stranger, work.visit_id)
    with pytest.raises(MediaNotFound):
        media_for(uow.session, stranger, medium.id)
    with pytest.raises(MediaNotFound):
        complete_media(uow, stranger, medium.id)
    assert seen_by(uow.session, stranger) == set()
    assert seen_by(uow.session, work.actor) == seen_by(uow.session, SYSTEM) == {medium.id}


def test_a_customer_with_a_link_sees_no_media(uow: UnitOfWork) -> None:
    work = reports.a_visit_under_way(uow)
    attachments.a_medium(uow, work.actor, work.visit_id)
    customer = Actor(uow.mint_id(), Role.CUSTOMER, PERMISSIONS[Role.CUSTOMER], visit_id=work.visit_id)
    assert seen_by(uow.session, customer) == set()
    with pytest.raises(PermissionRefused):
        attachments.a_medium(uow, customer, work.visit_id)


def test_a_photo_of_a_visit_given_away_is_kept_shown_to_a_person_and_stays_its_takers(
    uow: UnitOfWork,
) -> None:
    work = reports.a_visit_under_way(uow)
    before = attachments.a_medium(uow, work.actor, work.visit_id)
    heir = reports.a_technician_today(uow)
    move_visit(uow, SYSTEM, work.visit_id, technician_id=heir.id)
    take_notes(uow)
    late = attachments.a_medium(uow, work.actor, work.visit_id, MediaKind.AFTER)
    assert [note.code for note in take_notes(uow)] == ["work-after-revocation"]
    assert {medium.id for medium in media_of_visit(uow.session, work.visit_id)} == {before.id, late.id}
    # The phone that holds the files needs their receipts, and may still send them.
    assert seen_by(uow.session, work.actor) == {before.id, late.id}
    assert complete_media(uow, work.actor, late.id).state is MediaState.STORED


def test_the_office_may_add_a_document(uow: UnitOfWork) -> None:
    work = reports.a_visit_under_way(uow)
    dispatcher = access.an_actor(uow, Role.DISPATCHER)
    fields = attachments.declaration(b"%PDF-1.7", "application/pdf")
    register_media(uow, dispatcher, visit_id=work.visit_id, kind=MediaKind.DOCUMENT, **fields)
    assert work.report(uow).media_expected == 1
