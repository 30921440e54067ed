"""What is done with reports: conduct, the report as a whole, and what is listed in it."""

from backend.reports.actions.addenda import add_report_addendum
from backend.reports.actions.conduct import answer_conduct_step, override_conduct_rule, waive_conduct_step
from backend.reports.actions.contents import (
    add_report_charge,
    fill_feedback_card,
    record_removed_part,
    settle_removed_part,
    withdraw_report_charge,
)
from backend.reports.actions.report import (
    close_service_report,
    freeze_service_report,
    mark_absent_service_report,
    refuse_service_report,
    release_service_report,
    sign_service_report,
    write_service_report,
)

__all__ = [
    "add_report_addendum",
    "add_report_charge",
    "answer_conduct_step",
    "close_service_report",
    "fill_feedback_card",
    "freeze_service_report",
    "mark_absent_service_report",
    "override_conduct_rule",
    "record_removed_part",
    "refuse_service_report",
    "release_service_report",
    "settle_removed_part",
    "sign_service_report",
    "waive_conduct_step",
    "withdraw_report_charge",
    "write_service_report",
]
