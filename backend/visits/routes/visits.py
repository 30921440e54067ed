"""Routes of visits: booking, windows, what the customer says, and what happened."""

from collections.abc import Sequence
from uuid import UUID

from backend.access.actor import Actor
from backend.db.paging import Page, PageRequest
from backend.db.unit_of_work import UnitOfWork
from backend.visits import actions, queries
from backend.visits.actions import AllowedTransition
from backend.visits.models import (
    ConfirmationLink,
    Visit,
    VisitAssignment,
    VisitEvent,
    VisitNote,
    WindowOffer,
)
from backend.visits.routes.room import Fields, room
from backend.web.wiring import current_wiring
from schemas import visits as shapes


@room.get("/visits", query=shapes.VisitQuery, page_of=shapes.VisitBody, permission="visit:read")
def list_visits(uow: UnitOfWork, actor: Actor, page: PageRequest, query: Fields) -> Page[Visit]:
    """Visits, by status, technician, work order or planned start; a technician sees his own."""
    return queries.list_visits(uow.session, actor, page, **query)


@room.post("/visits", body=shapes.BookVisit, answer=shapes.VisitBody, creates=True, permission="visit:book")
def book_visit(uow: UnitOfWork, actor: Actor, fields: Fields) -> Visit:
    """A visit for a work order; without a window it requires a slot."""
    return actions.book_visit(uow, actor, fields.pop("id", None), **fields)


@room.get("/visits/<uuid:visit_id>", answer=shapes.VisitBody, permission="visit:read")
def show_visit(uow: UnitOfWork, actor: Actor, visit_id: UUID) -> Visit:
    """One visit."""
    return queries.visit_for(uow.session, actor, visit_id)


@room.get(
    "/visits/<uuid:visit_id>/transitions",
    answer=shapes.AllowedTransition,
    many=True,
    permission="visit:read",
)
def list_transitions(uow: UnitOfWork, actor: Actor, visit_id: UUID) -> list[AllowedTransition]:
    """What may be done with the visit, and why the rest is blocked."""
    return actions.list_transitions(uow, actor, visit_id)


@room.post(
    "/visits/<uuid:visit_id>/reschedule",
    body=shapes.RescheduleVisit,
    answer=shapes.VisitBody,
    permission="visit:reschedule",
)
def reschedule_visit(uow: UnitOfWork, actor: Actor, fields: Fields, visit_id: UUID) -> Visit:
    """Promise another window; the customer has to confirm it."""
    return actions.reschedule_visit(uow, actor, visit_id, **fields)


@room.post(
    "/visits/<uuid:visit_id>/offer-windows",
    body=shapes.OfferWindows,
    answer=shapes.WindowOfferBody,
    many=True,
    permission="visit:offer_windows",
)
def offer_windows(uow: UnitOfWork, actor: Actor, fields: Fields, visit_id: UUID) -> Sequence[WindowOffer]:
    """Let the customer choose from these windows."""
    return actions.offer_windows(uow, actor, visit_id, **fields)


@room.get(
    "/visits/<uuid:visit_id>/window-offers",
    answer=shapes.WindowOfferBody,
    many=True,
    permission="visit:read",
)
def list_window_offers(uow: UnitOfWork, actor: Actor, visit_id: UUID) -> Sequence[WindowOffer]:
    """The windows that are on offer now."""
    return queries.offers_of(uow.session, queries.visit_for(uow.session, actor, visit_id).id)


@room.post(
    "/visits/<uuid:visit_id>/confirm",
    body=shapes.ConfirmVisit,
    answer=shapes.VisitBody,
    permission="visit:confirm",
)
def confirm_visit(uow: UnitOfWork, actor: Actor, fields: Fields, visit_id: UUID) -> Visit:
    """The customer said yes to this version of the window."""
    return actions.confirm_visit(uow, actor, visit_id, **fields)


@room.post(
    "/visits/<uuid:visit_id>/decline",
    body=shapes.DeclineVisit,
    answer=shapes.VisitBody,
    permission="visit:decline",
)
def decline_visit(uow: UnitOfWork, actor: Actor, fields: Fields, visit_id: UUID) -> Visit:
    """The customer said no to this version of the window."""
    return actions.decline_visit(uow, actor, visit_id, **fields)


@room.post(
    "/visits/<uuid:visit_id>/pick-window",
    body=shapes.PickWindow,
    answer=shapes.VisitBody,
    permission="visit:pick_window",
)
def pick_window(uow: UnitOfWork, actor: Actor, fields: Fields, visit_id: UUID) -> Visit:
    """The customer took a window on offer."""
    return actions.pick_window(uow, actor, visit_id, **fields)


@room.post(
    "/visits/<uuid:visit_id>/cancel",
    body=shapes.CancelVisit,
    answer=shapes.VisitBody,
    permission="visit:cancel",
)
def cancel_visit(uow: UnitOfWork, actor: Actor, fields: Fields, visit_id: UUID) -> Visit:
    """Nobody comes."""
    return actions.cancel_visit(uow, actor, visit_id, **fields)


@room.post(
    "/visits/<uuid:visit_id>/issue-confirmation-link",
    answer=shapes.ConfirmationLinkBody,
    permission="visit:issue_confirmation_link",
)
def issue_confirmation_link(uow: UnitOfWork, actor: Actor, visit_id: UUID) -> ConfirmationLink:
    """Mail the customer a link to this visit; one that was sent before stops working."""
    settings = current_wiring().settings
    return actions.issue_confirmation_link(
        uow,
        actor,
        visit_id,
        public_url=settings.public_url,
        valid_days=settings.confirmation_link_days,
    )


@room.get("/visits/<uuid:visit_id>/events", page_of=shapes.VisitEventBody, permission="visit:read")
def list_visit_events(uow: UnitOfWork, actor: Actor, page: PageRequest, visit_id: UUID) -> Page[VisitEvent]:
    """Everything that happened to the visit."""
    return queries.list_events(uow.session, actor, page, visit_id)


@room.get(
    "/visits/<uuid:visit_id>/places",
    answer=shapes.VisitPlace,
    many=True,
    permission="visit_place:read",
)
def list_visit_places(uow: UnitOfWork, actor: Actor, visit_id: UUID) -> Sequence[VisitEvent]:
    """Where its steps were reported from: for the office, not for whoever has the visit next."""
    return queries.places_of(uow.session, actor, visit_id)


@room.get(
    "/visits/<uuid:visit_id>/assignments",
    answer=shapes.VisitAssignmentBody,
    many=True,
    permission="visit:read",
)
def list_visit_assignments(uow: UnitOfWork, actor: Actor, visit_id: UUID) -> Sequence[VisitAssignment]:
    """Who had the visit, from when until when."""
    return queries.assignments_of(uow.session, queries.visit_for(uow.session, actor, visit_id).id)


@room.get("/visits/<uuid:visit_id>/notes", page_of=shapes.VisitNoteBody, permission="visit_note:read")
def list_visit_notes(uow: UnitOfWork, actor: Actor, page: PageRequest, visit_id: UUID) -> Page[VisitNote]:
    """What was written down about the visit."""
    return queries.list_notes(uow.session, actor, page, visit_id)


@room.post(
    "/visit-notes",
    body=shapes.AddVisitNote,
    answer=shapes.VisitNoteBody,
    creates=True,
    permission="visit_note:add",
)
def add_visit_note(uow: UnitOfWork, actor: Actor, fields: Fields) -> VisitNote:
    """Write something down about a visit."""
    return actions.add_visit_note(uow, actor, fields.pop("id", None), **fields)
