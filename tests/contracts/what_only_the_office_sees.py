"""What only the office is sent, written down: every field of every such shape, and which roles are let in.

By shape, with the letters of the roles (dispatcher, finance, manager, administrator); an indented line goes
on with the one above. What technicians are sent as well stands in `what_a_technician_sees`.
"""

from __future__ import annotations

OFFICE = {"dispatcher": "D", "finance": "F", "manager": "M", "administrator": "A"}

_TABLE = """
EnrolmentCodeAnswer DMA: code expires_at user_id
UserBody DFMA: disabled_at display_name email id revision role time_zone
AuditEntryBody A: action actor_id at detail device_id id role subject_id
RequestDecisionBody DFMA: decided_at decided_by id name outcome reason request_id revision
ConfirmationLinkBody DMA: expires_at id revision visit_id
VisitPlace DMA: latitude longitude name occurred_at technician_id visit_event_id
TechnicianSuggestions DMA: suggestions.display_name suggestions.distance_metres suggestions.in_territory
    suggestions.technician_id unfit.display_name unfit.reasons unfit.technician_id
Board DMA: day lanes.display_name lanes.technician_id lanes.visits.accepted_at
    lanes.visits.arrival_window_end lanes.visits.arrival_window_start lanes.visits.arrived_at
    lanes.visits.confirmation lanes.visits.confirmed_window_version
    lanes.visits.dispatch_override_reason lanes.visits.dispatched_at lanes.visits.duration_minutes
    lanes.visits.en_route_at lanes.visits.finished_at lanes.visits.id lanes.visits.number
    lanes.visits.reason lanes.visits.revision lanes.visits.scheduled_end lanes.visits.scheduled_start
    lanes.visits.started_at lanes.visits.status lanes.visits.technician_id lanes.visits.time_zone
    lanes.visits.window_version lanes.visits.work_order_id unassigned.accepted_at
    unassigned.arrival_window_end unassigned.arrival_window_start unassigned.arrived_at
    unassigned.confirmation unassigned.confirmed_window_version unassigned.dispatch_override_reason
    unassigned.dispatched_at unassigned.duration_minutes unassigned.en_route_at unassigned.finished_at
    unassigned.id unassigned.number unassigned.reason unassigned.revision unassigned.scheduled_end
    unassigned.scheduled_start unassigned.started_at unassigned.status unassigned.technician_id
    unassigned.time_zone unassigned.window_version unassigned.work_order_id
CallbackListing DFMA: assignee_id attempts barred.display_name barred.reasons barred.user_id case_id
    closed_at due_at id outcome reached_at request_id revision status visit_id words
CallbackAttemptBody DFMA: callback_id called_by id note occurred_at reached revision
CallbackBody DFM: assignee_id attempts case_id closed_at due_at id outcome reached_at request_id
    revision status visit_id words
InboxEntryBody DMA: clock_is_off code collection created_at decided_by decided_by_name decision detail
    device_id fields id mutation_id number occurred_at outcome record_id remark result_id revision
    settled_at skew_seconds subject_collection subject_id title type user_id
InboxEntryDetail DMA: clock_is_off code collection content created_at decided_by decided_by_name
    decision decisions.allowed decisions.name decisions.reason detail device_id fields id journal
    media.content_type media.content_url media.id media.kind media.registered_by media.state
    media.taken_at mutation_id number occurred_at outcome record_id remark result_id revision settled_at
    skew_seconds subject_collection subject_id time_zone title type user_id user_name values.field
    values.name values.now values.office values.stands visit.id visit.number visit.scheduled_start
    visit.status visit.technician_id visit.work_order_id
WaitingReport DMA: closed_at closed_by media_expected media_stored missing.kind missing.media_id
    missing.reason missing.state report_id urgency visit_id
"""


def _read(table: str) -> dict[str, tuple[str, frozenset[str]]]:
    lines = table.replace("\n    ", " ").split("\n")
    shapes = (line.partition(":") for line in lines if line)
    return {
        shape: (whom, frozenset(names.split())) for head, _, names in shapes for shape, whom in [head.split()]
    }


WHAT_ONLY_THE_OFFICE_SEES = _read(_TABLE)
"""By name of the shape: the letters of the roles, and the names of fields, `outer.inner` where nested."""
