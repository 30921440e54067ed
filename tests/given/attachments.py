"""Files and media records that tests begin with."""

import hashlib
from typing import Any
from uuid import UUID

from backend.access.actor import Actor
from backend.access.permissions import SYSTEM
from backend.attachments import actions
from backend.attachments.models import Media
from backend.attachments.rules import Findings
from backend.db.unit_of_work import UnitOfWork
from schemas.attachments import MediaKind

STROKES = b'{"width": 300, "height": 100, "strokes": [[[10, 50], [40, 20, 16], [90, 70, 32]]]}'
"""A signature, drawn."""


def a_photo(name: str = "a photo") -> bytes:
    """Bytes that begin as a JPEG does; another name is another photo."""
    return b"\xff\xd8\xff\xe0" + name.encode() * 20


def declaration(content: bytes, content_type: str = "image/jpeg") -> dict[str, Any]:
    """What a device says about these bytes."""
    return {
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "content_type": content_type,
    }


def a_medium(
    uow: UnitOfWork, actor: Actor, visit_id: UUID, kind: MediaKind = MediaKind.BEFORE, **over: Any
) -> Media:
    """A registered photo of the visit (or, of kind signature, strokes) whose bytes have not arrived."""
    content, content_type = (a_photo(kind), "image/jpeg")
    if kind is MediaKind.SIGNATURE:
        content, content_type = STROKES, "application/json"
    fields = {"visit_id": visit_id, "kind": kind, **declaration(content, content_type), **over}
    return actions.register_media(uow, actor, fields.pop("id", None), **fields)


def a_stored_medium(uow: UnitOfWork, actor: Actor, visit_id: UUID, **over: Any) -> Media:
    """A medium of which the record says that its bytes are here (the store is not asked)."""
    return arrived(uow, actor, a_medium(uow, actor, visit_id, **over))


def arrived(uow: UnitOfWork, actor: Actor, medium: Media) -> Media:
    """Write down that the bytes of the medium are here (the store is not asked)."""
    return actions.complete_media(uow, actor, medium.id)


def looked_at(uow: UnitOfWork, medium: Media) -> None:
    """Write down that a worker has looked at the bytes, without a scanner, and made no picture of them."""
    actions.note_examination(uow, SYSTEM, medium.id, found=Findings())
