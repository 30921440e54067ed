"""The service report from dispatch to issue, on both engines."""

from datetime import datetime, timedelta
from threading import Thread
from uuid import UUID

import pytest

from backend.access.permissions import SYSTEM
from backend.attachments.actions import complete_media
from backend.attachments.queries import media_of_visit
from backend.db.outbox_message import OutboxState
from backend.db.paging import PageRequest
from backend.db.unit_of_work import UnitOfWork
from backend.dispatch import actions as dispatching
from backend.outbox.queries import outbox_messages
from backend.parts import actions as stocking
from backend.parts.queries import checklist_of
from backend.parts.rules import PartNotFound
from backend.reports import actions, queries
from backend.reports.rules import (
    ChargeCurrencyMixed,
    ConsentIncomplete,
    ReportNotFound,
    ReportNotFrozen,
    ReportNotReady,
    ReportSealed,
    ReportUnsigned,
    SignatureUnusable,
)
from backend.visits import actions as visiting
from backend.visits.rules import VisitNotFound, WorkAfterRevocation
from schemas.access import Role
from schemas.attachments import MediaKind, MediaState
from schemas.conduct import ConductAnswer
from schemas.parts import UsageDirection
from schemas.reports import Disposition, ReportStatus, SealState, SignerRole
from schemas.visits import VisitStatus
from sync.inbox import take_notes
from tests.databases import Database
from tests.given import access, attachments, parts, reports, visits


def open_codes(uow: UnitOfWork, work: reports.Work) -> list[str]:
    with pytest.raises(ReportNotReady) as refusal:
        actions.freeze_service_report(uow, work.actor, work.report_id)
    return [item["code"] for item in refusal.value.extensions["open"]]


def test_a_dispatched_visit_takes_its_report_steps_and_card_along(uow: UnitOfWork) -> None:
    work = reports.a_visit_under_way(uow)
    assert work.report(uow).status is ReportStatus.DRAFT
    assert [step.rule_code for step in work.steps(uow)] == [
        "agreed-time",
        "before-photo",
        "belongings-untouched",
        "no-gifts",
        "disposal-consent",
        "area-cleaned",
        "after-photo",
        "feedback-card",
    ]
    assert work.card(uow).offered_at is None


def test_a_visit_that_is_dispatched_anew_keeps_its_report(uow: UnitOfWork) -> None:
    work = reports.a_visit_under_way(uow)
    actions.write_service_report(uow, work.actor, work.report_id, findings="A leak.")
    heir = reports.a_technician_today(uow)
    dispatching.move_visit(uow, SYSTEM, work.visit_id, technician_id=heir.id)
    dispatching.dispatch_visit(uow, SYSTEM, work.visit_id, override_reason="Again.")
    report = queries.report_of_visit(uow.session, work.visit_id)
    assert report is not None
    assert (report.id, report.findings) == (work.report_id, "A leak.")
    assert len(work.steps(uow)) == 8


def test_a_rule_may_differ_for_one_kind_of_work(uow: UnitOfWork) -> None:
    kind = visits.a_work_type(uow)
    manager = access.an_actor(uow, Role.MANAGER)
    rules = {rule.code: rule for rule in queries.rules_for_work_type(uow.session, kind.id)}
    actions.override_conduct_rule(uow, manager, rules["before-photo"].id, work_type_id=kind.id, applies=False)
    actions.override_conduct_rule(
        uow, manager, rules["no-gifts"].id, work_type_id=kind.id, text="Not even coffee.", required=False
    )
    special = reports.a_visit_under_way(uow, work_order_id=visits.a_work_order(uow, work_type_id=kind.id).id)
    usual = reports.a_visit_under_way(uow)
    assert "before-photo" not in [step.rule_code for step in special.steps(uow)]
    assert special.step(uow, "no-gifts").text == "Not even coffee."
    assert not special.step(uow, "no-gifts").required
    assert len(usual.steps(uow)) == 8


def test_an_untouched_report_says_all_that_is_open(uow: UnitOfWork) -> None:
    work = reports.a_visit_under_way(uow)
    assert sorted(open_codes(uow, work)) == sorted(
        [*["answer-missing"] * 4, *["media-missing"] * 2, "feedback-missing", "work-done-missing"]
    )


def test_a_complete_draft_is_frozen_and_signed(uow: UnitOfWork) -> None:
    work = reports.a_complete_draft(uow)
    frozen = actions.freeze_service_report(uow, work.actor, work.report_id)
    assert (frozen.status, frozen.frozen_at) == (ReportStatus.FROZEN, uow.now)
    signed = reports.sign(uow, work)
    assert signed.status is ReportStatus.SIGNED
    assert (signed.signer_name, signed.closed_at, signed.closed_by) == (
        "Ada Lindgren",
        uow.now,
        work.actor.user_id,
    )


