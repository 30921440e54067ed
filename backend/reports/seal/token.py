"""A seal key that never leaves its hardware: signing through PKCS#11.

Needs the optional package: `pip install doorstep[pkcs11]`. Nothing else loads this module.
"""

from __future__ import annotations

from asn1crypto import x509
from pkcs11.exceptions import PKCS11Error
from pyhanko.config.pkcs11 import TokenCriteria
from pyhanko.sign.pkcs11 import PKCS11Signer, open_pkcs11_session
from pyhanko_certvalidator.registry import SimpleCertificateStore

from backend.reports.seal.keys import SealKeyMissing, token_of


class TokenSigner(PKCS11Signer):
    """Puts its own certificate into the envelope once, and no other: there is one way to write it."""

    @property
    def cert_registry(self) -> SimpleCertificateStore:
        """No further certificates."""
        return SimpleCertificateStore()  # type: ignore[no-untyped-call]  # the library leaves it untyped


def token_signer(uri: str, certificate: x509.Certificate, pin: str | None) -> TokenSigner:
    """What signs with the key that a PKCS#11 URI (RFC 7512) names. Raises SealKeyMissing."""
    named = token_of(uri)
    try:
        session = open_pkcs11_session(
            named["module-path"], token_criteria=TokenCriteria(label=named["token"]), user_pin=pin or None
        )
    except PKCS11Error as error:
        raise SealKeyMissing(f"The token of the seal key cannot be opened: {_words(error)}") from error
    return TokenSigner(session, signing_cert=certificate, key_label=named["object"], other_certs_to_pull=())


def _words(error: PKCS11Error) -> str:
    return f"{type(error).__name__} {error}".strip()
