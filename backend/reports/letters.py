"""The words of the mails that go out about a report."""

from __future__ import annotations

from typing import Any

from backend.reports.seal.content import Content

PDF = "application/pdf"


def copy_letter(content: Content, sha256: str, pdf: str) -> dict[str, Any]:
    """The mail with the customer's copy: `pdf` is the sealed file in base64."""
    case, firm = content["case"], content["firm"]["name"]
    what = "service report" if content["addendum"] is None else "addendum to your service report"
    lines = [
        f"Dear {case['customer']},",
        "",
        f"attached is the {what} for: {case['summary']}",
        "",
        f"The file is sealed by {firm}; please keep it. Whether a file is the one that we issued can be",
        "checked at any time, without anything of it leaving your computer:",
        f"  {content['verify_url']}",
        *_missing(content),
        "",
        f"SHA-256 of the file: {sha256}",
        f"Work order {case['work_order']}",
    ]
    name = case["work_order"] + (".pdf" if content["addendum"] is None else "-addendum.pdf")
    return {
        "subject": f"Your {what}, work order {case['work_order']}",
        "text": "\n".join(lines) + "\n",
        "attachments": [{"name": name, "type": PDF, "base64": pdf}],
    }


def _missing(content: Content) -> list[str]:
    """A word about files that the document does not show."""
    media = [] if content["report"] is None else content["report"]["media"]
    count = sum(medium["left_out"] is not None for medium in media)
    if not count:
        return []
    return ["", f"{count} of {len(media)} files could not be shown in it; it says which, and why."]