def test_packed_parts_must_be_used_or_brought_back(uow: UnitOfWork) -> None:
    part, tool = parts.a_part(uow, price_minor=None, currency=None), parts.a_tool(uow)
    kind = visits.a_work_type(uow, kit_id=parts.a_kit(uow, parts=(part, tool)).id)
    order = visits.a_work_order(uow, work_type_id=kind.id)
    work = reports.a_complete_draft(uow, work_order_id=order.id)
    lines = {line.part_id: line for line in checklist_of(uow.session, work.visit_id)}
    for line in lines.values():
        stocking.tick_checklist_item(uow, work.actor, line.id, packed=True)
    assert open_codes(uow, work) == ["part-uncounted"]
    usage = {"visit_id": work.visit_id, "part_id": part.id, "quantity": 1}
    stocking.record_part_usage(uow, work.actor, direction=UsageDirection.USED, **usage)
    assert open_codes(uow, work) == ["part-uncounted"]
    stocking.record_part_usage(uow, work.actor, direction=UsageDirection.RETURNED, **usage)
    assert actions.freeze_service_report(uow, work.actor, work.report_id).status is ReportStatus.FROZEN


def test_a_used_part_with_a_price_must_be_charged_were_it_with_nothing(uow: UnitOfWork) -> None:
    work = reports.a_complete_draft(uow)
    part = parts.a_part(uow)
    stocking.record_part_usage(
        uow,
        work.actor,
        visit_id=work.visit_id,
        part_id=part.id,
        direction=UsageDirection.USED,
        quantity=2,
    )
    assert open_codes(uow, work) == ["charge-missing"]
    charge = {
        "report_id": work.report_id,
        "description": "Gasket",
        "part_id": part.id,
        "currency": "EUR",
    }
    wrong = actions.add_report_charge(uow, work.actor, quantity=1, unit_minor=1250, **charge)
    assert open_codes(uow, work) == ["charge-missing"]
    actions.withdraw_report_charge(uow, work.actor, wrong.id)
    actions.add_report_charge(uow, work.actor, quantity=2, unit_minor=0, **charge)
    assert actions.freeze_service_report(uow, work.actor, work.report_id).status is ReportStatus.FROZEN


def test_signing_approves_the_charges_that_were_listed(uow: UnitOfWork) -> None:
    work = reports.a_complete_draft(uow)
    fields = {"report_id": work.report_id, "quantity": 1, "unit_minor": 4900, "currency": "EUR"}
    listed = actions.add_report_charge(uow, work.actor, description="Call-out", **fields)
    withdrawn = actions.add_report_charge(uow, work.actor, description="Mistake", **fields)
    actions.withdraw_report_charge(uow, work.actor, withdrawn.id)
    actions.freeze_service_report(uow, work.actor, work.report_id)
    assert not listed.approved
    reports.sign(uow, work)
    assert listed.approved
    assert not withdrawn.approved


def test_a_refused_report_approves_nothing_and_keeps_the_reason(uow: UnitOfWork) -> None:
    work = reports.a_complete_draft(uow)
    fields = {"report_id": work.report_id, "quantity": 1, "unit_minor": 4900, "currency": "EUR"}
    charge = actions.add_report_charge(uow, work.actor, description="Call-out", **fields)
    actions.freeze_service_report(uow, work.actor, work.report_id)
    report = actions.refuse_service_report(uow, work.actor, work.report_id, reason="Too expensive.")
    assert (report.status, report.refusal_reason) == (ReportStatus.REFUSED, "Too expensive.")
    assert not charge.approved


def test_one_report_has_one_currency_and_parts_of_the_catalogue(uow: UnitOfWork) -> None:
    work = reports.a_visit_under_way(uow)
    fields = {"report_id": work.report_id, "description": "Call-out", "quantity": 1, "unit_minor": 1}
    actions.add_report_charge(uow, work.actor, currency="EUR", **fields)
    with pytest.raises(ChargeCurrencyMixed):
        actions.add_report_charge(uow, work.actor, currency="USD", **fields)
    with pytest.raises(PartNotFound):
        actions.add_report_charge(uow, work.actor, currency="EUR", part_id=uow.mint_id(), **fields)


