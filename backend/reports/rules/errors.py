"""What reports refuse, and why."""

from schemas.errors import DomainError, ErrorKind, RecordNotFound


class ReportNotFound(RecordNotFound):
    """No such report (or step, charge, part, card), or none that this person may see."""

    title = "There is no such report."


class ConductRuleNotFound(RecordNotFound):
    """No general rule of that id."""

    title = "There is no such rule of conduct."


class ReportNotReady(DomainError):
    """Freezing was asked for while something that must be there is missing; `open` lists all of it."""

    title = "The report is not complete yet."
    kind = ErrorKind.UNMET


class ReportSealed(DomainError):
    """Somebody edits what the customer has already been shown."""

    title = "The report is frozen."
    kind = ErrorKind.CONFLICT


class ReportTransitionRefused(DomainError):
    """The report is not in a state for that."""

    title = "The report cannot do that now."
    kind = ErrorKind.CONFLICT


class ReportNotFrozen(DomainError):
    """The customer answers a report that is still being written."""

    title = "The report must be frozen first."
    kind = ErrorKind.UNMET


class ReportUnsigned(DomainError):
    """A visit is to be completed before the customer has signed, refused or been found absent."""

    title = "The service report is not closed."
    kind = ErrorKind.UNMET


class SignatureUnusable(DomainError):
    """The medium named as signature or waiver does not exist, is of another visit, or of another kind."""

    title = "That medium cannot be a signature here."
    kind = ErrorKind.UNMET


class ChargeCurrencyMixed(DomainError):
    """One report asks for one sum, so its charges have one currency."""

    title = "The charges of one report must have one currency."
    kind = ErrorKind.INVALID


class ConsentIncomplete(DomainError):
    """A disposition without the name of who consented, or the other way round."""

    title = "Disposition and consent belong together."
    kind = ErrorKind.INVALID
