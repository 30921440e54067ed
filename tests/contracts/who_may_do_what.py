"""Who may do what, written down: every route of the application, and how it answers whom.

The columns are a technician, a dispatcher, finance, a manager, an administrator, somebody without a sign-in
(customers come so, with the token of a link) and a technician's phone that was revoked. The words:

yes   let in, whoever's record it is
own   let in to what is one's own or within one's reach; anything else is 404, and lists do not hold it
self  let in for oneself; 403 for somebody else, known or not
key   let in with the right credentials in the body, else 401
401   not without a sign-in that is in force
403   not in this role

Rows that differ from their neighbours, and why:

finance reads what bills are made of (reports, charges, parts, customers, sites, requests) and who is called,
    and nothing of how people live or work: no photos of homes, no notes, conduct, feedback cards or removed
    parts, no technicians' homes, skills, shifts or whereabouts, no board.
conduct, consent, card and the customer's answer (.../answer, waive, write, freeze, sign, refuse, mark-absent,
    record, settle, fill) are statements of somebody who stood there: only the technician's. The office has
    one way out, .../close, which says that it was the office.
field steps, files, ticks, usages and charges are facts that the office may enter for a technician who cannot.
callbacks are taken by people who call customers; an administrator keeps accounts and settings and has no
    customers, but sees that calls are made. Finance may call: it is furthest from the work.
customers and entitlements (a relationship, a contract) are ended by a manager; sites and assets that are
    gone are corrected by whoever hears of it. Parts, kits, skills, work types and rules of conduct that are
    ended or decided for the whole firm are a manager's, too.
POST /stock-movements is self for a technician, and no mutation: loading a van, counting it and bringing
    things back happen in the store, on line. What is used on the way moves the stock by itself, also off
    line.
GET /visits/.../places: where somebody was is not for the technician who has the visit next.

This is meant to be read and changed by hand, with a reason. It knows nothing of `backend.access.permissions`.
"""

from __future__ import annotations

COLUMNS = ("technician", "dispatcher", "finance", "manager", "administrator", "anonymous", "revoked")

