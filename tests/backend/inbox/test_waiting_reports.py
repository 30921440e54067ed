"""Reports that wait for files: the office sees which, since when and for what, until the last one comes."""

from datetime import timedelta

from backend.attachments.actions import complete_media
from backend.attachments.queries import media_of_visit
from backend.inbox.queries import reports_awaiting_media
from backend.inbox.rules import LATE_AFTER, OVERDUE_AFTER, urgency_of
from schemas.attachments import MediaKind
from schemas.inbox import Urgency
from tests.api import Api
from tests.clock import SettableClock
from tests.given import attachments, reports

WAITING = "/sync/inbox/reports-awaiting-media"


def test_the_longer_a_report_waits_the_more_it_is_somebodys_business(api: Api, clock: SettableClock) -> None:
    with api.factory.begin() as uow:
        old = reports.a_signed_report(uow)
        before, *others = media_of_visit(uow.session, old.visit_id)
        complete_media(uow, old.actor, before.id, rejected_because="It is no image.")
        attachments.arrived(uow, old.actor, others[0])
    clock.advance(hours=5)
    with api.factory.begin() as uow:
        young = reports.a_signed_report(uow)
    first, second = api.as_("dispatcher").get(WAITING).json
    assert (first["report_id"], second["report_id"]) == (str(old.report_id), str(young.report_id))
    assert (first["urgency"], second["urgency"]) == ("late", "fresh")
    assert (first["media_stored"], first["media_expected"]) == (1, 3)
    reasons = {entry["media_id"]: (entry["state"], entry["reason"]) for entry in first["missing"]}
    assert reasons == {str(before.id): ("rejected", "It is no image."), str(others[1].id): ("expected", None)}
    clock.advance(hours=19)
    with api.factory.begin(write=False) as uow:  # a day later nobody's sign-in is in force any more
        assert [each["urgency"] for each in reports_awaiting_media(uow)] == ["overdue", "late"]


def test_with_its_last_file_a_report_leaves_the_list(api: Api) -> None:
    with api.factory.begin() as uow:
        work = reports.a_signed_report(uow)
        media = media_of_visit(uow.session, work.visit_id)
        assert {medium.kind for medium in media} >= {MediaKind.BEFORE, MediaKind.SIGNATURE}
        for medium in media[:-1]:
            attachments.arrived(uow, work.actor, medium)
    office = api.as_("dispatcher")
    assert len(office.get(WAITING).json) == 1
    with api.factory.begin() as uow:
        attachments.arrived(uow, work.actor, media[-1])
    assert office.get(WAITING).json == []


def test_urgency_is_a_matter_of_hours() -> None:
    second = timedelta(seconds=1)
    assert urgency_of(LATE_AFTER - second) is Urgency.FRESH
    assert urgency_of(LATE_AFTER) is urgency_of(OVERDUE_AFTER - second) is Urgency.LATE
    assert urgency_of(OVERDUE_AFTER) is Urgency.OVERDUE
    assert urgency_of(-second) is Urgency.FRESH  # a phone whose clock is ahead
