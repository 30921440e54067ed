"""What a phone sends and gets on the routes that are not the sync engine's own: for the published schemas."""

from __future__ import annotations

from schemas import access, media
from schemas.attachments import MediaBody
from sync.published import Messages

MESSAGES: Messages = {
    "enrol_request": access.EnrolDevice,
    "enrol_answer": access.EnrolledAnswer,
    "refresh_request": access.RefreshForm,
    "refresh_answer": access.TokenAnswer,
    "upload_request": media.AskUpload,
    "upload_answer": media.UploadInstructions,
    "complete_answer": MediaBody,
}
