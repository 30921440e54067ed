"""What devices hold of requests: those behind a technician's work orders."""

from backend.access.reach import TECHNICIAN
from backend.requests.models import ServiceRequest
from schemas.requests import ServiceRequestBody
from sync.collections import Collection, Kind

COLLECTIONS = (
    Collection(
        "service_requests",
        ServiceRequest,
        ServiceRequestBody,
        TECHNICIAN,
        kinds=dict.fromkeys(("said", "category", "descriptor", "priority", "due_at"), Kind.PROMISE)
        | {"status": Kind.STATUS},
    ),
)
