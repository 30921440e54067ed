"""The routes of media records and of the upload contract."""

from typing import Any, TypeAlias
from uuid import UUID

from flask import Response, request

from backend.access.actor import Actor
from backend.attachments import actions, queries, uploads
from backend.attachments.downloads import Rendition, open_download
from backend.attachments.models import Media, MediaExamination
from backend.attachments.storage import UPLOAD_PATH, current_store
from backend.db.paging import Page, PageRequest
from backend.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from backend.web.blueprint import Room
from backend.web.places import place_for_body
from backend.web.wiring import current_wiring
from media.signing import CHECKSUM_HEADER
from media.uploads import UploadTicket
from schemas.attachments import (
    ExaminationBody,
    ExaminationQuery,
    MediaBody,
    MediaQuery,
    NewMedia,
    SignedAddress,
)
from schemas.media import AskUpload, UploadInstructions

Fields: TypeAlias = dict[str, Any]

SIGNED_HEADERS = ("Content-Type", "Content-Length", CHECKSUM_HEADER)

room = Room(
    "attachments", __name__, description="Photos, signatures and documents, and how their bytes arrive."
)


@room.get("/media", query=MediaQuery, page_of=MediaBody, permission="media:read")
def list_media(uow: UnitOfWork, actor: Actor, page: PageRequest, query: Fields) -> Page[Media]:
    """Media, of a visit or in a state."""
    return queries.list_media(uow.session, actor, page, **query)


@room.post("/media", body=NewMedia, answer=MediaBody, creates=True, permission="media:register")
def register_media(uow: UnitOfWork, actor: Actor, fields: Fields) -> Media:
    """Say that a file exists; its bytes are sent afterwards."""
    return actions.register_media(uow, actor, fields.pop("id", None), **fields)


@room.get("/media/<uuid:media_id>", answer=MediaBody, permission="media:read")
def show_media(uow: UnitOfWork, actor: Actor, media_id: UUID) -> Media:
    """One medium; `stored` is the receipt."""
    return queries.media_for(uow.session, actor, media_id)


@room.post(
    "/media/<uuid:media_id>/upload",
    body=AskUpload,
    answer=UploadInstructions,
    permission="media:upload",
    allow_revoked=True,
    own_transactions=True,
)
def offer_upload(factory: UnitOfWorkFactory, actor: Actor, fields: Fields, media_id: UUID) -> UploadTicket:
    """How to send the bytes: a request to a signed address, or one for each part, good for ten minutes."""
    return uploads.offer_upload(factory, current_store(), actor, media_id, **fields)


@room.put(
    f"{UPLOAD_PATH}/<path:key>",
    query=SignedAddress,
    permission_free=True,
    own_transactions=True,
    raw_body=True,
    body_limit="media_limit_bytes",
)
def take_upload(factory: UnitOfWorkFactory, _: Actor, query: Fields, key: str) -> None:
    """Send the bytes to a signed address, with the headers it came with."""
    headers = {name: request.headers[name] for name in SIGNED_HEADERS if name in request.headers}
    with place_for_body(request):
        uploads.take_upload(factory, current_store(), key, query, headers, request.stream)


@room.post(
    "/media/<uuid:media_id>/complete",
    answer=MediaBody,
    permission="media:complete",
    allow_revoked=True,
    own_transactions=True,
)
def complete_media(factory: UnitOfWorkFactory, actor: Actor, media_id: UUID) -> Media:
    """Have the bytes checked: the record becomes `stored`, or `rejected` with the reason."""
    return uploads.finish_upload(factory, current_store(), actor, media_id)


@room.get(
    "/media/<uuid:media_id>/content",
    permission="media:read",
    own_transactions=True,
    produces="application/octet-stream",
)
def show_content(factory: UnitOfWorkFactory, actor: Actor, media_id: UUID) -> Response:
    """The bytes of a stored medium, as a file to save and never as a page to show."""
    return _sent(factory, actor, media_id, Rendition.ORIGINAL)


@room.get(
    "/media/<uuid:media_id>/thumbnail", permission="media:read", own_transactions=True, produces="image/jpeg"
)
def show_thumbnail(factory: UnitOfWorkFactory, actor: Actor, media_id: UUID) -> Response:
    """A small picture of a photo."""
    return _sent(factory, actor, media_id, Rendition.THUMBNAIL)


@room.get(
    "/media/<uuid:media_id>/copy", permission="media:read", own_transactions=True, produces="image/jpeg"
)
def show_copy(factory: UnitOfWorkFactory, actor: Actor, media_id: UUID) -> Response:
    """A photo for customers: what it shows, without where, when and by which device it was taken."""
    return _sent(factory, actor, media_id, Rendition.COPY)


@room.get("/media/examinations", query=ExaminationQuery, page_of=ExaminationBody, permission="media:read")
def list_examinations(
    uow: UnitOfWork, actor: Actor, page: PageRequest, query: Fields
) -> Page[MediaExamination]:
    """Examinations: of a medium, those that found something, those without pictures."""
    return queries.list_examinations(uow.session, actor, page, **query)


@room.post("/media/<uuid:media_id>/examine", answer=ExaminationBody, permission="media:examine")
def examine_media(uow: UnitOfWork, actor: Actor, media_id: UUID) -> MediaExamination:
    """Have a stored medium looked at again."""
    return actions.examine_media(uow, actor, media_id)


def _sent(factory: UnitOfWorkFactory, actor: Actor, media_id: UUID, rendition: Rendition) -> Response:
    guarded = bool(current_wiring().settings.scanner)
    download = open_download(factory, current_store(), actor, media_id, rendition, guarded=guarded)
    if download.address is not None:
        return Response(status=302, headers={"Location": download.address})
    response = Response(download.chunks, mimetype=download.content_type)
    response.call_on_close(download.files.close)
    response.headers["Content-Disposition"] = f'attachment; filename="{download.name}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response
