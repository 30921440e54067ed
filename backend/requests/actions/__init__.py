"""What is done with service requests: take, correct, answer, triage, close, reopen, import."""

from backend.requests.actions.deciding import (
    close_service_request,
    reopen_service_request,
    triage_service_request,
)
from backend.requests.actions.importing import import_service_requests
from backend.requests.actions.taking import (
    edit_service_request,
    respond_to_service_request,
    take_service_request,
)

__all__ = [
    "close_service_request",
    "edit_service_request",
    "import_service_requests",
    "reopen_service_request",
    "respond_to_service_request",
    "take_service_request",
    "triage_service_request",
]
