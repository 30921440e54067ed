"""Bank statements as banks write them: camt.053 of any version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import escape

IBAN = "DE89370400440532013000"
"""The firm's account."""


@dataclass(frozen=True)
class Paid:
    """An entry; `minor` is negative for a debit. `batch`: its transactions, minors and references."""

    minor: int
    reference: str | None = None
    text: str | None = None
    currency: str = "EUR"
    bank_reference: str | None = "made"
    booked: str = "BOOK"
    reversal: bool = False
    returned: bool = False
    batch: tuple[tuple[int, str], ...] = ()
    day: str = "2026-03-03"


def decimal(minor: int, exponent: int = 2) -> str:
    """Without a sign, as camt has it."""
    digits = str(abs(minor)).rjust(exponent + 1, "0")
    return f"{digits[:-exponent]}.{digits[-exponent:]}" if exponent else digits


def statement(
    entries: Iterable[Paid],
    *,
    version: str = "08",
    statement_id: str = "S-1",
    sequence: int | None = 1,
    opening: int = 100_000,
    closing: int | None = None,
    iban: str = IBAN,
    currency: str = "EUR",
    exponent: int = 2,
    day: str = "2026-03-03",
) -> str:
    """One `Stmt`; `closing` is what adds up unless it is given. Without `sequence` it has no number."""
    every = list(entries)
    moved = sum(entry.minor for entry in every if entry.booked == "BOOK")
    end = opening + moved if closing is None else closing
    lines = "".join(
        _entry(entry, version, f"{statement_id}-{position}", exponent) for position, entry in enumerate(every)
    )
    number = "" if sequence is None else f"<ElctrncSeqNb>{sequence}</ElctrncSeqNb>"
    return (
        f"<Stmt><Id>{statement_id}</Id>{number}"
        f"<Acct><Id><IBAN>{iban}</IBAN></Id><Ccy>{currency}</Ccy></Acct>"
        f"{_balance('OPBD', opening, currency, exponent, day)}"
        f"{_balance('CLBD', end, currency, exponent, day)}"
        f"{lines}</Stmt>"
    )


def document(*statements: str, version: str = "08") -> bytes:
    """A whole file."""
    namespace = f"urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="{namespace}"><BkToCstmrStmt>'
        "<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-03-03T06:00:00</CreDtTm></GrpHdr>"
        f"{''.join(statements)}</BkToCstmrStmt></Document>"
    ).encode()


def statement_file(entries: Iterable[Paid], *, version: str = "08", **over: object) -> bytes:
    """A file with one statement."""
    return document(statement(entries, version=version, **over), version=version)  # type: ignore[arg-type]


def _balance(kind: str, minor: int, currency: str, exponent: int, day: str) -> str:
    sign = "DBIT" if minor < 0 else "CRDT"
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp>"
        f'<Amt Ccy="{currency}">{decimal(minor, exponent)}</Amt><CdtDbtInd>{sign}</CdtDbtInd>'
        f"<Dt><Dt>{day}</Dt></Dt></Bal>"
    )


def _entry(entry: Paid, version: str, name: str, exponent: int) -> str:
    sign = "DBIT" if entry.minor < 0 else "CRDT"
    status = f"<Sts><Cd>{entry.booked}</Cd></Sts>" if version >= "08" else f"<Sts>{entry.booked}</Sts>"
    own = name if entry.bank_reference == "made" else entry.bank_reference
    reference = f"<AcctSvcrRef>{own}</AcctSvcrRef>" if own else ""
    reversal = "<RvslInd>true</RvslInd>" if entry.reversal else ""
    if entry.batch:
        details = "".join(
            _details(entry, version, of, minor, exponent, is_part=True) for minor, of in entry.batch
        )
    else:
        details = _details(entry, version, entry.reference, entry.minor, exponent, is_part=False)
    return (
        f'<Ntry><Amt Ccy="{entry.currency}">{decimal(entry.minor, exponent)}</Amt>'
        f"<CdtDbtInd>{sign}</CdtDbtInd>{reversal}{status}<BookgDt><Dt>{entry.day}</Dt></BookgDt>"
        f"<ValDt><Dt>{entry.day}</Dt></ValDt>{reference}<NtryDtls>{details}</NtryDtls></Ntry>"
    )


def _details(
    entry: Paid, version: str, reference: str | None, minor: int, exponent: int, *, is_part: bool
) -> str:
    amount = f'<Amt Ccy="{entry.currency}">{decimal(minor, exponent)}</Amt>' if is_part else ""
    if is_part and version < "04":
        amount = f"<AmtDtls><TxAmt>{amount}</TxAmt></AmtDtls>"
    name = "<Nm>Ada Lindgren</Nm>"
    party = f"<Dbtr><Pty>{name}</Pty></Dbtr>" if version >= "08" else f"<Dbtr>{name}</Dbtr>"
    free = f"<Ustrd>{escape(entry.text)}</Ustrd>" if entry.text else ""
    structured = f"<Strd><CdtrRefInf><Ref>{reference}</Ref></CdtrRefInf></Strd>" if reference else ""
    remittance = f"<RmtInf>{free}{structured}</RmtInf>" if free or structured else ""
    returned = "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>" if entry.returned else ""
    return (
        f"<TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>{amount}"
        f"<RltdPties>{party}</RltdPties>{remittance}{returned}</TxDtls>"
    )
