"""The sentence above the customer's signature, in the languages that this phone speaks."""

from collections.abc import Mapping

STATEMENTS: Mapping[str, str] = {
    "en": "I have read this report. The work was done as described, and I approve the charges listed.",
    "de": "Ich habe diesen Bericht gelesen. Die Arbeit wurde wie beschrieben ausgeführt, und ich bin mit den "
    "aufgeführten Beträgen einverstanden.",
    "fr": "J'ai lu ce rapport. Le travail a été effectué comme décrit et j'approuve les montants indiqués.",
    "es": "He leído este informe. El trabajo se realizó como se describe y apruebo los importes indicados.",
    "zh": "本人已阅读本报告，确认工作已按所述完成，并同意所列费用。",
}
"""By language (ISO 639-1)."""

DEFAULT = "en"


def statement_in(language: str) -> tuple[str, str]:
    """The sentence and its language: the one wanted, or English when the phone does not speak it."""
    spoken = language.partition("-")[0].lower()
    spoken = spoken if spoken in STATEMENTS else DEFAULT
    return STATEMENTS[spoken], spoken