def test_a_charge_sent_twice_is_listed_once_also_after_freezing(uow: UnitOfWork) -> None:
    work = reports.a_complete_draft(uow)
    fields = {
        "report_id": work.report_id,
        "description": "Call-out",
        "quantity": 1,
        "unit_minor": 1,
        "currency": "EUR",
    }
    charge_id = uow.mint_id()
    actions.add_report_charge(uow, work.actor, charge_id, **fields)
    actions.freeze_service_report(uow, work.actor, work.report_id)
    actions.add_report_charge(uow, work.actor, charge_id, **fields)
    assert len(queries.standing_charges(uow.session, work.report_id)) == 1


def test_each_removed_part_needs_the_customers_word(uow: UnitOfWork) -> None:
    work = reports.a_complete_draft(uow)
    part = actions.record_removed_part(uow, work.actor, visit_id=work.visit_id, name="Old pump")
    assert open_codes(uow, work) == ["consent-missing"]
    with pytest.raises(ConsentIncomplete):
        actions.settle_removed_part(uow, work.actor, part.id, disposition=Disposition.DISPOSE)
    actions.settle_removed_part(
        uow, work.actor, part.id, disposition=Disposition.DISPOSE, consented_by="Ada Lindgren"
    )
    actions.freeze_service_report(uow, work.actor, work.report_id)


def test_the_customer_may_waive_a_photo_in_their_own_writing(uow: UnitOfWork) -> None:
    work = reports.a_visit_under_way(uow)
    step = work.step(uow, "before-photo")
    photo = attachments.a_medium(uow, work.actor, work.visit_id, MediaKind.AFTER)
    other = reports.a_visit_under_way(uow)
    elsewhere = attachments.a_medium(uow, other.actor, other.visit_id, MediaKind.SIGNATURE)
    for unusable in (photo.id, elsewhere.id, uow.mint_id()):
        with pytest.raises(SignatureUnusable):
            actions.waive_conduct_step(
                uow, work.actor, step.id, waived_reason="No photos here.", waiver_media_id=unusable
            )
    writing = attachments.a_medium(uow, work.actor, work.visit_id, MediaKind.SIGNATURE)
    actions.waive_conduct_step(
        uow, work.actor, step.id, waived_reason="No photos here.", waiver_media_id=writing.id
    )
    assert open_codes(uow, work).count("media-missing") == 0


def test_a_rejected_photo_does_not_count(uow: UnitOfWork) -> None:
    work = reports.a_complete_draft(uow)
    (photo,) = (
        medium for medium in media_of_visit(uow.session, work.visit_id) if medium.kind is MediaKind.BEFORE
    )
    complete_media(uow, work.actor, photo.id, rejected_because="It is not a JPEG.")
    assert open_codes(uow, work) == ["media-missing"]
    assert work.report(uow).media_expected == 1


def test_nothing_in_a_frozen_report_can_be_edited(uow: UnitOfWork) -> None:
    work = reports.a_complete_draft(uow)
    charge = actions.add_report_charge(
        uow,
        work.actor,
        report_id=work.report_id,
        description="Call-out",
        quantity=1,
        unit_minor=1,
        currency="EUR",
    )
    part = actions.record_removed_part(
        uow,
        work.actor,
        visit_id=work.visit_id,
        name="Pump",
        disposition=Disposition.KEEP,
        consented_by="Ada",
    )
    ink = attachments.a_medium(uow, work.actor, work.visit_id, MediaKind.SIGNATURE)
    actions.freeze_service_report(uow, work.actor, work.report_id)
    step = work.step(uow, "no-gifts")
    edits = (
        lambda: actions.write_service_report(uow, work.actor, work.report_id, findings="More."),
        lambda: actions.answer_conduct_step(uow, work.actor, step.id, answer=ConductAnswer.NO),
        lambda: actions.waive_conduct_step(
            uow, work.actor, step.id, waived_reason="So.", waiver_media_id=ink.id
        ),
        lambda: actions.add_report_charge(
            uow,
            work.actor,
            report_id=work.report_id,
            description="Late",
            quantity=1,
            unit_minor=1,
            currency="EUR",
        ),
        lambda: actions.withdraw_report_charge(uow, work.actor, charge.id),
        lambda: actions.record_removed_part(uow, work.actor, visit_id=work.visit_id, name="Late"),
        lambda: actions.settle_removed_part(
            uow, work.actor, part.id, disposition=Disposition.RETURN, consented_by="Ada"
        ),
        lambda: actions.fill_feedback_card(uow, work.actor, work.card_id, conduct=1),
    )
    for edit in edits:
        with pytest.raises(ReportSealed):
            edit()


