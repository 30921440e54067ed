"""The one form a seal's envelope has: nothing may hide in what no signature covers.

A PDF signature covers every byte but its own container, and in the container (CMS) only the signed attributes
and the signature itself stand under a key. Letters of the other case, padding, further certificates or
attributes could change there without any verifier noticing; here they are refused, because there is one way
to write the whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from asn1crypto import algos, cms, core, x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509 import load_der_x509_certificate

_CONTAINER = re.compile(rb"<([0-9A-F]+)>")
_TIMESTAMP = "signature_time_stamp_token"
_ALGORITHMS = {"ec": "sha256_ecdsa", "rsa": "sha256_rsa"}


class EnvelopeRefused(Exception):
    """Something about the container is not as we write it; the message says what."""


class AuthorityUnknown(EnvelopeRefused):
    """The timestamp is as an authority writes it, and leads to nobody whom we believe.

    The message is how whoever vouches for the authority is named; anybody may call himself that.
    """


def check_container(file: bytes, gap: tuple[int, int], trusted: Iterable[x509.Certificate]) -> None:
    """Refuse (EnvelopeRefused) a container that is not exactly what we would have written.

    `gap` is where the container lies in the file, its angle brackets included; `trusted` are the certificates
    of the company's seal and of the timestamp authority that we believe. Raises AuthorityUnknown when all
    holds but that nobody whom we believe speaks for the timestamp.
    """
    match = _CONTAINER.fullmatch(file[gap[0] : gap[1]])
    if match is None or len(match[1]) % 2:
        raise EnvelopeRefused("the seal is not written in capital hexadecimal digits")
    padded = bytes.fromhex(match[1].decode())
    try:
        info = cms.ContentInfo.load(padded)
        der = info.dump()
        if padded != der + b"\0" * (len(padded) - len(der)):
            raise EnvelopeRefused("something stands behind the seal")
        _check_signed_data(info, der, [certificate.dump() for certificate in trusted])
    except (ValueError, TypeError, KeyError) as error:
        raise EnvelopeRefused(f"the seal cannot be read: {error}") from error


def _check_signed_data(info: cms.ContentInfo, der: bytes, trusted: list[bytes]) -> None:
    """Compare the container with one made anew from what is under a key, and nothing else."""
    data = info["content"]
    (signer,) = data["signer_infos"]
    (certificate,) = (chosen.chosen for chosen in data["certificates"])
    if certificate.dump() not in trusted:
        raise EnvelopeRefused("another certificate lies in the seal")
    tokens, unknown = [], None
    for attribute in signer["unsigned_attrs"] or ():
        _same(attribute["type"].native, _TIMESTAMP, "unsigned attribute")
        (token,) = attribute["values"]
        try:
            check_token(token, trusted)
        except AuthorityUnknown as stranger:
            unknown = stranger  # the rest of the envelope is still to be looked at
        tokens.append(token)
    if len(tokens) > 1:
        raise EnvelopeRefused("there are two timestamps")
    if _anew(signer, certificate, tokens).dump() != der:
        raise EnvelopeRefused("it is not written as we write it")
    if unknown is not None:
        raise unknown


def _anew(
    signer: cms.SignerInfo, certificate: x509.Certificate, tokens: list[cms.ContentInfo]
) -> cms.ContentInfo:
    digest = algos.DigestAlgorithm({"algorithm": "sha256"})
    key = certificate.public_key.algorithm
    stamps = [cms.CMSAttribute({"type": _TIMESTAMP, "values": [token]}) for token in tokens]
    signed = cms.SignerInfo(
        {
            "version": "v1",
            "sid": cms.SignerIdentifier(
                {
                    "issuer_and_serial_number": cms.IssuerAndSerialNumber(
                        {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
                    )
                }
            ),
            "digest_algorithm": digest,
            "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": _ALGORITHMS[key]}),
            "signed_attrs": signer["signed_attrs"],
            "signature": signer["signature"].native,
            **({"unsigned_attrs": cms.CMSAttributes(stamps)} if stamps else {}),
        }
    )
    content = {
        "version": "v1",
        "digest_algorithms": cms.DigestAlgorithms([digest]),
        "encap_content_info": {"content_type": "data"},
        "certificates": [certificate],
        "signer_infos": [signed],
    }
    return cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(content)})


def check_token(token: cms.ContentInfo, trusted: list[bytes]) -> None:
    """Refuse a timestamp token with anything beside what the authority's own signature covers.

    Raises AuthorityUnknown when that is all that is the matter.
    """
    _same(token["content_type"].native, "signed_data", "timestamp")
    data = token["content"]
    (signer,) = data["signer_infos"]
    certificates = [chosen.chosen for chosen in data["certificates"] or ()]
    _same(data["version"].native, "v3", "version of the timestamp")
    _same(data["encap_content_info"]["content_type"].native, "tst_info", "content of the timestamp")
    if len(data["crls"] or ()) or len(signer["unsigned_attrs"] or ()):
        raise EnvelopeRefused("something else lies in the timestamp")
    (issuer, serial) = _issuer_and_serial(signer)
    own = [each for each in certificates if each.issuer == issuer and each.serial_number == serial]
    if len(own) != 1:
        raise EnvelopeRefused("the timestamp names another certificate")
    _check_signer(signer, own[0], data)
    if cms.ContentInfo.load(token.dump()).dump(force=True) != token.dump():
        raise EnvelopeRefused("the timestamp is not written in the one canonical form")
    _check_chain(own[0], certificates, trusted)


def _check_signer(signer: cms.SignerInfo, certificate: x509.Certificate, data: cms.SignedData) -> None:
    _same(signer["version"].native, "v1", "version of the signature")
    _same(_issuer_and_serial(signer), (certificate.issuer, certificate.serial_number), "signer")
    digests = [algorithm.dump() for algorithm in data["digest_algorithms"]]
    _same(digests, [signer["digest_algorithm"].dump()], "hash")
    for algorithm in (signer["digest_algorithm"], signer["signature_algorithm"]):
        if not isinstance(algorithm["parameters"], core.Null | core.Void):
            raise EnvelopeRefused("an algorithm has parameters")


def _check_chain(own: x509.Certificate, certificates: list[x509.Certificate], trusted: list[bytes]) -> None:
    """Each certificate lies on the one path from the signer to a certificate that we believe.

    A certificate that nobody needs is a place to hide something: a self-signed one is its own issuer, and
    even one that we believe was not necessarily there when the authority answered.
    """
    known = [load_der_x509_certificate(der) for der in trusted]
    rest = [load_der_x509_certificate(each.dump()) for each in certificates]
    last = load_der_x509_certificate(own.dump())
    rest.remove(last)
    while rest:
        candidates = [each for each in rest if last not in known or each in known]
        issuer = next((each for each in candidates if each != last and _is_issued_by(last, each)), None)
        if issuer is None:
            raise EnvelopeRefused("a certificate in the timestamp was changed, or does not belong there")
        rest.remove(issuer)
        last = issuer
    if last not in known and not any(_is_issued_by(last, one) for one in known):
        raise AuthorityUnknown(last.issuer.rfc4514_string())


def _is_issued_by(certificate: object, issuer: object) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)  # type: ignore[attr-defined]
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _issuer_and_serial(signer: cms.SignerInfo) -> tuple[x509.Name, int]:
    if signer["sid"].name != "issuer_and_serial_number":
        raise EnvelopeRefused("the signer is named otherwise")
    chosen = signer["sid"].chosen
    return chosen["issuer"], chosen["serial_number"].native


def _same(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise EnvelopeRefused(f"{what}: it is not as we write it")
