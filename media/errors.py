"""Everything that can go wrong between a device's file and a stored object, as domain errors.

DomainError
├── UploadRefused            the bytes or their declaration are not acceptable, no object is left
│   ├── UploadTooLarge
│   ├── ContentLengthDiffers
│   ├── ContentHashDiffers
│   └── ContentTypeDiffers
├── UploadLinkInvalid        the signed address was altered or never was ours
├── UploadLinkExpired        … or is older than ten minutes: ask for a new one
├── UploadMissing            nothing (whole) has arrived under this hash yet
└── StorageFull              our own trouble: the device keeps its file and comes back
"""

from schemas.errors import DomainError, ErrorKind


class UploadRefused(DomainError):
    """The bytes, or what was declared about them, are not acceptable; no object is left behind."""

    title = "The upload was refused."
    kind = ErrorKind.INVALID


class UploadTooLarge(UploadRefused):
    """More bytes than one upload may have."""

    title = "The file is too large."
    kind = ErrorKind.TOO_LARGE


class ContentLengthDiffers(UploadRefused):
    """More or fewer bytes arrived than were declared."""

    title = "The file has another length than declared."


class ContentHashDiffers(UploadRefused):
    """The bytes that arrived have another SHA-256 than was declared."""

    title = "The file has another SHA-256 than declared."


class ContentTypeDiffers(UploadRefused):
    """The first bytes say that the file is of another type than declared."""

    title = "The file is of another type than declared."


class UploadLinkInvalid(DomainError):
    """A signed upload address that was altered, or that this server never signed."""

    title = "This upload address is not valid."
    kind = ErrorKind.FORBIDDEN


class UploadLinkExpired(DomainError):
    """A signed upload address whose time is over."""

    title = "This upload address has expired."
    kind = ErrorKind.GONE


class UploadMissing(DomainError):
    """The object that a media record declares is not in the store, or not whole."""

    title = "The file has not arrived yet."
    kind = ErrorKind.UNMET


class StorageFull(DomainError):
    """The store has no room left; nothing of the upload was kept."""

    title = "The server has no room for files at the moment."
    kind = ErrorKind.UNAVAILABLE
