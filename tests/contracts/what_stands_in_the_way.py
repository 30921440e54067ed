"""Where somebody who may come in is answered something else than 2xx in the two cases, and where not.

Each line: the route, the problem that stands in the way in the case as it is, and the test in which the same
request, with nothing in the way, is seen to succeed.
"""

from __future__ import annotations

_TABLE = """
POST /checklist-items                                 part-repeated                backend/parts/test_part_routes.py::test_a_dispatcher_adds_a_part_for_one_visit
POST /service-requests/<service_request_id>/close     request-transition-blocked   backend/requests/test_request_routes.py::test_a_request_goes_from_intake_to_its_end
POST /service-requests/<service_request_id>/reopen    request-transition-blocked   backend/requests/test_request_routes.py::test_a_request_goes_from_intake_to_its_end
POST /visits/<visit_id>/complete                      transition-too-early         backend/reports/test_reports.py::test_a_visit_is_not_completed_before_the_customer_answered_the_report
POST /visits/<visit_id>/complete-partially            transition-too-early         backend/reports/test_reports.py::test_a_visit_is_not_completed_before_the_customer_answered_the_report
POST /visits/<visit_id>/pick-window                   offer-gone                   backend/visits/test_confirmation.py::test_picking_promises_and_confirms_in_one_and_the_rest_is_off
POST /visits/<visit_id>/dispatch                      transition-refused           backend/dispatch/test_dispatch_routes.py::test_a_visit_is_suggested_assigned_dispatched_and_on_the_board
PUT /media/objects/<key>                              content-length-differs       backend/attachments/test_uploads.py::test_a_photo_is_put_completed_and_received
POST /media/<media_id>/complete                       upload-missing               backend/attachments/test_uploads.py::test_a_photo_is_put_completed_and_received
GET /media/<media_id>/content                         media-not-stored             backend/attachments/test_uploads.py::test_a_photo_is_put_completed_and_received
GET /media/<media_id>/thumbnail                       media-not-stored             backend/attachments/test_examinations.py::test_a_photo_gets_a_thumbnail_and_a_copy_without_its_place
GET /media/<media_id>/copy                            media-not-stored             backend/attachments/test_examinations.py::test_a_photo_gets_a_thumbnail_and_a_copy_without_its_place
POST /media/<media_id>/examine                        media-not-stored             backend/attachments/test_examinations.py::test_the_office_has_a_file_looked_at_again
POST /conduct-steps/<step_id>/waive                   signature-unusable           backend/reports/test_reports.py::test_the_customer_may_waive_a_photo_in_their_own_writing
POST /service-reports/<report_id>/freeze              report-not-ready             backend/reports/test_reports.py::test_a_report_is_signed_with_ink_of_this_visit_after_it_was_frozen
POST /service-reports/<report_id>/sign                report-not-frozen            backend/reports/test_reports.py::test_a_report_is_signed_with_ink_of_this_visit_after_it_was_frozen
POST /service-reports/<report_id>/refuse              report-not-frozen            backend/reports/test_report_routes.py::test_a_frozen_report_may_be_signed_by_its_technician_and_is_only_shown_to_the_office
POST /service-reports/<report_id>/mark-absent         report-not-frozen            backend/reports/test_reports.py::test_a_report_whose_files_are_all_here_asks_for_its_seal_when_it_is_closed
POST /service-reports/<report_id>/release             report-transition-refused    evidence/test_missing_files.py::test_a_report_whose_file_is_lost_is_issued_by_the_offices_word_and_says_so
GET /service-reports/<report_id>/document             report-not-issued            evidence/test_issuing.py::test_the_last_file_brings_the_sealed_report_to_the_customer
GET /seals/<name>                                     document-not-found           evidence/test_issuing.py::test_whoever_holds_a_file_learns_of_it_by_its_hash_and_nothing_about_people
POST /report-addenda                                  report-not-issued            evidence/test_issuing.py::test_an_addendum_names_the_document_that_it_follows
POST /callbacks/<callback_id>/attempts                callback-transition-refused  backend/aftercare/test_callback_routes.py::test_a_callback_is_taken_made_and_closed_over_http
POST /callbacks/<callback_id>/close                   callback-transition-refused  backend/aftercare/test_callback_routes.py::test_a_callback_is_taken_made_and_closed_over_http
POST /sync/inbox/<entry_id>/accept                    nothing-to-accept            backend/inbox/test_deciding.py::test_accepting_applies_the_kept_value_as_the_dispatchers_act_and_the_phone_hears_of_it
POST /sync/inbox/<entry_id>/note                      entry-without-visit          backend/inbox/test_deciding.py::test_what_was_sent_can_become_a_note_on_the_visit
POST /sync/inbox/<entry_id>/follow-up                 entry-without-visit          backend/inbox/test_deciding.py::test_what_was_sent_can_become_a_follow_up_visit_through_the_ordinary_booking
POST /sync/exchange                                   device-gone                  sync/test_journal.py::test_a_revoked_device_hands_its_work_in_and_is_told_to_wipe
POST /sync/reconcile                                  device-gone                  sync/test_journal.py::test_a_revoked_device_hands_its_work_in_and_is_told_to_wipe
POST /sync/watermelon                                 unreadable-body              clients/test_watermelon_wire.py::test_a_new_row_is_a_fact_once_however_often_it_comes
POST /sync/rxdb/<collection>/push                     unreadable-body              clients/test_rxdb_wire.py::test_a_new_document_is_a_fact_once
"""  # noqa: E501  # a table


def _read(table: str) -> dict[str, tuple[str, str]]:
    rows = [line.split() for line in table.splitlines() if line]
    return {f"{method} {rule}": (code, test) for method, rule, code, test in rows}


IN_THE_WAY = _read(_TABLE)
"""By route: the code of the problem, and the test in which the request succeeds."""