_TABLE = """
#                                                               T     D     F     M     A     none  gone
# documents and health
GET    /openapi.json                                            yes   yes   yes   yes   yes   yes   yes
GET    /sync/schemas.json                                       yes   yes   yes   yes   yes   yes   yes
GET    /docs                                                    yes   yes   yes   yes   yes   yes   yes
GET    /docs/<name>                                             own   own   own   own   own   own   own
GET    /health                                                  yes   yes   yes   yes   yes   yes   yes

# access
POST   /sessions                                                key   key   key   key   key   key   key
POST   /sessions/refresh                                        key   key   key   key   key   key   key
DELETE /sessions/current                                        yes   yes   yes   yes   yes   401   401
GET    /me                                                      yes   yes   yes   yes   yes   401   401
POST   /me/change-password                                      yes   yes   yes   yes   yes   401   401
POST   /devices/enrolment-codes                                 403   yes   403   yes   yes   401   401
POST   /devices/enrol                                           key   key   key   key   key   key   key
GET    /devices                                                 own   yes   own   yes   yes   401   401
POST   /devices/<device_id>/revoke                              own   yes   own   yes   yes   401   401
GET    /users                                                   403   yes   yes   yes   yes   401   401
GET    /users/<user_id>                                         403   yes   yes   yes   yes   401   401
POST   /users                                                   403   403   403   403   yes   401   401
PATCH  /users/<user_id>                                         403   403   403   403   yes   401   401
POST   /users/<user_id>/disable                                 403   403   403   403   yes   401   401
POST   /users/<user_id>/enable                                  403   403   403   403   yes   401   401
POST   /users/<user_id>/end-sessions                            403   403   403   403   yes   401   401
POST   /users/<user_id>/set-password                            403   403   403   403   yes   401   401
GET    /audit-log                                               403   403   403   403   yes   401   401

# customers
GET    /customers                                               own   yes   yes   yes   yes   401   401
POST   /customers                                               403   yes   403   yes   yes   401   401
GET    /customers/<customer_id>                                 own   yes   yes   yes   yes   401   401
PATCH  /customers/<customer_id>                                 403   yes   403   yes   yes   401   401
POST   /customers/<customer_id>/archive                         403   403   403   yes   yes   401   401
GET    /sites                                                   own   yes   yes   yes   yes   401   401
POST   /sites                                                   403   yes   403   yes   yes   401   401
GET    /sites/<site_id>                                         own   yes   yes   yes   yes   401   401
PATCH  /sites/<site_id>                                         403   yes   403   yes   yes   401   401
POST   /sites/<site_id>/archive                                 403   yes   403   yes   yes   401   401
GET    /assets                                                  own   yes   yes   yes   yes   401   401
POST   /assets                                                  403   yes   403   yes   yes   401   401
GET    /assets/<asset_id>                                       own   yes   yes   yes   yes   401   401
GET    /assets/<asset_id>/coverage                              own   yes   yes   yes   yes   401   401
PATCH  /assets/<asset_id>                                       403   yes   403   yes   yes   401   401
POST   /assets/<asset_id>/archive                               403   yes   403   yes   yes   401   401
GET    /entitlements                                            own   yes   yes   yes   yes   401   401
POST   /entitlements                                            403   yes   403   yes   yes   401   401
GET    /entitlements/<entitlement_id>                           own   yes   yes   yes   yes   401   401
PATCH  /entitlements/<entitlement_id>                           403   yes   403   yes   yes   401   401
POST   /entitlements/<entitlement_id>/archive                   403   403   403   yes   yes   401   401

# parts
GET    /parts                                                   yes   yes   yes   yes   yes   401   401
POST   /parts                                                   403   yes   403   yes   yes   401   401
GET    /parts/<part_id>                                         yes   yes   yes   yes   yes   401   401
PATCH  /parts/<part_id>                                         403   yes   403   yes   yes   401   401
POST   /parts/<part_id>/archive                                 403   403   403   yes   yes   401   401
GET    /kits                                                    yes   yes   yes   yes   yes   401   401
POST   /kits                                                    403   yes   403   yes   yes   401   401
GET    /kits/<kit_id>                                           yes   yes   yes   yes   yes   401   401
PATCH  /kits/<kit_id>                                           403   yes   403   yes   yes   401   401
POST   /kits/<kit_id>/archive                                   403   403   403   yes   yes   401   401
GET    /checklist-items                                         own   yes   yes   yes   yes   401   401
POST   /checklist-items                                         403   yes   403   yes   yes   401   401
GET    /checklist-items/<checklist_item_id>                     own   yes   yes   yes   yes   401   401
POST   /checklist-items/<checklist_item_id>/tick                own   yes   403   yes   yes   401   401
GET    /part-usages                                             own   yes   yes   yes   yes   401   401
POST   /part-usages                                             own   yes   403   yes   yes   401   401
GET    /part-usages/<part_usage_id>                             own   yes   yes   yes   yes   401   401
GET    /van-stock                                               own   yes   yes   yes   yes   401   401
GET    /stock-movements                                         own   yes   yes   yes   yes   401   401
POST   /stock-movements                                         self  yes   403   yes   yes   401   401
GET    /stock-movements/<stock_movement_id>                     own   yes   yes   yes   yes   401   401

# requests
GET    /service-requests                                        own   yes   yes   yes   yes   401   401
POST   /service-requests                                        403   yes   403   yes   yes   401   401
GET    /service-requests/<service_request_id>                   own   yes   yes   yes   yes   401   401
PATCH  /service-requests/<service_request_id>                   403   yes   403   yes   yes   401   401
GET    /service-requests/<service_request_id>/transitions       own   yes   yes   yes   yes   401   401
GET    /service-requests/<service_request_id>/touches           own   yes   yes   yes   yes   401   401
GET    /service-requests/<service_request_id>/decisions         403   yes   yes   yes   yes   401   401
POST   /service-requests/<service_request_id>/respond           403   yes   403   yes   yes   401   401
POST   /service-requests/<service_request_id>/triage            403   yes   403   yes   yes   401   401
POST   /service-requests/<service_request_id>/close             403   yes   403   yes   yes   401   401
POST   /service-requests/<service_request_id>/reopen            403   yes   403   yes   yes   401   401

# visits
GET    /skills                                                  yes   yes   yes   yes   yes   401   401
POST   /skills                                                  403   403   403   yes   yes   401   401
GET    /work-types                                              yes   yes   yes   yes   yes   401   401
POST   /work-types                                              403   403   403   yes   yes   401   401
GET    /work-types/<work_type_id>                               yes   yes   yes   yes   yes   401   401
PATCH  /work-types/<work_type_id>                               403   403   403   yes   yes   401   401
POST   /work-types/<work_type_id>/archive                       403   403   403   yes   yes   401   401
GET    /work-types/<work_type_id>/skills                        yes   yes   yes   yes   yes   401   401
POST   /visits/<visit_id>/accept                                own   yes   403   yes   yes   401   401
POST   /visits/<visit_id>/depart                                own   yes   403   yes   yes   401   401
POST   /visits/<visit_id>/arrive                                own   yes   403   yes   yes   401   401
POST   /visits/<visit_id>/start                                 own   yes   403   yes   yes   401   401
POST   /visits/<visit_id>/complete                              own   yes   403   yes   yes   401   401
POST   /visits/<visit_id>/complete-partially                    own   yes   403   yes   yes   401   401
POST   /visits/<visit_id>/cannot-complete                       own   yes   403   yes   yes   401   401
POST   /visits/<visit_id>/report-no-access                      own   yes   403   yes   yes   401   401
GET    /visits                                                  own   yes   yes   yes   yes   401   401
POST   /visits                                                  403   yes   403   yes   yes   401   401
GET    /visits/<visit_id>                                       own   yes   yes   yes   yes   401   401
GET    /visits/<visit_id>/transitions                           own   yes   yes   yes   yes   401   401
POST   /visits/<visit_id>/reschedule                            403   yes   403   yes   yes   401   401
POST   /visits/<visit_id>/offer-windows                         403   yes   403   yes   yes   401   401
GET    /visits/<visit_id>/window-offers                         own   yes   yes   yes   yes   401   401
POST   /visits/<visit_id>/confirm                               403   yes   403   yes   yes   401   401
POST   /visits/<visit_id>/decline                               403   yes   403   yes   yes   401   401
POST   /visits/<visit_id>/pick-window                           403   yes   403   yes   yes   401   401
POST   /visits/<visit_id>/cancel                                403   yes   403   yes   yes   401   401
POST   /visits/<visit_id>/issue-confirmation-link               403   yes   403   yes   yes   401   401
GET    /visits/<visit_id>/events                                own   yes   yes   yes   yes   401   401
GET    /visits/<visit_id>/places                                403   yes   403   yes   yes   401   401
GET    /visits/<visit_id>/assignments                           own   yes   yes   yes   yes   401   401
GET    /visits/<visit_id>/notes                                 own   yes   403   yes   yes   401   401
POST   /visit-notes                                             own   yes   403   yes   yes   401   401
GET    /work-orders                                             own   yes   yes   yes   yes   401   401
POST   /work-orders                                             403   yes   403   yes   yes   401   401
GET    /work-orders/<work_order_id>                             own   yes   yes   yes   yes   401   401
PATCH  /work-orders/<work_order_id>                             403   yes   403   yes   yes   401   401
POST   /work-orders/<work_order_id>/cancel                      403   yes   403   yes   yes   401   401
GET    /work-orders/<work_order_id>/badge                       own   yes   yes   yes   yes   401   401

# dispatch
GET    /technicians                                             own   yes   403   yes   yes   401   401
POST   /technicians                                             403   403   403   403   yes   401   401
GET    /technicians/<technician_id>                             own   yes   403   yes   yes   401   401
PATCH  /technicians/<technician_id>                             403   yes   403   yes   yes   401   401
GET    /technicians/<technician_id>/skills                      own   yes   403   yes   yes   401   401
GET    /technicians/<technician_id>/shifts                      own   yes   403   yes   yes   401   401
POST   /shifts                                                  403   yes   403   yes   yes   401   401
GET    /shifts/<shift_id>                                       own   yes   403   yes   yes   401   401
DELETE /shifts/<shift_id>                                       403   yes   403   yes   yes   401   401
GET    /visits/<visit_id>/technician-suggestions                403   yes   403   yes   yes   401   401
POST   /visits/<visit_id>/assign                                403   yes   403   yes   yes   401   401
POST   /visits/<visit_id>/move                                  403   yes   403   yes   yes   401   401
POST   /visits/<visit_id>/unassign                              403   yes   403   yes   yes   401   401
POST   /visits/<visit_id>/plan                                  403   yes   403   yes   yes   401   401
POST   /visits/<visit_id>/dispatch                              403   yes   403   yes   yes   401   401
GET    /dispatch/board                                          403   yes   403   yes   yes   401   401

# attachments
GET    /media                                                   own   yes   403   yes   yes   401   401
POST   /media                                                   own   yes   403   yes   yes   401   401
GET    /media/<media_id>                                        own   yes   403   yes   yes   401   401
POST   /media/<media_id>/upload                                 own   yes   403   yes   yes   401   own
PUT    /media/objects/<key>                                     self  self  self  self  self  self  self
POST   /media/<media_id>/complete                               own   yes   403   yes   yes   401   own
GET    /media/<media_id>/content                                own   yes   403   yes   yes   401   401
GET    /media/<media_id>/thumbnail                              own   yes   403   yes   yes   401   401
GET    /media/<media_id>/copy                                   own   yes   403   yes   yes   401   401
POST   /media/<media_id>/examine                                403   yes   403   yes   yes   401   401
GET    /media/examinations                                      own   yes   403   yes   yes   401   401

# reports
GET    /conduct-rules                                           yes   yes   403   yes   yes   401   401
POST   /conduct-rules/<rule_id>/override                        403   403   403   yes   yes   401   401
GET    /conduct-steps                                           own   yes   403   yes   yes   401   401
GET    /conduct-steps/<step_id>                                 own   yes   403   yes   yes   401   401
POST   /conduct-steps/<step_id>/answer                          own   403   403   403   403   401   401
POST   /conduct-steps/<step_id>/waive                           own   403   403   403   403   401   401
GET    /service-reports                                         own   yes   yes   yes   yes   401   401
GET    /service-reports/<report_id>                             own   yes   yes   yes   yes   401   401
GET    /service-reports/<report_id>/readiness                   own   yes   yes   yes   yes   401   401
GET    /service-reports/<report_id>/transitions                 own   yes   yes   yes   yes   401   401
GET    /service-reports/<report_id>/manifest                    own   yes   yes   yes   yes   401   401
POST   /service-reports/<report_id>/write                       own   403   403   403   403   401   401
POST   /service-reports/<report_id>/freeze                      own   403   403   403   403   401   401
POST   /service-reports/<report_id>/sign                        own   403   403   403   403   401   401
POST   /service-reports/<report_id>/refuse                      own   403   403   403   403   401   401
POST   /service-reports/<report_id>/mark-absent                 own   403   403   403   403   401   401
POST   /service-reports/<report_id>/close                       403   yes   403   yes   yes   401   401
POST   /service-reports/<report_id>/release                     403   yes   403   yes   yes   401   401
GET    /service-reports/<report_id>/seal                        own   yes   yes   yes   yes   401   401
GET    /service-reports/<report_id>/document                    own   yes   403   yes   yes   401   401
GET    /seals/<name>                                            yes   yes   yes   yes   yes   yes   yes
GET    /seal-certificates                                       yes   yes   yes   yes   yes   yes   yes
GET    /report-addenda                                          own   yes   403   yes   yes   401   401
POST   /report-addenda                                          403   yes   403   yes   yes   401   401
GET    /report-addenda/<addendum_id>                            own   yes   403   yes   yes   401   401
GET    /report-charges                                          own   yes   yes   yes   yes   401   401
POST   /report-charges                                          own   yes   403   yes   yes   401   401
GET    /report-charges/<charge_id>                              own   yes   yes   yes   yes   401   401
POST   /report-charges/<charge_id>/withdraw                     own   yes   403   yes   yes   401   401
GET    /removed-parts                                           own   yes   403   yes   yes   401   401
POST   /removed-parts                                           own   403   403   403   403   401   401
GET    /removed-parts/<removed_part_id>                         own   yes   403   yes   yes   401   401
POST   /removed-parts/<removed_part_id>/settle                  own   403   403   403   403   401   401
GET    /feedback-cards                                          own   yes   403   yes   yes   401   401
GET    /feedback-cards/<card_id>                                own   yes   403   yes   yes   401   401
POST   /feedback-cards/<card_id>/fill                           own   403   403   403   403   401   401

# aftercare
GET    /callbacks                                               403   yes   yes   yes   yes   401   401
GET    /callbacks/<callback_id>                                 403   yes   yes   yes   yes   401   401
GET    /callbacks/<callback_id>/attempts                        403   yes   yes   yes   yes   401   401
POST   /callbacks/<callback_id>/take                            403   yes   yes   yes   403   401   401
POST   /callbacks/<callback_id>/assign                          403   yes   403   yes   403   401   401
POST   /callbacks/<callback_id>/attempts                        403   yes   yes   yes   403   401   401
POST   /callbacks/<callback_id>/close                           403   yes   yes   yes   403   401   401

# inbox
GET    /sync/inbox                                              403   yes   403   yes   yes   401   401
GET    /sync/inbox/<entry_id>                                   403   yes   403   yes   yes   401   401
GET    /sync/inbox/reports-awaiting-media                       403   yes   403   yes   yes   401   401
POST   /sync/inbox/<entry_id>/accept                            403   yes   403   yes   yes   401   401
POST   /sync/inbox/<entry_id>/decline                           403   yes   403   yes   yes   401   401
POST   /sync/inbox/<entry_id>/note                              403   yes   403   yes   yes   401   401
POST   /sync/inbox/<entry_id>/follow-up                         403   yes   403   yes   yes   401   401
POST   /sync/inbox/<entry_id>/settle                            403   yes   403   yes   yes   401   401

# sync
POST   /sync/exchange                                           yes   403   403   403   403   401   yes
POST   /sync/reconcile                                          yes   403   403   403   403   401   yes
GET    /sync/watermelon                                         yes   403   403   403   403   401   yes
POST   /sync/watermelon                                         yes   403   403   403   403   401   yes
GET    /sync/rxdb/<collection>/pull                             yes   403   403   403   403   401   yes
POST   /sync/rxdb/<collection>/push                             yes   403   403   403   403   401   yes
GET    /sync/rxdb/<collection>/stream                           yes   403   403   403   403   401   yes
GET    /sync/wake                                               yes   403   403   403   403   401   401

# pages
GET    /style.css                                               yes   yes   yes   yes   yes   yes   yes
GET    /pages/<filename>                                        own   own   own   own   own   own   own
GET    /verify                                                  yes   yes   yes   yes   yes   yes   yes
GET    /v/<token>                                               own   own   own   own   own   own   own
GET    /v/<token>/visit.ics                                     own   own   own   own   own   own   own
POST   /v/<token>/confirm                                       own   own   own   own   own   own   own
POST   /v/<token>/decline                                       own   own   own   own   own   own   own
POST   /v/<token>/pick                                          own   own   own   own   own   own   own
"""


def _read(table: str) -> dict[str, dict[str, str]]:
    rows = [line.split() for line in table.splitlines() if line and not line.startswith("#")]
    return {f"{method} {rule}": dict(zip(COLUMNS, words, strict=True)) for method, rule, *words in rows}


WHO_MAY_DO_WHAT = _read(_TABLE)
"""By route (`GET /visits/<visit_id>`) and column: the word."""
