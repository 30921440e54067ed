"""What must be there before a customer sees a report, what may become of it, and the seed of conduct."""

from backend.reports.rules.conduct import SEED_RULES, ConductRuleSeed
from backend.reports.rules.errors import (
    ChargeCurrencyMixed,
    ConductRuleNotFound,
    ConsentIncomplete,
    ReportNotFound,
    ReportNotFrozen,
    ReportNotReady,
    ReportSealed,
    ReportTransitionRefused,
    ReportUnsigned,
    SignatureUnusable,
)
from backend.reports.rules.manifest import ManifestLine, ReportManifest
from backend.reports.rules.readiness import (
    DraftState,
    OpenItem,
    PackedPart,
    PricedPart,
    RemovedPartState,
    ReportReadiness,
    StepState,
    check_ready,
    open_items,
)
from backend.reports.rules.states import (
    CLOSED,
    NEEDS_CLOSED_REPORT,
    TRANSITIONS,
    PossibleTransition,
    ReportVerb,
    check_editable,
    next_status,
)

__all__ = [
    "CLOSED",
    "NEEDS_CLOSED_REPORT",
    "SEED_RULES",
    "TRANSITIONS",
    "ChargeCurrencyMixed",
    "ConductRuleNotFound",
    "ConductRuleSeed",
    "ConsentIncomplete",
    "DraftState",
    "ManifestLine",
    "OpenItem",
    "PackedPart",
    "PossibleTransition",
    "PricedPart",
    "RemovedPartState",
    "ReportManifest",
    "ReportNotFound",
    "ReportNotFrozen",
    "ReportNotReady",
    "ReportReadiness",
    "ReportSealed",
    "ReportTransitionRefused",
    "ReportUnsigned",
    "ReportVerb",
    "SignatureUnusable",
    "StepState",
    "check_editable",
    "check_ready",
    "next_status",
    "open_items",
]
