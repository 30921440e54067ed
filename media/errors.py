"""Everything that can go wrong between a device's file and a stored object, as domain errors.

DomainError
├── UploadRefused            the bytes or their declaration are not acceptable, no object is left
│   ├── UploadTooLarge
│   ├── ContentLengthDiffers
│   ├── ContentHashDiffers
│   ├── ContentTypeDiffers
│   └── PartsUndeclared       a file this long goes in parts, and their hashes were not told
├── PictureTooLarge          more pixels than anybody decodes here
├── PictureUnreadable        cut, broken, or no picture that can be drawn
├── UploadLinkInvalid        the signed address was altered or never was ours
├── UploadLinkExpired        … or is older than ten minutes: ask for a new one
├── UploadMissing            nothing (whole) has arrived under this hash yet
├── StorageFull              our own trouble: the device keeps its file and comes back
└── StorageUnavailable       … the store does not answer, or not as it should
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


class PartsUndeclared(UploadRefused):
    """A file that goes up in parts, asked for without one SHA-256 for each of them."""

    title = "This file is sent in parts."


class PictureTooLarge(DomainError):
    """A picture of so many pixels that decoding it would take all memory: a decompression bomb, perhaps."""

    title = "The picture has too many pixels."


class PictureUnreadable(DomainError):
    """A file that cannot be decoded: cut short, damaged, or no picture at all."""

    title = "The picture cannot be read."


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


class StorageUnavailable(DomainError):
    """The store cannot be reached, does not answer in time, or refuses us; nothing was lost or changed."""

    title = "The server cannot reach its files at the moment."
    kind = ErrorKind.UNAVAILABLE
