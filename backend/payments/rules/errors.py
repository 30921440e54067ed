"""What can be wrong with money, each a fact with a name."""

from schemas.errors import DomainError, ErrorKind, RecordNotFound


class AmountUnusable(DomainError):
    """An amount is no whole number of minor units within bounds, or has more decimals than its currency."""

    title = "This is not an amount of money."


class CurrenciesMixed(DomainError):
    """Two amounts of different currencies meet where they would have to be added."""

    title = "The amounts are in different currencies."


class TransactionUnbalanced(DomainError):
    """The entries of a transaction do not sum to zero in every currency."""

    title = "This transaction does not balance."


class SourceKeyContradicted(DomainError):
    """The same source key was posted before with other entries."""

    title = "This was posted before, with other amounts."
    kind = ErrorKind.CONFLICT


class PaymentRequestNotFound(RecordNotFound):
    """There is no such payment request."""

    title = "There is no such payment request."


class BankEntryNotFound(RecordNotFound):
    """There is no such entry of a bank statement."""

    title = "There is no such bank entry."


class RefundNotFound(RecordNotFound):
    """There is no such refund."""

    title = "There is no such refund."


class MatterNotFound(RecordNotFound):
    """Nothing of this kind and id waits for anybody."""

    title = "There is no such matter."


class PersonNotFound(RecordNotFound):
    """Nobody of finance has this id."""

    title = "There is nobody of finance with this id."


class LastToComeIn(DomainError):
    """Somebody would shut the door on themselves: another person has to do that."""

    title = "Nobody shuts themselves out."
    kind = ErrorKind.CONFLICT


class OrderedWorkNotFound(RecordNotFound):
    """There is no such work order."""

    title = "There is no such work order."


class NoWorkToCome(DomainError):
    """A deposit is for work to come, and the work order is done or cancelled."""

    title = "No work is to come on this work order."
    kind = ErrorKind.CONFLICT


class DepositOver(DomainError):
    """A deposit is no longer asked for, for another reason than that finance took it back."""

    title = "This deposit is not asked for any more."
    kind = ErrorKind.CONFLICT


class MatchRefunded(DomainError):
    """What came in by a match was refunded in part or wholly: it cannot be taken away from the request."""

    title = "Of this money something was refunded."
    kind = ErrorKind.CONFLICT


class NothingOwed(DomainError):
    """The payment request is settled; nothing may be paid on it any more."""

    title = "Nothing is owed any more."
    kind = ErrorKind.UNMET


class ProviderUnavailable(DomainError):
    """The payment provider did not answer, or not in a way that tells what happened."""

    title = "The payment provider does not answer."
    kind = ErrorKind.UNAVAILABLE


class RefundPending(DomainError):
    """The payment provider has taken a refund on, and does not know yet whether the money goes."""

    title = "The payment provider has not decided on this refund yet."
    kind = ErrorKind.UNAVAILABLE


class ProviderRefused(DomainError):
    """The payment provider answered, and said no."""

    title = "The payment provider refused."
    kind = ErrorKind.CONFLICT


class PaymentNotOurs(ProviderRefused):
    """The payment provider knows this payment, and it is of something else that uses the same account."""

    title = "This payment is none of ours."


class ProviderNotFound(RecordNotFound):
    """No provider of this name is set up."""

    title = "There is no such way to pay."


class WebhookRefused(DomainError):
    """A message that claims to be of the provider is not, is too old, or is from the future.

    `reason` says which in a word: header, time, signature, unreadable or not-ours.
    """

    title = "This message is not the provider's."
    kind = ErrorKind.INVALID


class StatementUnreadable(DomainError):
    """A bank statement is no camt.053, contradicts itself, or holds what a statement must not."""

    title = "This is not a bank statement that can be imported."


class BankEntrySettled(DomainError):
    """What is left of a bank entry in suspense is less than what is to be moved."""

    title = "This much is not left of the bank entry."
    kind = ErrorKind.CONFLICT


class NobodyToTell(DomainError):
    """There is no way to tell a customer of a bill."""

    title = "This customer can be told neither by mail nor by text."
    kind = ErrorKind.UNMET


class ReceiptUnkept(DomainError):
    """The disk is full, read-only or gone: a receipt that cannot be kept is not handed out."""

    title = "The receipt cannot be made at the moment."
    kind = ErrorKind.UNAVAILABLE


class RefundTooLarge(DomainError):
    """More than was received, less what was refunded already."""

    title = "This is more than was received."
    kind = ErrorKind.CONFLICT


class SecondPersonNeeded(DomainError):
    """Somebody else than who asked must approve."""

    title = "A second person has to approve this."
    kind = ErrorKind.UNMET


class RefundStepRefused(DomainError):
    """A refund cannot go from where it is to there."""

    title = "The refund cannot do this now."
    kind = ErrorKind.CONFLICT
