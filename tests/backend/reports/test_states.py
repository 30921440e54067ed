"""The machine of the service report, and what stands between a draft and its freezing."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from backend.reports.rules import (
    CLOSED,
    SEED_RULES,
    TRANSITIONS,
    DraftState,
    PackedPart,
    PricedPart,
    RemovedPartState,
    ReportNotFrozen,
    ReportNotReady,
    ReportSealed,
    ReportTransitionRefused,
    ReportVerb,
    StepState,
    check_editable,
    check_ready,
    next_status,
    open_items,
)
from schemas.attachments import MediaKind
from schemas.conduct import ConductAnswer, ConductProof
from schemas.reports import ReportStatus


def step(proof: ConductProof = ConductProof.ANSWER, **over: object) -> StepState:
    media_kind = MediaKind.BEFORE if proof is ConductProof.MEDIA else None
    return replace(StepState(uuid4(), "Kept.", proof, media_kind, True, None, None, False), **over)


COMPLETE = DraftState(
    report_id=UUID(int=7),
    work_done="Changed the seal.",
    steps=(
        step(answer=ConductAnswer.YES),
        step(ConductProof.MEDIA),
        step(ConductProof.REMOVED_PARTS),
        step(ConductProof.FEEDBACK),
    ),
    media_kinds=frozenset({MediaKind.BEFORE}),
    removed_parts=(RemovedPartState(uuid4(), "Seal", settled=True),),
    packed_parts=(PackedPart(uuid4(), "Seal", quantity=2, counted=2),),
    priced_parts=(PricedPart(uuid4(), "Seal", used=1, charged=1),),
    card_offered=True,
)


def codes(draft: DraftState) -> list[str]:
    return [item.code for item in open_items(draft)]


def test_a_complete_draft_has_nothing_open() -> None:
    assert codes(COMPLETE) == []
    check_ready(COMPLETE)


CHANGES = (
    ({"steps": (step(),)}, "answer-missing"),
    ({"steps": (step(answer=ConductAnswer.NO),)}, "note-missing"),
    ({"steps": (step(answer=ConductAnswer.NOT_APPLICABLE),)}, "note-missing"),
    ({"media_kinds": frozenset({MediaKind.AFTER})}, "media-missing"),
    ({"removed_parts": (RemovedPartState(uuid4(), "Seal", settled=False),)}, "consent-missing"),
    ({"packed_parts": (PackedPart(uuid4(), "Seal", quantity=2, counted=1),)}, "part-uncounted"),
    ({"priced_parts": (PricedPart(uuid4(), "Seal", used=2, charged=1),)}, "charge-missing"),
    ({"card_offered": False}, "feedback-missing"),
    ({"work_done": None}, "work-done-missing"),
)


@pytest.mark.parametrize(("change", "code"), CHANGES)
def test_each_thing_that_is_missing_is_named(change: dict[str, object], code: str) -> None:
    assert codes(replace(COMPLETE, **change)) == [code]


def test_the_refusal_lists_everything_at_once() -> None:
    draft = replace(COMPLETE, work_done=None, card_offered=False, media_kinds=frozenset())
    with pytest.raises(ReportNotReady) as refusal:
        check_ready(draft)
    listed = refusal.value.extensions["open"]
    assert [item["code"] for item in listed] == ["media-missing", "feedback-missing", "work-done-missing"]
    assert all({"code", "collection", "id", "detail"} == set(item) for item in listed)


def test_what_the_customer_waived_in_writing_is_not_asked_for() -> None:
    waived = replace(COMPLETE, steps=(step(ConductProof.MEDIA, waived=True),), media_kinds=frozenset())
    assert codes(waived) == []


def test_a_photo_is_waived_by_the_customer_and_not_by_an_answer() -> None:
    excused = step(ConductProof.MEDIA, answer=ConductAnswer.NOT_APPLICABLE, note="Too dark.")
    assert codes(replace(COMPLETE, steps=(excused,), media_kinds=frozenset())) == ["media-missing"]


def test_the_card_cannot_be_offered_to_nobody() -> None:
    alone = step(ConductProof.FEEDBACK, answer=ConductAnswer.NOT_APPLICABLE, note="Nobody was at home.")
    assert codes(replace(COMPLETE, steps=(alone,), card_offered=False)) == []


def test_a_step_that_is_not_required_may_stay_open() -> None:
    steps = (step(required=False), step(ConductProof.MEDIA, required=False))
    assert codes(replace(COMPLETE, steps=steps, media_kinds=frozenset())) == []


def test_the_machine_goes_one_way() -> None:
    order = [
        ReportStatus.DRAFT,
        ReportStatus.FROZEN,
        *sorted(CLOSED - {ReportStatus.ISSUED}),
        ReportStatus.ISSUED,
    ]
    for (before, _), after in TRANSITIONS.items():
        assert order.index(before) < order.index(after)


@pytest.mark.parametrize("verb", [ReportVerb.SIGN, ReportVerb.REFUSE, ReportVerb.MARK_ABSENT])
def test_a_customer_answers_a_frozen_report_once(verb: ReportVerb) -> None:
    with pytest.raises(ReportNotFrozen):
        next_status(ReportStatus.DRAFT, verb)
    answered = next_status(ReportStatus.FROZEN, verb)
    for again in ReportVerb:  # not even the office closes it once more
        if again is not ReportVerb.ISSUE:
            with pytest.raises(ReportTransitionRefused):
                next_status(answered, again)


def test_only_a_draft_is_edited() -> None:
    check_editable(ReportStatus.DRAFT)
    for status in set(ReportStatus) - {ReportStatus.DRAFT}:
        with pytest.raises(ReportSealed):
            check_editable(status)


def test_the_seed_holds_the_firms_rules() -> None:
    assert [seed.code for seed in SEED_RULES] == [
        "agreed-time",
        "before-photo",
        "belongings-untouched",
        "no-gifts",
        "disposal-consent",
        "area-cleaned",
        "after-photo",
        "feedback-card",
    ]
    assert len({seed.id for seed in SEED_RULES}) == len({seed.position for seed in SEED_RULES}) == 8
