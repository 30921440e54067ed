"""Looking at stored files outside any request: the scanner first, then pictures of what it let pass.

A worker's work, ordered by outbox messages of kind `examine`. Bytes flow between transactions, never in one.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from backend.access.permissions import SYSTEM
from backend.attachments.actions import note_examination
from backend.attachments.models import Media
from backend.attachments.queries import media_for
from backend.attachments.rules import Findings
from backend.db.unit_of_work import UnitOfWorkFactory
from backend.outbox.transports import Outgoing
from media.drawing import draw_apart
from media.errors import PictureTooLarge, PictureUnreadable
from media.objects import DeclaredObject, ObjectStore
from media.pictures import DRAWABLE
from media.scanning import Scanner
from media.sniffing import HEIC, JPEG
from media.uploads import chunks_of
from schemas.attachments import MediaState, PicturesState, ScanResult

NO_HEIC = "HEIC photos are kept, and cannot be drawn here: let the app hand in JPEG."


@dataclass(frozen=True)
class Examiner:
    """The transport of kind `examine`. `places`: see `media.drawing.draw_apart`.

    What is wrong with a file is a finding and written down; what is wrong with store or scanner is raised, so
    that the outbox tries again and shows it.
    """

    factory: UnitOfWorkFactory
    store: ObjectStore
    scanner: Scanner | None
    places: Path

    def __call__(self, message: Outgoing) -> None:
        media_id = UUID(message.key.partition("/")[0])
        with self.factory.begin(write=False) as uow:
            media = media_for(uow.session, SYSTEM, media_id)
        if media.state is not MediaState.STORED:
            return
        with TemporaryDirectory(prefix="doorstep-examine-") as folder:
            found = self._examine(media, Path(folder))
        with self.factory.begin() as uow:
            note_examination(uow, SYSTEM, media_id, found=found)

    def _examine(self, media: Media, folder: Path) -> Findings:
        original = folder / "original"
        with self.store.open(media.object_key) as source, original.open("wb") as target:
            shutil.copyfileobj(source, target)
        scan = ScanResult.UNSCANNED
        if self.scanner is not None:
            if finding := self.scanner.find(_pieces(original)):
                return Findings(scan=ScanResult.INFECTED, finding=finding)
            scan = ScanResult.CLEAN
        if media.content_type == HEIC:
            return Findings(scan=scan, pictures=PicturesState.FAILED, reason=NO_HEIC)
        if media.content_type not in DRAWABLE:
            return Findings(scan=scan)
        try:
            drawn = draw_apart(original, folder, self.places)
        except (PictureTooLarge, PictureUnreadable) as refusal:
            reason = f"{refusal.title} {refusal.detail}"
            return Findings(scan=scan, pictures=PicturesState.FAILED, reason=reason)
        return Findings(
            scan=scan,
            pictures=PicturesState.MADE,
            thumbnail_key=self._kept(drawn.thumbnail),
            copy_key=self._kept(drawn.copy),
            width=drawn.width,
            height=drawn.height,
        )

    def _kept(self, picture: bytes) -> str:
        declared = DeclaredObject(hashlib.sha256(picture).hexdigest(), len(picture), JPEG)
        return self.store.put_stream(declared, chunks_of(BytesIO(picture))).key


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        yield from chunks_of(opened)
