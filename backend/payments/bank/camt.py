"""Reads ISO 20022 bank statements (camt.053, every version) as a stream, and refuses whatever is not one."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import IO, Any

from lxml import etree

from backend.payments.rules.errors import AmountUnusable, StatementUnreadable
from backend.payments.rules.money import parse_decimal

_NAMESPACE = re.compile(r"urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.\d\d", re.ASCII)
_NO_REFERENCE = frozenset({"", "NONREF", "NOTPROVIDED", "NOT PROVIDED"})
_LONGEST_TEXT = 2_000
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NO_STATEMENT = "This is not a camt.053 document; ask the bank for that format."
_OPENING, _CLOSING = ("OPBD", "PRCD"), ("CLBD",)
"""Balances of booked entries; the opening of a statement may be called the closing of the one before."""


@dataclass(frozen=True, slots=True)
class Line:
    """One movement: an entry, or one transaction of a batch. `amount_minor` is negative for a debit.

    `key` recognises it in whatever file it comes; `returned`: it takes an earlier one back.
    """

    key: str
    amount_minor: int
    currency: str
    booked_on: date
    reference: str | None
    remittance: str
    counterparty: str | None
    counterparty_iban: str | None
    end_to_end_id: str | None
    returned: bool


@dataclass(slots=True)
class Statement:
    """One statement of one account. Balances are minor units, None where the bank does not say them.

    `ends_on`: the day of the closing balance, else the end of its period, else the day of its last entry.
    """

    statement_id: str = ""
    iban: str = ""
    currency: str = ""
    sequence: int | None = None
    opening_minor: int | None = None
    closing_minor: int | None = None
    ends_on: date | None = None
    lines: list[Line] = field(default_factory=list)
    entries: int = 0
    seen: Counter[str] = field(default_factory=Counter)

    def finish(self) -> None:
        """Refuse (`StatementUnreadable`) what does not lead from the opening to the closing balance."""
        if not self.iban or not self.statement_id:
            raise StatementUnreadable("A statement has no id or names no account.")
        if self.ends_on is None and self.lines:
            self.ends_on = max(line.booked_on for line in self.lines)
        if self.opening_minor is None or self.closing_minor is None:
            return
        moved = sum(line.amount_minor for line in self.lines if line.currency == self.currency)
        if self.opening_minor + moved != self.closing_minor:
            raise StatementUnreadable(
                f"Statement {self.statement_id[:40]}: balances and entries contradict each other."
            )


def read_statements(source: IO[bytes]) -> Iterator[Statement]:
    """The statements of a file, one after the other, each checked. Raises StatementUnreadable.

    A document type is refused before anything of it is used, so that no entity is ever expanded or fetched.
    """
    try:
        yield from _read(source)
    except etree.XMLSyntaxError as error:
        raise StatementUnreadable(f"This is not well-formed XML: {str(error)[:200]}") from error
    except AmountUnusable as error:
        raise StatementUnreadable(error.detail) from error


def _read(source: IO[bytes]) -> Iterator[Statement]:
    parsing = etree.iterparse(
        source,
        events=("start", "end"),
        tag=[f"{{*}}{name}" for name in ("Document", "Stmt", "Acct", "Bal", "Ntry")],
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    statement: Statement | None = None
    is_known = False
    for event, element in parsing:
        name = etree.QName(element).localname
        if event == "start":
            if name == "Document" and not is_known:
                _check_root(element)
                is_known = True
            elif name == "Stmt":
                statement = Statement()
            continue
        parent = element.getparent()
        if statement is None or parent is None:
            continue
        if name == "Stmt":
            statement.finish()
            yield statement
            statement = None
            element.clear()
        elif etree.QName(parent).localname == "Stmt":
            _take(statement, name, element, parent)
            element.clear()
            while element.getprevious() is not None:
                del parent[0]
    if not is_known:
        raise StatementUnreadable(_NO_STATEMENT)


def _check_root(root: Any) -> None:
    if root.getroottree().docinfo.internalDTD is not None:
        raise StatementUnreadable("A bank statement has no document type; this file has one.")
    name = etree.QName(root)
    if name.localname != "Document" or not _NAMESPACE.fullmatch(name.namespace or ""):
        raise StatementUnreadable(_NO_STATEMENT)


def _take(statement: Statement, name: str, element: Any, parent: Any) -> None:
    """One child of a statement; what stands before its account names it."""
    if name == "Acct":
        statement.statement_id = _at(parent, "Id") or ""
        number = _at(parent, "ElctrncSeqNb") or _at(parent, "LglSeqNb") or ""
        statement.sequence = int(number[:15]) if number.isascii() and number.isdigit() else None
        account = _at(element, "Id/IBAN") or _at(element, "Id/Othr/Id") or ""
        statement.iban = account.replace(" ", "").upper()
        statement.currency = _at(element, "Ccy") or ""
        statement.ends_on = _day(parent, "FrToDt", "ToDt", "ToDtTm")
    elif name == "Bal":
        _take_balance(statement, element)
    else:
        statement.entries += 1
        statement.lines += _lines(statement, element)


def _take_balance(statement: Statement, element: Any) -> None:
    kind = _at(element, "Tp/CdOrPrtry/Cd")
    if kind not in _OPENING + _CLOSING:
        return
    minor, currency = _amount(element)
    statement.currency = statement.currency or currency
    day = _day(element, "Dt")
    if kind in _CLOSING:
        statement.closing_minor, statement.ends_on = minor, day or statement.ends_on
    elif statement.opening_minor is None or kind == "OPBD":
        statement.opening_minor = minor


def _lines(statement: Statement, entry: Any) -> list[Line]:
    """The movements of an entry: its transactions when they add up to it, else the entry as a whole."""
    status = _at(entry, "Sts/Cd") or _at(entry, "Sts")
    if status != "BOOK":
        return []
    minor, currency = _amount(entry)
    statement.currency = statement.currency or currency
    booked_on = _day(entry, "BookgDt") or _day(entry, "ValDt")
    if booked_on is None:
        raise StatementUnreadable("An entry has no booking date.")
    if minor == 0:
        return []
    is_reversal = _at(entry, "RvslInd") in ("true", "1")
    details = entry.findall("{*}NtryDtls/{*}TxDtls")
    amounts = [_part(each, entry, currency) for each in details]
    if len(details) > 1 and None not in amounts and sum(each or 0 for each in amounts) == minor:
        parts = list(zip(amounts, ([each] for each in details), strict=True))
    else:
        parts = [(minor, details)]
    return [
        _line(statement, entry, (index, part or 0, currency), booked_on, of_it, is_reversal)
        for index, (part, of_it) in enumerate(parts)
        if part
    ]


def _part(details: Any, entry: Any, currency: str) -> int | None:
    """The amount of one transaction of a batch, with its sign; None when it is not said in our currency."""
    for path in ("Amt", "AmtDtls/TxAmt/Amt"):
        amount = details.find(_path(path))
        if amount is not None and amount.get("Ccy") == currency:
            sign = _at(details, "CdtDbtInd") or _at(entry, "CdtDbtInd")
            minor = parse_decimal(_text(amount) or "", currency).minor
            return -minor if sign == "DBIT" else minor
    return None


def _line(
    statement: Statement,
    entry: Any,
    what: tuple[int, int, str],
    booked_on: date,
    details: list[Any],
    is_reversal: bool,
) -> Line:
    index, minor, currency = what
    side = "Dbtr" if minor > 0 else "Cdtr"
    references = [text for each in details for text in _all(each, "RmtInf/Strd/CdtrRefInf/Ref")]
    free = [text for each in details for text in _all(each, "RmtInf/Ustrd")]
    others = [_at(entry, "AddtlNtryInf") or ""] if not free else []
    line = Line(
        key="",
        amount_minor=minor,
        currency=currency,
        booked_on=booked_on,
        reference=references[0] if len(references) == 1 else None,
        remittance=" ".join([*free, *(references if len(references) > 1 else ()), *others])[:_LONGEST_TEXT],
        counterparty=_first(details, f"RltdPties/{side}/Nm", f"RltdPties/{side}/Pty/Nm"),
        counterparty_iban=_first(details, f"RltdPties/{side}Acct/Id/IBAN"),
        end_to_end_id=_first(details, "Refs/EndToEndId"),
        returned=is_reversal or any(each.find("{*}RtrInf") is not None for each in details),
    )
    return _keyed(statement, entry, index, details, line)


def _keyed(statement: Statement, entry: Any, index: int, details: list[Any], line: Line) -> Line:
    """The line with its key: the bank's own reference where it gives one, else a hash of what is known."""
    own = _usable(_first(details, "Refs/AcctSvcrRef") if len(details) == 1 else None)
    of_entry = _usable(_at(entry, "AcctSvcrRef"))
    if own or of_entry:
        name = own or f"{of_entry}/{index}"
        text = f"ref:{name}:{line.booked_on.isoformat()}:{line.amount_minor}"
    else:
        fields = (statement.statement_id, statement.entries, index, line)
        text = f"hash:{hashlib.sha256(repr(fields).encode()).hexdigest()}"
    statement.seen[text] += 1
    if statement.seen[text] > 1:  # a bank that gives one reference to two entries of one day and amount
        text += f"#{statement.seen[text]}"
    return Line(**{name: getattr(line, name) for name in Line.__slots__} | {"key": text})


