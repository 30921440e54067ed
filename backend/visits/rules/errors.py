"""What can go wrong with visits, each as a fact with a name."""

from schemas.errors import DomainError, ErrorKind, RecordNotFound


class WorkOrderNotFound(RecordNotFound):
    """There is no such work order, or it is not for these eyes."""

    title = "There is no such work order."


class WorkTypeNotFound(RecordNotFound):
    """There is no such work type."""

    title = "There is no such work type."


class SkillNotFound(RecordNotFound):
    """There is no such skill."""

    title = "There is no such skill."


class CodeTaken(DomainError):
    """Codes of skills and work types are unique."""

    title = "The code is taken."
    kind = ErrorKind.CONFLICT


class WorkTypeArchived(DomainError):
    """No new work order is made of an archived template."""

    title = "The work type is archived."
    kind = ErrorKind.CONFLICT


class LimitsOutOfOrder(DomainError):
    """A work order is due before it may start."""

    title = "The work order is due before it may start."
    kind = ErrorKind.INVALID


class PlaceMismatch(DomainError):
    """The asset or the request belongs to another site or customer."""

    title = "The site does not fit the asset or the request."
    kind = ErrorKind.INVALID


class RequestHasWorkOrder(DomainError):
    """One request opens one work order."""

    title = "The request has a work order already."
    kind = ErrorKind.CONFLICT


class TransitionRefused(DomainError):
    """The state machine has no such step from where the visit is."""

    title = "The visit is not in a state that allows this."
    kind = ErrorKind.CONFLICT


class TransitionTooEarly(TransitionRefused):
    """The step may become possible: what precedes it is missing."""

    title = "The visit is not there yet."
    kind = ErrorKind.UNMET


class WorkAfterRevocation(DomainError):
    """Field work on a visit that was meanwhile cancelled or given to somebody else: kept for the
    dispatcher."""

    title = "The visit is no longer yours."
    kind = ErrorKind.REVOKED


class VisitWindowTaken(DomainError):
    """The technician has another visit at that time."""

    title = "The technician has another visit at that time."
    kind = ErrorKind.CONFLICT


class WindowInvalid(DomainError):
    """A window that cannot be promised: backwards, too short, too long, or at a local time that does not
    exist."""

    title = "The arrival window cannot be used."
    kind = ErrorKind.INVALID


class PlanOutsideWindow(DomainError):
    """The planned start lies outside what the customer was promised."""

    title = "The plan leaves the promised arrival window."
    kind = ErrorKind.CONFLICT


class WindowChanged(DomainError):
    """The answer is about a window that is no longer the present one."""

    title = "The arrival window has changed."
    kind = ErrorKind.STALE


class OfferGone(DomainError):
    """The offered window was withdrawn, or was never offered for this visit."""

    title = "This window is no longer on offer."
    kind = ErrorKind.GONE


class ConfirmationLinkNotFound(RecordNotFound):
    """No link has this token."""

    title = "This link is not known."


class ConfirmationLinkExpired(DomainError):
    """The link is too old, or a newer one was sent."""

    title = "This link has expired."
    kind = ErrorKind.GONE


class ReasonMissing(DomainError):
    title = "A reason is needed."
    kind = ErrorKind.INVALID


class MailAddressMissing(DomainError):
    """A link can only be mailed to a customer whose address is known."""

    title = "The customer has no mail address."
    kind = ErrorKind.UNMET


class LinksMailedOften(DomainError):
    """Mails cost money and patience: so many links are enough for now. `retry_after` is in seconds."""

    title = "This customer was mailed enough links for now."
    kind = ErrorKind.TOO_MANY


class DispatchRefused(DomainError):
    """Something that should be settled before a technician leaves is not; `obstacles` lists it."""

    title = "The visit is not ready to be dispatched."
    kind = ErrorKind.UNMET
