"""What a technician gets to see, written down: every field of every shape that any answer to one may have.

By shape; an indented line goes on with the one above. A field that is not here reaches no technician, through
no door: neither a route that `who_may_do_what` opens to them nor the feed. Amounts of money stand where the
customer on site is told a price, and nowhere else; of what was paid there is only the badge.
"""

from __future__ import annotations

_TABLE = """
TokenAnswer: access_token expires_in refresh_token token_type
Me: device_id display_name email permissions role time_zone user_id
EnrolledAnswer: access_token device_id display_name expires_in refresh_token time_zone user_id
DeviceBody: id revision enrolled_at last_seen_at name platform revoked_at user_id
CustomerBody: id revision archived_at email external_key language name phone
SiteBody: id revision access_hours access_notes address archived_at city country customer_id latitude
    longitude name needs_location postal_code time_zone
AssetBody: id revision archived_at customer_id installed_on model serial_number site_id
Coverage: asset_id covered covers ends_on entitlement_id kind on
EntitlementBody: id revision archived_at asset_id covers ends_on kind starts_on
PartBody: id revision archived_at currency kind name price_minor sku unit
KitBody: id revision archived_at lines.part_id lines.quantity lines.required name
ChecklistItemBody: id revision kind name packed part_id quantity quantity_returned quantity_used required
    verified visit_id
PartUsageBody: id revision checklist_item_id direction occurred_at part_id quantity serial_number used_by
    visit_id
VanStockBody: id revision part_id quantity technician_id
StockMovementBody: id revision note occurred_at part_id part_usage_id quantity_delta reason recorded_by
    technician_id
ServiceRequestBody: id revision asset_id category channel closed_at customer_id descriptor due_at
    external_key first_response_due_at needs_location number outcome outcome_reason priority received_at
    responded_at said site_id status taken_by triaged_at triaged_by
RequestTransition: allowed name reason
CaseTouchBody: created_at how user_id
SkillBody: id revision code name
WorkTypeBody: id revision archived_at code duration_minutes instructions kit_id name
SkillLevel: level skill_id
VisitBody: id revision accepted_at arrival_window_end arrival_window_start arrived_at confirmation
    confirmed_window_version dispatch_override_reason dispatched_at duration_minutes en_route_at finished_at
    number reason scheduled_end scheduled_start started_at status technician_id time_zone window_version
    work_order_id
AllowedTransition: allowed name reason
WindowOfferBody: id revision ends_at starts_at state visit_id
VisitEventBody: id revision actor_id actor_role from_status name occurred_at reason recorded_at
    technician_id to_status visit_id window_end window_start window_version
VisitAssignmentBody: assigned_from assigned_until technician_id
VisitNoteBody: id revision author_id occurred_at text visit_id
WorkOrderBody: id revision asset_id customer_id due earliest_start number priority request_id site_id status
    summary work_type_id
PaymentBadgeAnswer: id revision state work_order_id
PaymentBadgeBody: id revision state work_order_id
TechnicianBody: id revision active display_name home_latitude home_longitude phone territory.latitude
    territory.longitude time_zone
ShiftBody: id revision ends_at kind starts_at technician_id
MediaBody: id revision content_type kind latitude longitude reason registered_by sha256 size state stored_at
    taken_at visit_id
UploadInstructions: expires_at headers method needed parts.arrived parts.headers parts.method parts.number
    parts.offset parts.size parts.url url
ExaminationBody: id revision examined_at finding height media_id pictures reason scan scanned_at width
ConductRuleBody: id revision applies code media_kind phase position proof required text work_type_id
ConductStepBody: id revision answer answered_at media_kind note phase position proof required rule_code text
    visit_id waived_reason waiver_media_id
ServiceReportBody: id revision absence_reason closed_at findings frozen_at issued_at media_expected
    media_stored office_reason refusal_reason seal_state signature_media_id signer_name signer_role status
    visit_id work_done
ReportSealBody: documents.fingerprint documents.kind documents.number documents.sealed_at documents.sha256
    documents.standing documents.timestamp documents.timestamped_at seal_state waiting_for
SealingBody: fingerprint kind number sealed_at sha256 standing timestamp timestamped_at
ReportAddendumBody: id revision created_at number report_id sealed_at text written_by
Readiness: open.code open.collection open.detail open.id ready
Manifest: entries.kind entries.media_id entries.scan entries.sha256 entries.size entries.state entries.stored
    media_expected media_stored
ReportChargeBody: id revision approved currency description part_id quantity report_id unit_minor
    withdrawn_at
RemovedPartBody: id revision consented_by disposition name occurred_at serial_number visit_id
FeedbackCardBody: id revision cleanliness conduct declined offered_at punctuality quality visit_id words
FieldInboxBody: id revision code collection created_at decided_by_name decision detail fields mutation_id
    number occurred_at outcome record_id remark settled_at subject_collection subject_id title type
WakeAnswer: news retry_after
"""


def _read(table: str) -> dict[str, frozenset[str]]:
    lines = table.replace("\n    ", " ").split("\n")
    shapes = (line.partition(":") for line in lines if line)
    return {shape: frozenset(names.split()) for shape, _, names in shapes}


WHAT_A_TECHNICIAN_SEES = _read(_TABLE)
"""By name of the shape: names of fields, `outer.inner` where one lies inside another."""
