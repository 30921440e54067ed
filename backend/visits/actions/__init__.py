"""What is done with work types, work orders and visits; none of it commits."""

from backend.visits.actions.asking import AllowedTransition, list_transitions
from backend.visits.actions.booking import book_visit, cancel_visit, offer_windows, reschedule_visit
from backend.visits.actions.catalogue import (
    archive_work_type,
    create_skill,
    create_work_type,
    edit_work_type,
)
from backend.visits.actions.confirmation import (
    confirm_visit,
    decline_visit,
    issue_confirmation_link,
    pick_window,
)
from backend.visits.actions.field_work import (
    accept_visit,
    add_visit_note,
    add_visit_notes,
    arrive_visit,
    cannot_complete_visit,
    complete_visit,
    complete_visit_partially,
    depart_visit,
    report_no_access,
    start_visit,
)
from backend.visits.actions.work_orders import cancel_work_order, edit_work_order, open_work_order
from backend.visits.models import Visit

__all__ = [
    "AllowedTransition",
    "Visit",
    "accept_visit",
    "add_visit_note",
    "add_visit_notes",
    "archive_work_type",
    "arrive_visit",
    "book_visit",
    "cancel_visit",
    "cancel_work_order",
    "cannot_complete_visit",
    "complete_visit",
    "complete_visit_partially",
    "confirm_visit",
    "create_skill",
    "create_work_type",
    "decline_visit",
    "depart_visit",
    "edit_work_order",
    "edit_work_type",
    "issue_confirmation_link",
    "list_transitions",
    "offer_windows",
    "open_work_order",
    "pick_window",
    "report_no_access",
    "reschedule_visit",
    "start_visit",
]
