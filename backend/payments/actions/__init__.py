"""What people of finance do, one module per subject."""

from backend.payments.actions.bookkeeping import (
    list_part_tax_rates,
    list_reconciliations,
    read_journal,
    set_part_tax_rate,
    show_ageing,
    show_customer_statement,
)
from backend.payments.actions.deposits import request_deposit, withdraw_deposit
from backend.payments.actions.disputes import list_disputes
from backend.payments.actions.matching import (
    WaitingEntry,
    clear_bank_entry,
    import_bank_statement,
    list_matched_entries,
    list_waiting_entries,
    match_bank_entry,
    unmatch_bank_entry,
)
from backend.payments.actions.matters import list_matters, retry_unsent_message, settle_matter
from backend.payments.actions.people import disable_person, list_people
from backend.payments.actions.refunding import (
    SeenRefund,
    approve_refund,
    ask_refund,
    confirm_refund,
    decline_refund,
    list_refunds,
)
from backend.payments.actions.requests import (
    list_cash_complaints,
    list_payment_requests,
    show_payment_request,
    write_off_payment_request,
)
from backend.payments.actions.telling import send_payment_request, set_customer_bill_channel

__all__ = [
    "SeenRefund",
    "WaitingEntry",
    "approve_refund",
    "ask_refund",
    "clear_bank_entry",
    "confirm_refund",
    "decline_refund",
    "disable_person",
    "import_bank_statement",
    "list_cash_complaints",
    "list_disputes",
    "list_matched_entries",
    "list_matters",
    "list_part_tax_rates",
    "list_payment_requests",
    "list_people",
    "list_reconciliations",
    "list_refunds",
    "list_waiting_entries",
    "match_bank_entry",
    "read_journal",
    "request_deposit",
    "retry_unsent_message",
    "send_payment_request",
    "set_customer_bill_channel",
    "set_part_tax_rate",
    "settle_matter",
    "show_ageing",
    "show_customer_statement",
    "show_payment_request",
    "unmatch_bank_entry",
    "withdraw_deposit",
    "write_off_payment_request",
]