def test_a_report_is_signed_with_ink_of_this_visit_after_it_was_frozen(uow: UnitOfWork) -> None:
    work = reports.a_complete_draft(uow)
    photo = attachments.a_medium(uow, work.actor, work.visit_id, MediaKind.OTHER)
    signer = {"signer_name": "Ada", "signer_role": SignerRole.CUSTOMER}
    with pytest.raises(ReportNotFrozen):
        actions.sign_service_report(uow, work.actor, work.report_id, signature_media_id=photo.id, **signer)
    actions.freeze_service_report(uow, work.actor, work.report_id)
    with pytest.raises(SignatureUnusable):
        actions.sign_service_report(uow, work.actor, work.report_id, signature_media_id=photo.id, **signer)
    assert work.report(uow).status is ReportStatus.FROZEN


def test_a_report_asks_for_its_seal_by_itself_with_its_last_file(uow: UnitOfWork) -> None:
    work = reports.a_signed_report(uow)
    media = media_of_visit(uow.session, work.visit_id)
    assert (work.report(uow).media_stored, work.report(uow).media_expected) == (0, 3)
    for n, medium in enumerate(media, start=1):
        assert work.report(uow).status is ReportStatus.SIGNED
        attachments.arrived(uow, work.actor, medium)
        assert work.report(uow).media_stored == n
    assert work.report(uow).seal_state is SealState.DUE
    for medium in media:
        assert _asked_for_seals(uow) == [], "not before somebody has looked at each file"
        attachments.looked_at(uow, medium)
    assert _asked_for_seals(uow) == [str(work.report_id)]


def _asked_for_seals(uow: UnitOfWork) -> list[str]:
    due = outbox_messages(uow.session, OutboxState.DUE, PageRequest(None, 9)).items
    return [message.key for message in due if message.kind == queries.SEAL_MESSAGE]


def test_a_report_whose_files_are_all_here_asks_for_its_seal_when_it_is_closed(uow: UnitOfWork) -> None:
    work = reports.a_frozen_report(uow)
    for medium in media_of_visit(uow.session, work.visit_id):
        attachments.arrived(uow, work.actor, medium)
    report = actions.mark_absent_service_report(uow, work.actor, work.report_id, reason="Went out.")
    assert report.seal_state is SealState.DUE
    assert report.absence_reason == "Went out."


def test_the_office_closes_the_report_of_a_lost_phone_and_signs_nothing(uow: UnitOfWork) -> None:
    work, dispatcher = reports.a_complete_draft(uow), access.an_actor(uow)
    before, _ = media_of_visit(uow.session, work.visit_id)
    attachments.arrived(uow, work.actor, before)
    visiting.arrive_visit(uow, dispatcher, work.visit_id)
    with pytest.raises(ReportUnsigned):
        visiting.complete_visit(uow, dispatcher, work.visit_id)
    report = actions.close_service_report(
        uow, dispatcher, work.report_id, reason="The phone is in a river; the customer told us by mail."
    )
    assert (report.signer_name, report.signature_media_id) == (None, None)
    assert report.closed_by == dispatcher.user_id
    # sealed with what is here: the photo that only the lost phone has would be waited for in vain
    assert (report.seal_state, report.media_expected, report.media_stored) == (SealState.DUE, 1, 1)
    manifest = queries.manifest_of(uow.session, report)
    assert [line.media_id for line in manifest.entries] == [before.id]
    visit = visiting.complete_visit(uow, dispatcher, work.visit_id)
    assert visit.status is VisitStatus.COMPLETED
    # the phone is fished out: what it says now is refused, and so kept in the field inbox
    with pytest.raises(ReportSealed):
        actions.write_service_report(uow, work.actor, work.report_id, work_done="Also the pump.")


def test_no_charge_counts_as_approved_when_the_office_closed_the_report(uow: UnitOfWork) -> None:
    work = reports.a_visit_under_way(uow)
    charge = actions.add_report_charge(
        uow,
        work.actor,
        report_id=work.report_id,
        description="Call-out",
        quantity=1,
        unit_minor=1,
        currency="EUR",
    )
    actions.close_service_report(uow, access.an_actor(uow), work.report_id, reason="The phone is lost.")
    assert not charge.approved


