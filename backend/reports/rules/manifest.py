"""The files that belong to a closed report."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from schemas.attachments import MediaKind, MediaState, ScanResult


@dataclass(frozen=True)
class ManifestLine:
    """One file of a closed report: what was declared of it at closing, whether it has arrived, and what a
    scanner said of it since."""

    media_id: UUID
    kind: MediaKind
    sha256: str
    size: int
    state: MediaState
    scan: ScanResult

    @property
    def stored(self) -> bool:
        """Whether the bytes are here."""
        return self.state is MediaState.STORED


@dataclass(frozen=True)
class ReportManifest:
    """Every file of a closed report."""

    media_expected: int
    media_stored: int
    entries: Sequence[ManifestLine]
