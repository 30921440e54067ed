"""`Room`: the blueprint of a room; each route is one transaction, one call and one documented operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar
from uuid import UUID

import flask_smorest
import orjson
from flask import Response, g, request
from marshmallow import ValidationError

from backend.access.actor import ANONYMOUS, Actor
from backend.db.look import Look
from backend.db.paging import Page, PageRequest
from backend.db.unit_of_work import UnitOfWork
from backend.web import idempotency, preconditions, reading
from backend.web.authentication import authenticate, bearer_token
from backend.web.limits import count_request
from backend.web.operations import describe
from backend.web.places import place_for_body
from backend.web.route import Route
from backend.web.wiring import Admission, current_wiring
from schemas.base import DEFAULT_PAGE, PageQuery, QueryShape, Shape
from schemas.errors import DomainError, PermissionRefused, Unauthenticated

View = TypeVar("View", bound=Callable[..., object])


@dataclass(frozen=True)
class _Reading:
    """What was read of the request before anybody was asked who sent it."""

    token: str | None
    arguments: tuple[object, ...] = ()
    raw: bytes = b""
    key: str | None = None
    revision: int | None = None
    failure: DomainError | ValidationError | None = None


class Room(flask_smorest.Blueprint):  # type: ignore[misc]  # flask-smorest ships no types
    """A room's routes.

    A view is called as `view(uow, actor[, page][, query][, body], **path_ids)`: `page` is a PageRequest when
    the route declares `page_of`; `query` and `body` are the loaded fields, each only when declared. What it
    returns is dumped with `answer` (each item of the Page with `page_of`); a Response is sent as it is. The
    transaction is committed after the answer is built and before it is sent; GET reads one snapshot and
    cannot write.

        room = Room("visits", __name__, description="Appointments at a customer's door.")

        @room.post("/visits/<uuid:visit_id>/reschedule", body=RescheduleVisit, answer=VisitBody, edits=True)
        def reschedule_visit(uow, actor, fields, visit_id):
            return actions.reschedule_visit(uow, actor, visit_id, **fields)
    """

    declared: list[Route]

    def __init__(self, name: str, import_name: str, *, description: str = "", **options: Any) -> None:
        super().__init__(name, import_name, description=description, **options)
        self.declared = []

    def get(self, rule: str, **options: Any) -> Callable[[View], View]:
        """A route that reads; see `route_for`."""
        return self.route_for("GET", rule, **options)

    def post(self, rule: str, **options: Any) -> Callable[[View], View]:
        """A route that does something; see `route_for`."""
        return self.route_for("POST", rule, **options)

    def patch(self, rule: str, **options: Any) -> Callable[[View], View]:
        """A route that edits some fields; see `route_for`."""
        return self.route_for("PATCH", rule, **options)

    def put(self, rule: str, **options: Any) -> Callable[[View], View]:
        """A route that replaces; see `route_for`."""
        return self.route_for("PUT", rule, **options)

    def delete(self, rule: str, **options: Any) -> Callable[[View], View]:
        """A route that ends something; see `route_for`."""
        return self.route_for("DELETE", rule, **options)

    def route_for(self, method: str, rule: str, **options: Any) -> Callable[[View], View]:
        """Declare a route.

        body, query: shapes of the JSON body and the query string; without one, none is accepted.
        answer: shape of the answer; `many=True` for a list of it; without one the answer is 204.
        page_of: shape of the items of a paged list; `{"items": […], "next": cursor or null}`.
        status: of success, unless `creates` (201).
        permission: checked before anything of the request is judged; actions check theirs too.
        permission_free: nobody needs to sign in; the view gets ANONYMOUS.
        creates: 201 with Location, and Idempotency-Key is honoured.
        location: pattern such as "/visits/{id}", when the record created does not live below this rule.
        edits: If-Match is required and must be the revision of the record named by the last id of the rule.
        decides: If-Match is required and given to the view as `revision`; its action compares, so that what
        one person repeats is no conflict.
        allow_revoked: a revoked device is let in, as an actor that is `revoked`.
        own_transactions: the view gets the UnitOfWorkFactory in place of the unit of work.
        raw_body: the view reads `flask.request.stream` itself, at most `body_limit` bytes, in a place for
            bodies (`backend.web.places`).
        body_limit: which setting bounds the body.
        produces: media type of a Response the view makes itself.
        """
        route = Route(method=method, rule=rule, **options)

        def declare(view: View) -> View:
            self.declared.append(route)

            @wraps(view)
            def served(**ids: Any) -> Response:
                return _serve(route, view, ids)

            describe(served, route)
            self.add_url_rule(rule, view.__name__, served, methods=[method])
            return view

        return declare


def _serve(route: Route, view: Callable[..., object], ids: Mapping[str, Any]) -> Response:
    g.endpoint = f"{route.method} {route.rule}"
    seen = _read(route)
    factory = current_wiring().factory
    if route.own_transactions:
        admission = Admission(ANONYMOUS)
        if seen.token is not None:
            with factory.look() as look:
                admission = _admit(route, look, seen)
        if route.writes and admission.first_use:
            with factory.begin() as uow:
                current_wiring().authenticator.confirm(uow, admission.actor)
        if seen.failure is not None:
            raise seen.failure
        return _answer(route, view(factory, admission.actor, *seen.arguments, **ids))
    with factory.begin(write=route.writes) as uow:
        admission = _admit(route, uow.look, seen)
        if seen.failure is not None:
            raise seen.failure
        if route.writes and admission.first_use:
            current_wiring().authenticator.confirm(uow, admission.actor)
        return _perform(route, view, uow, admission.actor, seen, ids)


def _perform(
    route: Route,
    view: Callable[..., object],
    uow: UnitOfWork,
    actor: Actor,
    seen: _Reading,
    ids: Mapping[str, Any],
) -> Response:
    if seen.key is not None:
        fingerprint = idempotency.fingerprint_of(route.method, request.path, seen.raw)
        kept = idempotency.claim(uow, actor, seen.key, fingerprint)
        if kept is not None:
            return kept
    assert_seen = None
    if seen.revision is not None and route.edits:
        assert_seen = preconditions.expect_revision(uow, _edited_id(ids), seen.revision)
    decided_on = {"revision": seen.revision} if route.decides else {}
    result = view(uow, actor, *seen.arguments, **ids, **decided_on)
    if route.writes:
        uow.flush()
    if assert_seen is not None:
        assert_seen()
    response = _answer(route, result)
    if seen.key is not None:
        idempotency.keep(uow, actor, seen.key, response)
    return response


def _read(route: Route) -> _Reading:
    """What comes from the network, read before a transaction is open: a slow sender holds no lock."""
    token = None if route.permission_free else bearer_token(request)
    if token is None:
        count_request(None, request.remote_addr)
    limit: int = getattr(current_wiring().settings, route.body_limit)
    if route.raw_body:
        request.max_content_length = limit
        raw = b""
    else:
        with place_for_body(request):
            raw = reading.read_bytes(request, limit) if route.writes else b""
    try:
        arguments = _arguments(route, raw)
        key = idempotency.read_key(request) if route.creates else None
        revision = preconditions.read_if_match(request) if route.edits or route.decides else None
    except (DomainError, ValidationError) as failure:
        return _Reading(token, failure=failure)
    return _Reading(token, arguments, raw, key, revision)


def _arguments(route: Route, raw: bytes) -> tuple[object, ...]:
    shape = route.query or (PageQuery if route.page_of else QueryShape)
    query = reading.read_query(request, shape)
    arguments: list[object] = []
    if route.page_of is not None:
        arguments.append(_page_request(query))
    if route.query is not None:
        arguments.append(query)
    if route.writes and not route.raw_body:
        body = reading.read_fields(request, raw, route.body or Shape)
        if route.body is not None:
            arguments.append(body)
    return tuple(arguments)


def _page_request(query: dict[str, object]) -> PageRequest:
    after, limit = query.pop("after", None), query.pop("limit", None)
    return PageRequest(str(after) if after else None, limit if isinstance(limit, int) else DEFAULT_PAGE)


def _admit(route: Route, look: Look, seen: _Reading) -> Admission:
    if seen.token is None:
        return Admission(ANONYMOUS)
    try:
        admission = authenticate(look, seen.token, allow_revoked=route.allow_revoked)
    except Unauthenticated:
        count_request(None, request.remote_addr)
        raise
    count_request(admission.actor, request.remote_addr)
    # A revoked device may nothing; where a route lets it in all the same, the view says what it gets.
    allowed = route.permission is None or admission.actor.revoked or admission.actor.may(route.permission)
    if not allowed:
        raise PermissionRefused(
            f"Ask somebody whose role has the permission {route.permission!r}.", permission=route.permission
        )
    return admission


def _edited_id(ids: Mapping[str, Any]) -> UUID:
    record_id = list(ids.values())[-1]
    if not isinstance(record_id, UUID):
        raise AssertionError("a route that edits ends in the id of what it edits")
    return record_id


def _answer(route: Route, result: object) -> Response:
    if isinstance(result, Response):
        return result
    document = _document(route, result)
    if document is None:
        return Response(status=route.success)
    response = Response(orjson.dumps(document), status=route.success, content_type="application/json")
    preconditions.set_etag(response, document)
    if route.creates and isinstance(document, Mapping):
        pattern = route.location or request.path.rstrip("/") + "/{id}"
        response.headers["Location"] = pattern.format(id=document["id"])
    return response


def _document(route: Route, result: object) -> object:
    if route.page_of is not None:
        if not isinstance(result, Page):
            raise TypeError(f"{route.method} {route.rule} declares a page and did not return one")
        return {"items": route.page_of(many=True).dump(result.items), "next": result.next}
    if route.answer is not None:
        return route.answer(many=route.many).dump(result)
    return result
