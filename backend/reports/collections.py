"""What devices hold of reports, how their edits merge, and what devices may do."""

from backend.access.reach import TECHNICIAN
from backend.reports import actions
from backend.reports.models import ConductStep, FeedbackCard, RemovedPart, ReportCharge, ServiceReport
from schemas.conduct import AnswerConductStep, ConductStepBody, WaiveConductStep
from schemas.reports import (
    AddReportCharge,
    FeedbackCardBody,
    FillFeedbackCard,
    MarkAbsentServiceReport,
    NoFields,
    RecordRemovedPart,
    RefuseServiceReport,
    RemovedPartBody,
    ReportChargeBody,
    ServiceReportBody,
    SettleRemovedPart,
    SignServiceReport,
    WriteServiceReport,
)
from sync.collections import Collection, Edge, Kind
from sync.mutations import MutationType
from sync.row_rules import RowRules, one_creation

SCORES = ("punctuality", "conduct", "quality", "cleanliness")
CLOSING = (
    "signer_name",
    "signer_role",
    "signature_media_id",
    "refusal_reason",
    "absence_reason",
    "office_reason",
)

COLLECTIONS = (
    Collection(
        "conduct_steps",
        ConductStep,
        ConductStepBody,
        TECHNICIAN,
        kinds={
            **dict.fromkeys(("answer", "note"), Kind.ANSWER),
            **dict.fromkeys(("waived_reason", "waiver_media_id"), Kind.FACT),
        },
        edges=(Edge(ConductStep.visit_id, "visits", "owner"),),
        rows=RowRules(edits=("conduct_step.answer", "conduct_step.waive")),
    ),
    Collection(
        "service_reports",
        ServiceReport,
        ServiceReportBody,
        TECHNICIAN,
        kinds={
            "status": Kind.STATUS,
            **dict.fromkeys(("findings", "work_done"), Kind.ANSWER),
            **dict.fromkeys(CLOSING, Kind.SEALED),
        },
        edges=(Edge(ServiceReport.visit_id, "visits", "owner"),),
        rows=RowRules(edits=("service_report.write",)),
    ),
    Collection(
        "report_charges",
        ReportCharge,
        ReportChargeBody,
        TECHNICIAN,
        kinds=dict.fromkeys(
            ("description", "part_id", "quantity", "unit_minor", "currency", "approved"), Kind.FACT
        ),
        edges=(Edge(ReportCharge.report_id, "service_reports", "owner"),),
        rows=RowRules(one_creation("report_charge.add"), deletes="report_charge.withdraw"),
    ),
    Collection(
        "removed_parts",
        RemovedPart,
        RemovedPartBody,
        TECHNICIAN,
        kinds={
            **dict.fromkeys(("name", "serial_number", "occurred_at"), Kind.FACT),
            **dict.fromkeys(("disposition", "consented_by"), Kind.ANSWER),
        },
        edges=(Edge(RemovedPart.visit_id, "visits", "owner"),),
        rows=RowRules(one_creation("removed_part.record"), edits=("removed_part.settle",)),
    ),
    Collection(
        "feedback_cards",
        FeedbackCard,
        FeedbackCardBody,
        TECHNICIAN,
        kinds=dict.fromkeys((*SCORES, "words", "declined"), Kind.ANSWER),
        edges=(Edge(FeedbackCard.visit_id, "visits", "owner"),),
        rows=RowRules(edits=("feedback_card.fill",)),
    ),
)

MUTATIONS = (
    MutationType(
        "conduct_step.answer", "conduct_steps", AnswerConductStep, actions.answer_conduct_step, Kind.ANSWER
    ),
    MutationType(
        "conduct_step.waive", "conduct_steps", WaiveConductStep, actions.waive_conduct_step, Kind.FACT
    ),
    MutationType(
        "service_report.write",
        "service_reports",
        WriteServiceReport,
        actions.write_service_report,
        Kind.ANSWER,
    ),
    MutationType(
        "service_report.freeze", "service_reports", NoFields, actions.freeze_service_report, Kind.STATUS
    ),
    MutationType(
        "service_report.sign", "service_reports", SignServiceReport, actions.sign_service_report, Kind.STATUS
    ),
    MutationType(
        "service_report.refuse",
        "service_reports",
        RefuseServiceReport,
        actions.refuse_service_report,
        Kind.STATUS,
    ),
    MutationType(
        "service_report.mark_absent",
        "service_reports",
        MarkAbsentServiceReport,
        actions.mark_absent_service_report,
        Kind.STATUS,
    ),
    MutationType(
        "report_charge.add", "report_charges", AddReportCharge, actions.add_report_charge, Kind.FACT
    ),
    MutationType(
        "report_charge.withdraw", "report_charges", NoFields, actions.withdraw_report_charge, Kind.STATUS
    ),
    MutationType(
        "removed_part.record", "removed_parts", RecordRemovedPart, actions.record_removed_part, Kind.FACT
    ),
    MutationType(
        "removed_part.settle", "removed_parts", SettleRemovedPart, actions.settle_removed_part, Kind.ANSWER
    ),
    MutationType(
        "feedback_card.fill", "feedback_cards", FillFeedbackCard, actions.fill_feedback_card, Kind.ANSWER
    ),
)
