"""Tables of reports: what is written on site, and what makes it evidence."""

from backend.reports.models.evidence import (
    DeviceManifest,
    DocumentTimestamp,
    ReportAddendum,
    ReportRelease,
    SealAnchor,
    SealedDocument,
    SealHead,
)
from backend.reports.models.report import (
    ConductRule,
    ConductStep,
    FeedbackCard,
    RemovedPart,
    ReportCharge,
    ReportMedia,
    ServiceReport,
)

__all__ = [
    "ConductRule",
    "ConductStep",
    "DeviceManifest",
    "DocumentTimestamp",
    "FeedbackCard",
    "RemovedPart",
    "ReportAddendum",
    "ReportCharge",
    "ReportMedia",
    "ReportRelease",
    "SealAnchor",
    "SealHead",
    "SealedDocument",
    "ServiceReport",
]
