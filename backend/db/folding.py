"""Text as people look it up: without case and accents, the same on both engines."""

import unicodedata


def fold(text: str) -> str:
    """`text` without case, accents and repeated spaces: "Café  MÜLLER" is found as "cafe muller".

    Computed here and stored beside the text, because SQLite folds ASCII only and PostgreSQL by its locale.
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).split())