def _usable(reference: str | None) -> str | None:
    return None if reference is None or reference.upper() in _NO_REFERENCE else reference


def _amount(element: Any) -> tuple[int, str]:
    """Minor units, negative for a debit, and their currency."""
    amount = element.find("{*}Amt")
    if amount is None:
        raise StatementUnreadable("An entry or balance has no amount.")
    money = parse_decimal(_text(amount) or "", amount.get("Ccy") or "")
    sign = _at(element, "CdtDbtInd")
    if sign not in ("CRDT", "DBIT"):
        raise StatementUnreadable("An entry or balance does not say whether it is a credit or a debit.")
    return (-money.minor if sign == "DBIT" else money.minor), money.currency


def _day(element: Any, path: str, plain: str = "Dt", with_time: str = "DtTm") -> date | None:
    text = _at(element, f"{path}/{plain}") or _at(element, f"{path}/{with_time}")
    match = _DAY.match(text or "")
    if match is None:
        return None
    try:
        return date.fromisoformat(match[0])
    except ValueError as error:
        raise StatementUnreadable("A day of the statement does not exist.") from error


def _text(element: Any) -> str | None:
    text = " ".join((element.text or "").split()).replace("\0", "")
    return text[:_LONGEST_TEXT] or None


@cache
def _path(path: str) -> str:
    """The same in whatever version's namespace."""
    return "/".join(f"{{*}}{step}" for step in path.split("/"))


def _all(element: Any, path: str) -> list[str]:
    found = element.findall(_path(path))
    return [text for each in found if (text := _text(each))]


def _at(element: Any, path: str) -> str | None:
    found = _all(element, path)
    return found[0] if found else None


def _first(details: list[Any], *paths: str) -> str | None:
    for each in details:
        for path in paths:
            if found := _at(each, path):
                return found
    return None
