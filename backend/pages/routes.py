"""The customer's page behind a link: GET shows and never changes anything, POST answers and then shows."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.blueprints import BlueprintSetupState
from jinja2 import StrictUndefined
from marshmallow import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from backend.access.queries import user_names
from backend.db.unit_of_work import UnitOfWork
from backend.pages.views import calendar_of, show_visit
from backend.visits.links import (
    VisitBehindLink,
    confirm_by_link,
    decline_by_link,
    pick_offer_by_link,
    visit_behind_link,
)
from backend.web.problems import InvalidFields, domain_error_of, status_of
from backend.web.reading import read_form
from backend.web.wiring import current_wiring
from schemas.errors import DomainError, ErrorKind, RecordNotFound
from schemas.pages import ConfirmForm, DeclineForm, PickForm

pages = Blueprint(
    "pages", __name__, template_folder="templates", static_folder="static", static_url_path="/pages"
)


class CalendarNotFound(RecordNotFound):
    """The visit has no arrival window, so there is no calendar file."""

    title = "No time is agreed yet."


@pages.get("/v/<token>")
def visit_page(token: str) -> Response:
    """The visit behind a link."""
    wiring = current_wiring()
    with wiring.factory.begin(write=False) as uow:
        seen = visit_behind_link(uow, token)
        visit = show_visit(seen, who_comes=_who_comes(uow, seen))
    bill = _where_bills_are(token) if visit.may_be_billed else None
    return _page("pages/visit.html", visit=visit, token=token, bill=bill)


@pages.get("/v/<token>/visit.ics")
def visit_calendar(token: str) -> Response:
    """The visit as a calendar file."""
    wiring = current_wiring()
    with wiring.factory.begin(write=False) as uow:
        seen = visit_behind_link(uow, token)
        if seen.window is None:
            raise CalendarNotFound("There is nothing to put into a calendar yet.")
        host = urlsplit(wiring.settings.public_url).hostname or "doorstep"
        document = calendar_of(seen, firm=wiring.settings.firm_name, host=host, now=uow.now)
    response = make_response(document)
    response.headers["Content-Type"] = "text/calendar; charset=utf-8; method=PUBLISH"
    response.headers["Content-Disposition"] = 'attachment; filename="visit.ics"'
    return response


@pages.post("/v/<token>/confirm")
def confirm_visit(token: str) -> AnyResponse:
    """Yes."""
    form = read_form(request, ConfirmForm)
    with current_wiring().factory.begin() as uow:
        confirm_by_link(uow, token, form["window_version"])
    return _shown_again(token)


@pages.post("/v/<token>/decline")
def decline_visit(token: str) -> AnyResponse:
    """No."""
    form = read_form(request, DeclineForm)
    with current_wiring().factory.begin() as uow:
        decline_by_link(uow, token, form["window_version"], form["reason"] or None)
    return _shown_again(token)


@pages.post("/v/<token>/pick")
def pick_offer(token: str) -> AnyResponse:
    """Another window."""
    form = read_form(request, PickForm)
    with current_wiring().factory.begin() as uow:
        pick_offer_by_link(uow, token, form["offer_id"])
    return _shown_again(token)


@pages.get("/verify")
def verify_page() -> Response:
    """Whether a file is one that we issued: the browser hashes it and asks `GET /seals/<sha256>`."""
    return _page("pages/verify.html")


@pages.errorhandler(DomainError)
@pages.errorhandler(ValidationError)
def explain(error: DomainError | ValidationError) -> Response:
    """What went wrong, as a page; when the visit can still be shown, with the way back to it."""
    fact = domain_error_of(error) or InvalidFields()
    token = (request.view_args or {}).get("token")
    recoverable = (
        fact.kind in {ErrorKind.STALE, ErrorKind.CONFLICT, ErrorKind.INVALID} or request.method == "POST"
    )
    link_is_good = token is not None and recoverable and not isinstance(fact, RecordNotFound)
    back = url_for("pages.visit_page", token=token) if link_is_good else None
    response = _page("pages/problem.html", problem=fact, back=back)
    response.status_code = status_of(fact)
    return response


@pages.record_once
def _refuse_names_that_do_not_exist(state: BlueprintSetupState) -> None:
    # A template that misspells a name fails in a test instead of showing nothing for ever.
    state.app.jinja_env.undefined = StrictUndefined


def _who_comes(uow: UnitOfWork, seen: VisitBehindLink) -> str | None:
    technician_id = seen.visit.technician_id
    return None if technician_id is None else user_names(uow.session, {technician_id})[technician_id]


def _where_bills_are(token: str) -> str | None:
    """The door of another process that mails a bill to its customer: it knows whether there is one."""
    url = current_wiring().settings.bills_url
    return None if url is None else f"{url.rstrip('/')}/visits/{token}"


def _page(template: str, **values: object) -> Response:
    return make_response(render_template(template, firm=current_wiring().settings.firm_name, **values))


def _shown_again(token: str) -> AnyResponse:
    # 303: the browser asks with GET, so that reloading the page does not send the answer again.
    return redirect(url_for("pages.visit_page", token=token), code=303)
