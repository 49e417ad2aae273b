"""Whether the certificates of a contract are good (ISO 15118-2 annex F, OCPP 2.0.1 C07). Pure, but for the curves.

The path is proven by `cryptography`; what is looked at before it only tells in OCPP's words what is wrong.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, Policy, PolicyBuilder, Store, VerificationError
from msgspec import Struct

from forecourt.ocpp.neutral import CertificateQuestion, ContractStatus, Standing

#: Certificates of a chain as a car has it: the contract's and two authorities' under the root; some have one more.
MAX_CHAIN: Final = 4
#: Authorities between a contract and a root.
MAX_DEPTH: Final = 3
#: Bytes of a certificate that is trusted.
MAX_DER: Final = 8_192
#: What the library raises of certificates that are not as they should be.
UNREADABLE: Final = (
    *(ValueError, TypeError, UnsupportedAlgorithm),
    *(x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType),
)
#: The branch of operators' contracts below a V2G root, by the domain component of its names (ISO 15118-2 annex F).
_BRANCH: Final = "MO"
#: An eMAID with its check digit, and without: characters.
_WHOLE, _BARE = 15, 14
_HASHES: Final[dict[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]]] = {
    "SHA256": hashes.SHA256,
    "SHA384": hashes.SHA384,
    "SHA512": hashes.SHA512,
}


def read_chain(pem: str) -> list[x509.Certificate] | None:
    """The certificates of a chain in PEM; None if they are none, or too many."""
    try:
        chain = x509.load_pem_x509_certificates(pem.encode())
        for each in chain:
            _read(each)
    except UNREADABLE:
        return None
    return chain if 0 < len(chain) <= MAX_CHAIN else None


def read_authority(text: str) -> x509.Certificate | None:
    """One certificate of an authority in PEM; None if it is none, or may not sign others."""
    try:
        [found] = x509.load_pem_x509_certificates(text.encode())
        basic = found.extensions.get_extension_for_class(x509.BasicConstraints)
        # One that can't be read would fail every chain later.
        _read(found)
        found.public_key()
    except UNREADABLE:
        return None
    return found if has_usable_key(found) and basic.value.ca and len(encoded(found)) <= MAX_DER else None


def _read(certificate: x509.Certificate) -> None:
    """Reads what the library leaves unread until it is asked for. Raises one of UNREADABLE."""
    for name in (certificate.subject, certificate.issuer):
        name.rfc4514_string()
    _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc


def has_usable_key(certificate: x509.Certificate) -> bool:
    """Whether its key is of a kind by which a path and a responder's answer can be proven."""
    try:
        return isinstance(
            certificate.public_key(), (ec.EllipticCurvePublicKey, rsa.RSAPublicKey, ed25519.Ed25519PublicKey)
        )
    except UNREADABLE:
        return False


def encoded(certificate: x509.Certificate) -> bytes:
    """The DER of a certificate."""
    return certificate.public_bytes(serialization.Encoding.DER)


def check_chain(
    chain: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], emaid: str, now: datetime
) -> ContractStatus:
    """What a chain is worth, the contract's certificate first: whether it leads to one of the anchors now, by
    authorities that may sign so deep, and is that of this eMAID. Whether it is revoked is asked elsewhere."""
    if not chain or not anchors:
        return ContractStatus.CHAIN_ERROR
    if any(each.not_valid_after_utc < now for each in chain):
        return ContractStatus.EXPIRED
    for lower, upper in pairwise(chain):
        if lower.issuer == upper.subject and not _signed_by(lower, upper):
            return ContractStatus.SIGNATURE_ERROR
    above = [each for each in anchors if each.subject == chain[-1].issuer]
    if above and not any(_signed_by(chain[-1], each) for each in above):
        return ContractStatus.SIGNATURE_ERROR
    builder = PolicyBuilder().store(Store(list(anchors))).time(now).max_chain_depth(MAX_DEPTH)
    verifier = builder.extension_policies(ca_policy=_AUTHORITY, ee_policy=_CONTRACT).build_client_verifier()
    try:
        verifier.verify(chain[0], list(chain[1:]))
    except (VerificationError, *UNREADABLE):
        return ContractStatus.CHAIN_ERROR
    good = names(chain[0], emaid) and all(map(_is_of_operators, chain))
    return ContractStatus.ACCEPTED if good else ContractStatus.CHAIN_ERROR


def emaid_of(certificate: x509.Certificate) -> str:
    """The eMAID that a contract's certificate names, as it is written there; empty where it names none, or several."""
    said = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(said[0].value) if len(said) == 1 else ""


def names(certificate: x509.Certificate, emaid: str) -> bool:
    """Whether a certificate is that of this eMAID, with or without hyphens and the check digit."""
    said = {_bare(str(each.value)) for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)}
    wanted = _bare(emaid)
    if len(said) != 1:
        return False
    [one] = said
    short, long = sorted((one, wanted), key=len)
    return one == wanted or (len(short) == _BARE and len(long) == _WHOLE and long.startswith(short))


