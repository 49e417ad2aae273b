"""Public keys of meters: read in every form in which they are said, and used to check a signature. Pure.

A key is kept as hex of its DER (SubjectPublicKeyInfo), whatever it was said as. Meters print the bare point of the
curve instead: 48 or 64 bytes X and Y (EDL 40, ISA-EDL 40), or 25 bytes with the sign of Y (Alfen).
"""

import base64
import binascii
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from forecourt.sessions.signed.model import Flaw

#: How the Open Charge Alliance names a key in hex of its DER (Signed Meter Values in OCPP, 3.3).
_KEY_MARK: Final = "oca:base16:asn1:"
#: A DER sequence begins with it.
_SEQUENCE: Final = 0x30
#: A point of a curve, whole.
_WHOLE: Final = b"\x04"
#: From here on a DER length is told in so many further bytes.
_LONG: Final = 0x80
#: How deep an encoding may lie in others.
MAX_DEPTH: Final = 3
#: Characters of a key as it may be said; the longest curve needs 240.
MAX_KEY: Final = 2_500

P192: Final = ec.SECP192R1()
P256: Final = ec.SECP256R1()
#: Bytes of a point by which its curve is told: X and Y, or X and the sign of Y.
_CURVES: Final[dict[int, ec.EllipticCurve]] = {48: P192, 25: P192, 64: P256}


def key_of(said: str, depth: int = 0) -> str | None:
    """A public key in hex of its DER, however it was said: a DER or a bare point in hex, base32 or base64, with the
    mark of the Open Charge Alliance, or one in another. None if it is none."""
    text = "".join(said.split())
    if not text or len(text) > MAX_KEY or depth > MAX_DEPTH:
        return None
    if text.startswith(_KEY_MARK):
        return key_of(text.removeprefix(_KEY_MARK), depth + 1)
    for decode in (unhex, unbase32, unbase64):
        found = decode(text)
        key = None if not found else _key(found, depth)
        if key is not None:
            return key
    return None


def usable(key: str) -> bool:
    """Whether a key, hex of a DER, is one of an elliptic curve by which records can be checked."""
    return _load(key) is not None


def point(key: str) -> bytes | None:
    """The bare point of a key, X and Y, as meters print it; None if it is none of an elliptic curve."""
    loaded = _load(key)
    return None if loaded is None else _encoded(loaded, serialization.PublicFormat.UncompressedPoint)[1:]


def short_point(key: str) -> bytes | None:
    """The point of a key as Alfen says it: the sign of Y, and X."""
    loaded = _load(key)
    return None if loaded is None else _encoded(loaded, serialization.PublicFormat.CompressedPoint)


def flaw_of(key: str | None, curve: ec.EllipticCurve, signature: bytes, signed: bytes) -> Flaw | None:
    """What is wrong with an ECDSA signature over SHA-256 of the bytes, r and s one after the other; None if it is
    genuine. The digest is cut to the curve's length, as FIPS 186 has it."""
    if key is None:
        return Flaw.KEY_MISSING
    loaded = _load(key)
    if loaded is None or loaded.curve.name != curve.name:
        return Flaw.KEY_UNUSABLE
    half = (curve.key_size + 7) // 8
    if len(signature) != 2 * half:
        return Flaw.SIGNATURE_WRONG
    r, s = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
    try:
        loaded.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return Flaw.SIGNATURE_WRONG
    return None


def unhex(text: str) -> bytes | None:
    """The bytes of a text in hex; None if it is none."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None


def unbase64(text: str) -> bytes | None:
    """The bytes of a text in base64; None if it is none."""
    return _exact(text, base64.b64encode, lambda padded: base64.b64decode(padded, validate=True), 4)


def unbase32(text: str) -> bytes | None:
    """The bytes of a text in base32; None if it is none."""
    return _exact(text, base64.b32encode, base64.b32decode, 8)


def _exact(text: str, encode: Callable[[bytes], bytes], decode: Callable[[str], bytes], block: int) -> bytes | None:
    """Decoded where the text is the only one for its bytes, padded or not: bits that say nothing could be changed."""
    bare = text.rstrip("=")
    padded = bare + "=" * (-len(bare) % block)
    if text not in (bare, padded):
        return None
    try:
        found = decode(padded)
    except (binascii.Error, ValueError):
        return None
    return found if encode(found).decode() == padded else None


def _key(found: bytes, depth: int) -> str | None:
    if _is_sequence(found):
        return found.hex()
    bare = found[1:] if found.startswith(_WHOLE) and len(found) - 1 in _CURVES else found
    curve = _CURVES.get(len(bare))
    if curve is not None:
        whole = bare if len(bare) % 2 else _WHOLE + bare
        try:
            loaded = ec.EllipticCurvePublicKey.from_encoded_point(curve, whole)
        except ValueError:
            pass
        else:
            form = serialization.PublicFormat.SubjectPublicKeyInfo
            return loaded.public_bytes(serialization.Encoding.DER, form).hex()
    return key_of(found.decode("ascii"), depth + 1) if found.isascii() else None


def _is_sequence(found: bytes) -> bool:
    """Whether the bytes are one DER sequence and nothing else: a point may begin with the same byte."""
    if len(found) < 2 or found[0] != _SEQUENCE:
        return False
    if found[1] < _LONG:
        return found[1] == len(found) - 2
    more = found[1] - _LONG
    return 1 <= more <= 2 and int.from_bytes(found[2 : 2 + more]) == len(found) - 2 - more


def _load(key: str) -> ec.EllipticCurvePublicKey | None:
    try:
        loaded = serialization.load_der_public_key(bytes.fromhex(key))
    except (ValueError, UnsupportedAlgorithm):
        return None
    return loaded if isinstance(loaded, ec.EllipticCurvePublicKey) else None


def _encoded(key: ec.EllipticCurvePublicKey, form: serialization.PublicFormat) -> bytes:
    return key.public_bytes(serialization.Encoding.X962, form)
