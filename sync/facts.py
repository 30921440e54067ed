"""The expected failures of the engine: facts about mutations, journals and devices, each with its kind."""

from __future__ import annotations

from schemas.errors import DomainError, ErrorKind


class MutationUnreadable(DomainError):
    """A mutation lacks something, or is not a mutation at all."""

    title = "The mutation cannot be read."
    kind = ErrorKind.INVALID


class UnknownMutationType(DomainError):
    """No mutation type has this name: an app newer than the server, or a wrong one."""

    title = "The server does not know this kind of mutation."


class UnknownSchema(DomainError):
    """The fields are of a version that is not understood, or not any more."""

    title = "The server does not understand this version of the mutation."


class FieldsInvalid(DomainError):
    """The fields of a mutation do not fit its shape."""

    title = "The mutation has fields that do not fit."


class EditOverridden(DomainError):
    """Somebody else's change stands instead of the user's."""

    title = "Somebody else changed this meanwhile."
    kind = ErrorKind.CONFLICT


class RowIsTheServers(DomainError):
    """A store made, changed or deleted a row that devices do not decide about."""

    title = "Devices do not decide about this."
    kind = ErrorKind.CONFLICT


class RowGone(DomainError):
    """A store edited a row whose record has been deleted."""

    title = "The record is not there any more."
    kind = ErrorKind.GONE


class PushUnreadable(DomainError):
    """What a store pushed is not what its protocol says."""

    title = "The push cannot be read."
    kind = ErrorKind.INVALID


class UnexpectedFailure(DomainError):
    """Our own mistake; the mutation is kept."""

    title = "The server failed on this mutation and has kept it."
    kind = ErrorKind.UNAVAILABLE


class WaitsBehind(DomainError):
    """An earlier mutation of the same record waits, so this one does too."""

    title = "An earlier change of this record is still waiting."
    kind = ErrorKind.UNMET


class DeviceRevoked(DomainError):
    """The device may not change anything any more; a person decides what its work is worth."""

    title = "This device was revoked; its work was kept for the office."
    kind = ErrorKind.FORBIDDEN


class MutationGap(DomainError):
    """The device skipped numbers: something that it did has not arrived."""

    title = "Mutations are missing before this one."
    kind = ErrorKind.CONFLICT


class MutationNumberReused(DomainError):
    """Another mutation stands at this number: two phones share one journal."""

    title = "Another mutation has this number already."
    kind = ErrorKind.CONFLICT


class MutationAltered(DomainError):
    """A mutation came again with other content; the first content counts."""

    title = "This mutation was received before with other content."
    kind = ErrorKind.CONFLICT


class MutationForgotten(DomainError):
    """A mutation so old that the server cannot tell any more whether it was applied."""

    title = "This mutation is too old to be applied safely."


class LostInRestore(DomainError):
    """Mutations that neither the device nor the server has any more."""

    title = "Work was lost when a backup was restored."


class DecidedByPeople(DomainError):
    """A held mutation whose inbox entry somebody closed: it is not tried again."""

    title = "The office has decided on this."
    kind = ErrorKind.CONFLICT


class EntryDecided(DomainError):
    """The inbox entry is closed."""

    title = "This was decided already."
    kind = ErrorKind.CONFLICT


class NothingToAccept(DomainError):
    """The inbox entry holds no value that could be applied."""

    title = "There is nothing here to accept."
    kind = ErrorKind.CONFLICT


class ServerBusy(DomainError):
    """The database refuses work for the moment; the device sends the same again."""

    title = "The server is busy."
    kind = ErrorKind.UNAVAILABLE


class DeviceGone(DomainError):
    """The device was revoked, and its journal is in or its time to send it is over."""

    title = "This device was revoked."
    kind = ErrorKind.GONE