def _is_of_operators(certificate: x509.Certificate) -> bool:
    """Whether a certificate may belong to a contract: another branch of a V2G root, as that of stations or of makers of
    cars, says so by another domain component."""
    said = certificate.subject.get_attributes_for_oid(NameOID.DOMAIN_COMPONENT)
    return not said or _BRANCH in {str(each.value).upper() for each in said}


def question_about(certificate: x509.Certificate, issuer: x509.Certificate) -> CertificateQuestion | None:
    """How a responder is asked about a certificate; None where the certificate names none."""
    url = responder_of(certificate)
    if url is None:
        return None
    return CertificateQuestion(
        algorithm="SHA256",
        issuer_name_hash=name_hash(issuer, hashes.SHA256()).hex(),
        issuer_key_hash=key_hash(issuer, hashes.SHA256()).hex(),
        serial=f"{certificate.serial_number:x}",
        url=url,
    )


def responder_of(certificate: x509.Certificate) -> str | None:
    """Where the responder is that knows whether a certificate is revoked."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except UNREADABLE:
        return None
    places = [each.access_location for each in access if each.access_method == AuthorityInformationAccessOID.OCSP]
    return next((str(place.value) for place in places if isinstance(place, x509.UniformResourceIdentifier)), None)


def issuer_among(certificate: x509.Certificate, authorities: Sequence[x509.Certificate]) -> x509.Certificate | None:
    """The one of these that signed a certificate; names alone don't tell, as two may have one."""
    for each in authorities:
        try:
            certificate.verify_directly_issued_by(each)
        except (InvalidSignature, *UNREADABLE):
            continue
        if has_usable_key(each):
            return each
    return None


def hash_named(algorithm: str) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512:
    """The hash of OCPP's HashAlgorithmEnumType."""
    return _HASHES[algorithm]()


def name_hash(issuer: x509.Certificate, algorithm: hashes.HashAlgorithm) -> bytes:
    """By which OCSP knows an authority: the hash of its name."""
    return _digest(issuer.subject.public_bytes(), algorithm)


def key_hash(issuer: x509.Certificate, algorithm: hashes.HashAlgorithm) -> bytes:
    """The same of its key, without what kind of key it is."""
    key = issuer.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return _digest(key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1), algorithm)
    form = serialization.PublicFormat.UncompressedPoint
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _digest(key.public_bytes(serialization.Encoding.X962, form), algorithm)
    return _digest(key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw), algorithm)


def _digest(content: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
    digest = hashes.Hash(algorithm)
    digest.update(content)
    return digest.finalize()


def _signed_by(lower: x509.Certificate, upper: x509.Certificate) -> bool:
    try:
        lower.verify_directly_issued_by(upper)
    except InvalidSignature:
        return False
    except UNREADABLE:
        # What is wrong is not the signature; the path will be refused.
        return True
    return True


def _bare(emaid: str) -> str:
    return emaid.replace("-", "").replace("*", "").upper()


def _is_authority(policy: Policy, certificate: x509.Certificate, basic: x509.BasicConstraints) -> None:
    if not basic.ca:
        raise ValueError("it is no authority")


def _may_sign(policy: Policy, certificate: x509.Certificate, usage: x509.KeyUsage) -> None:
    if not usage.key_cert_sign:
        raise ValueError("its key may sign no certificates")


def _no_authority(policy: Policy, certificate: x509.Certificate, basic: x509.BasicConstraints | None) -> None:
    if basic is not None and basic.ca:
        raise ValueError("a contract is no authority")


def _signs(policy: Policy, certificate: x509.Certificate, usage: x509.KeyUsage) -> None:
    if not usage.digital_signature:
        raise ValueError("its key may sign nothing")


#: What the extensions of an authority and of a contract must say; those of the web (a name of a host, a purpose) are
#: not asked for, as ISO 15118 has none of them.
_AUTHORITY: Final = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _is_authority)
    .require_present(x509.KeyUsage, Criticality.AGNOSTIC, _may_sign)
)
_CONTRACT: Final = (
    ExtensionPolicy.permit_all()
    .may_be_present(x509.BasicConstraints, Criticality.AGNOSTIC, _no_authority)
    .require_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs)
)


def subject_of(certificate: x509.Certificate) -> str:
    """The name that a certificate bears, as people read it: 1,000 characters at the most, - for none."""
    return certificate.subject.rfc4514_string()[:1_000] or "-"


class Said(Struct, frozen=True, kw_only=True):
    """How a certificate stands. `produced_at`: when its responder signed that; None where no answer came that counts,
    and then `counts_until` is when to ask anew. `issuer`: the name of its authority."""

    standing: Standing
    issuer: str
    produced_at: datetime | None
    counts_until: datetime
    asked_at: datetime