def test_a_closed_report_with_a_rejected_file_is_listed_by_its_age(uow: UnitOfWork) -> None:
    work, dispatcher = reports.a_signed_report(uow), access.an_actor(uow)
    for medium in media_of_visit(uow.session, work.visit_id):
        because = "It is no image." if medium.kind is MediaKind.BEFORE else None
        complete_media(uow, work.actor, medium.id, rejected_because=because)

    def waiting(closed_before: datetime) -> list[UUID]:
        found = queries.list_service_reports(
            uow.session, dispatcher, PageRequest(), awaiting_media=True, closed_before=closed_before
        )
        return [report.id for report in found.items]

    assert waiting(uow.now) == []
    assert waiting(uow.now + timedelta(hours=1)) == [work.report_id]
    states = {line.kind: line.state for line in queries.manifest_of(uow.session, work.report(uow)).entries}
    assert states[MediaKind.BEFORE] is MediaState.REJECTED


def test_a_photo_registered_after_signing_is_no_part_of_the_report(uow: UnitOfWork) -> None:
    work = reports.a_signed_report(uow)
    attachments.a_medium(uow, work.actor, work.visit_id, MediaKind.OTHER)
    manifest = queries.manifest_of(uow.session, work.report(uow))
    assert work.report(uow).media_expected == manifest.media_expected == 3
    assert {line.kind for line in manifest.entries} == {
        MediaKind.BEFORE,
        MediaKind.AFTER,
        MediaKind.SIGNATURE,
    }


def test_a_visit_is_not_completed_before_the_customer_answered_the_report(uow: UnitOfWork) -> None:
    work = reports.a_frozen_report(uow)
    visiting.arrive_visit(uow, work.actor, work.visit_id)
    for complete, fields in (
        (visiting.complete_visit, {}),
        (visiting.complete_visit_partially, {"reason": "A part is missing."}),
    ):
        with pytest.raises(ReportUnsigned):
            complete(uow, work.actor, work.visit_id, **fields)
    reports.sign(uow, work)
    visiting.complete_visit(uow, work.actor, work.visit_id)


def test_who_found_nobody_needs_no_signature(uow: UnitOfWork) -> None:
    work = reports.a_visit_under_way(uow)
    visiting.arrive_visit(uow, work.actor, work.visit_id)
    visiting.report_no_access(uow, work.actor, work.visit_id)


def test_strangers_find_no_report_to_write_in(uow: UnitOfWork) -> None:
    work = reports.a_visit_under_way(uow)
    stranger = reports.a_visit_under_way(uow).actor
    step = work.step(uow, "no-gifts")
    attempts = (
        lambda: actions.write_service_report(uow, stranger, work.report_id, findings="Mine."),
        lambda: actions.answer_conduct_step(uow, stranger, step.id, answer=ConductAnswer.YES),
        lambda: actions.fill_feedback_card(uow, stranger, work.card_id, quality=1),
        lambda: actions.freeze_service_report(uow, stranger, work.report_id),
        lambda: queries.of_visit_for(uow.session, stranger, type(step), step.id),
    )
    for attempt in attempts:
        with pytest.raises(ReportNotFound):
            attempt()
    with pytest.raises(VisitNotFound):
        actions.record_removed_part(uow, stranger, visit_id=work.visit_id, name="Pump")


def test_an_edit_on_a_visit_given_away_is_work_after_revocation_and_a_fact_is_kept(uow: UnitOfWork) -> None:
    work = reports.a_visit_under_way(uow)
    heir = reports.a_technician_today(uow)
    dispatching.move_visit(uow, SYSTEM, work.visit_id, technician_id=heir.id)
    with pytest.raises(WorkAfterRevocation):
        actions.write_service_report(uow, work.actor, work.report_id, findings="A leak.")
    take_notes(uow)
    part = actions.record_removed_part(uow, work.actor, visit_id=work.visit_id, name="Pump")
    assert [note.code for note in take_notes(uow)] == ["work-after-revocation"]
    assert part in queries.removed_parts_of_visit(uow.session, work.visit_id)


def test_two_last_files_that_arrive_at_once_are_both_counted(postgresql_database: Database) -> None:
    factory = postgresql_database.factory
    with factory.begin() as uow:
        work = reports.a_signed_report(uow)
        first, second, third = media_of_visit(uow.session, work.visit_id)
        complete_media(uow, work.actor, first.id)

    def arrive() -> None:
        with factory.begin() as uow:
            complete_media(uow, work.actor, third.id)

    with factory.begin() as uow:
        complete_media(uow, work.actor, second.id)
        other = Thread(target=arrive)
        other.start()
        other.join(timeout=0.4)
        assert other.is_alive()
    other.join()
    with factory.begin(write=False) as uow:
        report = queries.report_of_visit(uow.session, work.visit_id)
        assert report is not None
        assert (report.media_stored, report.seal_state) == (3, SealState.DUE)
