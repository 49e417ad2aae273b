"""Signed records of EDL 40 meters, in each of the forms in which stations send them: read, and checked. Pure.

One block of 320 bytes is what a meter signs (EDL 40 with the extension for the customer's identification), and it is
put together here again from what a record says: EDL_40_P and ISA_EDL_40_P are whole telegrams in SML, EDL_40_SIG is the
block and its signature in XML, EDL_40_MENNEKES the begin and the end of a charging process in XML. What isn't in the
block is not signed, and nothing is taken from there. The layouts are those that the transparency software of S.A.F.E.
e.V. and Chargy agree on. Meters with signatures of 66 bytes and one register (EMH eMOC) are not checked: of their
status byte there is one source only, and the published records are not genuine by it.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from forecourt.sessions.signed import sml
from forecourt.sessions.signed.keys import P192, P256, flaw_of, key_of, unbase32, unbase64, unhex
from forecourt.sessions.signed.model import Checked, Flaw, Register, Role, moment, reading
from forecourt.sessions.signed.sml import Answer, Entry

TELEGRAM: Final = "EDL_40_P"
ISA: Final = "ISA_EDL_40_P"
BLOCK: Final = "EDL_40_SIG"
PROCESS: Final = "EDL_40_MENNEKES"

#: Bytes of what is signed, and of its parts.
_SIGNED: Final = 320
_CONTRACT: Final = 128
_SERVER: Final = 10
_P192_SIGNATURE: Final = 48
_P256_SIGNATURE: Final = 64
_LOG: Final = 2
_HOLDER: Final = 20
_WH: Final = 30

_OF_CONTRACT: Final = bytes.fromhex("8182815401ff")
#: Energy from the grid: the register, and the one that is signed (1-0:1.8.0, 1-0:1.17.0).
_IMPORT: Final = bytes.fromhex("0100010800ff")
_IMPORT_SIGNED: Final = bytes.fromhex("0100011100ff")
_BILLABLE: Final = frozenset({_IMPORT, _IMPORT_SIGNED})
_OF_PAGE: Final = bytes.fromhex("8180817101ff")
_OF_SECONDS: Final = bytes.fromhex("810060080001")
_OF_VERSION: Final = bytes.fromhex("00af737672ff")
_ISA_START: Final = bytes.fromhex("010001080080")
_ISA_PAGE: Final = bytes.fromhex("8180c7f040ff")
_ISA_HOLDER: Final = bytes.fromhex("8180816101ff")
#: What an ISA-EDL 40 telegram is, by the name of its list: begin, in between, end.
_ISA_ROLES: Final = {
    bytes.fromhex("8180816200ff"): Role.BEGIN,
    bytes.fromhex("8180816201ff"): Role.BETWEEN,
    bytes.fromhex("8180816202ff"): Role.END,
}


class _Strange(Exception):
    """A record of this family, but of a kind whose rules are not known here."""


class _Broken(Exception):
    """A record that can't be read."""


def check_telegram(telegram: bytes, key: str | None, roles: frozenset[Role]) -> Checked:
    """A telegram in SML checked by `key`, hex of a DER. `roles`: what the station took it for, as an EDL 40 meter
    doesn't sign that; an ISA-EDL 40 meter does."""
    name = TELEGRAM
    try:
        answer = sml.read(telegram)
        if answer.name in _ISA_ROLES and _ISA_START in answer.entries:
            name = ISA
            return _check_isa(answer, key)
        block, signature = _block_of(answer)
        return _checked(name, block, signature, key, roles)
    except sml.Unreadable:
        return Checked(format=name, flaw=Flaw.RECORD_UNREADABLE)
    except _Strange:
        return Checked(format=name, flaw=Flaw.FORMAT_UNKNOWN)


def check_block(root: Element, key: str | None, roles: frozenset[Role]) -> Checked:
    """A block and its signature in XML (`signedMeterValue`)."""
    own = own_key(root)
    methods = (_text(root, "encodingMethod").upper(), _text(root, "signatureMethod").upper())
    if methods != ("EDL", "ECDSA192SHA256"):
        return Checked(format=BLOCK, flaw=Flaw.FORMAT_UNKNOWN, key=own)
    block, signature = _decoded(root, "encodedMeterValue"), _decoded(root, "meterValueSignature")
    if block is None or signature is None or len(block) != _SIGNED:
        return Checked(format=BLOCK, flaw=Flaw.RECORD_UNREADABLE, key=own)
    return _checked(BLOCK, block, signature, key, roles, own)


def check_process(root: Element, key: str | None) -> Checked:
    """Begin and end of a charging process in XML (`ChargingProcess`), each signed for itself."""
    own = own_key(root)
    try:
        both = [
            _checked(PROCESS, *_measured(root, name), key, frozenset({role}), own)
            for name, role in (("MeasurementStart", Role.BEGIN), ("MeasurementEnd", Role.END))
        ]
    except (_Broken, ValueError, OverflowError):
        return Checked(format=PROCESS, flaw=Flaw.RECORD_UNREADABLE, key=own)
    bonds = {each.bond for each in both}
    return Checked(
        format=PROCESS,
        flaw=next((each.flaw for each in both if each.flaw is not None), None),
        registers=tuple(register for each in both for register in each.registers),
        key=own,
        bond=both[0].bond if len(bonds) == 1 else None,
        faulty=len(bonds) > 1,
    )


def own_key(root: Element) -> str | None:
    """The key that a record in XML came with: hex of its DER."""
    return key_of(_text(root, "publicKey") or _text(root, "PublicKey"))


def xml(text: str) -> Element | None:
    """A record in XML; None if it is none. Declarations of types and entities are refused, as no record has them."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return None
    try:
        root = ElementTree.fromstring(text)  # noqa: S314  it declares nothing
    except (ElementTree.ParseError, ValueError):
        return None
    for each in root.iter():
        each.tag = str(each.tag).rpartition("}")[2]
    return root


def _checked(
    name: str, block: bytes, signature: bytes, key: str | None, roles: frozenset[Role], own: str | None = None
) -> Checked:
    """One block of EDL 40 and its signature, which may have the entry of the log after it once more."""
    log = block[39:41]
    if len(signature) == _P192_SIGNATURE + _LOG and signature[_P192_SIGNATURE:] != log:
        return Checked(format=name, flaw=Flaw.SIGNATURE_WRONG, key=own)
    flaw = flaw_of(key, P192, signature[:_P192_SIGNATURE], block)
    meter, at = block[:_SERVER], int.from_bytes(block[10:14], "little")
    register = _register(block[23:29], block[29], block[30], block[31:39], meter, block[19:23], at, roles)
    return Checked(
        format=name,
        flaw=flaw,
        registers=() if register is None else (register,),
        key=own,
        bond=f"{block[41:169].rstrip(bytes(1)).hex()}/{log.hex()}",
    )


def _check_isa(answer: Answer, key: str | None) -> Checked:
    """A telegram with the register at the begin and the one now (ISA-EDL 40 P)."""
    start, now = _entry(answer, _ISA_START), _entry(answer, _IMPORT)
    contract, holder = _octets(answer, _OF_CONTRACT), _octets(answer, _ISA_HOLDER)
    fits = (
        len(answer.server) == _SERVER
        and len(contract) <= _CONTRACT
        and len(holder) == _HOLDER
        and len(now.signature) == _P256_SIGNATURE + _LOG
        and len(answer.signature) == _P256_SIGNATURE + _LOG
    )
    if not fits:
        raise _Strange
    page, log = _number(answer, _ISA_PAGE), answer.signature[_P256_SIGNATURE:]
    first, last = _bytes_of(_ISA_START, start), _bytes_of(_IMPORT, now)
    signed = b"".join(
        (
            *(answer.server, _little(now.local_s, 4), last, log, now.signature),
            *(contract.ljust(_CONTRACT, b"\0"), _little(start.local_s, 4), holder, first),
            *(answer.name, _little(page, 4)),
        )
    ).ljust(_SIGNED, b"\0")
    role = _ISA_ROLES[answer.name]
    of_begin, of_now, meter = frozenset({Role.BEGIN}), frozenset({role}), answer.server
    begun = _register(_IMPORT, start.unit, start.scaler, first[9:], meter, None, start.local_s, of_begin)
    read = _register(_IMPORT, now.unit, now.scaler, last[9:], meter, _little(page, 4), now.local_s, of_now)
    return Checked(
        format=ISA,
        flaw=flaw_of(key, P256, answer.signature[:_P256_SIGNATURE], signed),
        registers=tuple(each for each in (begun, read if role is not Role.BEGIN else None) if each is not None),
        bond=f"{contract.rstrip(bytes(1)).hex()}/{start.local_s}",
    )


def _block_of(answer: Answer) -> tuple[bytes, bytes]:
    """What an EDL 40 meter signed of its telegram, and the signature. Raises _Strange."""
    value, contract = _entry(answer, _IMPORT_SIGNED), _entry(answer, _OF_CONTRACT)
    told = _octets(answer, _OF_CONTRACT)
    seconds = sml.seconds_of(_entry(answer, _OF_SECONDS).value)
    fits = (
        len(answer.server) == _SERVER
        and len(told) <= _CONTRACT
        and len(answer.signature) == _P192_SIGNATURE + _LOG
        and _OF_VERSION not in answer.entries
    )
    if not fits or seconds is None:
        raise _Strange
    signed = _bytes_of(_IMPORT_SIGNED, value)
    parts = (
        *(answer.server, _little(value.local_s, 4), signed[:1]),
        *(_little(seconds, 4), _little(_number(answer, _OF_PAGE), 4), signed[1:]),
        *(answer.signature[_P192_SIGNATURE:], told.ljust(_CONTRACT, b"\0"), _little(contract.local_s, 4)),
    )
    return b"".join(parts).ljust(_SIGNED, b"\0"), answer.signature


def _measured(root: Element, name: str) -> tuple[bytes, bytes]:
    """What was signed at the begin or end of a charging process, and the signature. Raises _Broken, ValueError."""
    part = root.find(name)
    if part is None:
        raise _Broken
    server, contract = bytes.fromhex(_text(root, "ServerId")), bytes.fromhex(_text(root, "CustomerIdent"))
    signature = bytes.fromhex("".join(_text(part, "Signature").split()))
    if len(server) != _SERVER or len(contract) > _CONTRACT:
        raise _Broken
    known = _text(part, "TimestampCustomerIdent") or _text(root, "TimestampCustomerIdent")
    log = int(_text(part, "EventCounter")).to_bytes(_LOG)
    parts = (
        *(server, _little(_wall(_text(part, "Timestamp")), 4), _little(int(_text(part, "MeterStatus")), 1)),
        *(_little(int(_text(part, "SecondIndex")), 4), _little(int(_text(part, "Pagination")), 4), _IMPORT_SIGNED),
        *(bytes([_WH]), _little(int(_text(part, "Scaler")), 1), _little(int(_text(part, "Value")), 8)),
        *(signature[_P192_SIGNATURE:] or log, contract.ljust(_CONTRACT, b"\0"), _little(_wall(known), 4)),
    )
    return b"".join(parts).ljust(_SIGNED, b"\0"), signature


def _wall(text: str) -> int:
    """Seconds since 1970 on the clock at the wall where the zone is told."""
    moment = datetime.fromisoformat(text)
    offset = moment.utcoffset()
    if offset is None:
        raise _Broken
    return int(moment.timestamp()) + int(offset.total_seconds())


def _bytes_of(code: bytes, entry: Entry) -> bytes:
    """A value as it is signed: status, OBIS code, unit, scaler, register."""
    if entry.local_s is None or not isinstance(entry.value, int) or entry.unit is None:
        raise _Strange
    return b"".join(
        (
            *(_little(entry.status or 0, 1), code, _little(entry.unit, 1)),
            *(_little(entry.scaler, 1), _little(entry.value, 8)),
        )
    )


def _register(
    code: bytes,
    unit: int | None,
    scaler: int,
    value: bytes,
    server: bytes,
    page: bytes | None,
    at_s: int | None,
    roles: Iterable[Role],
) -> Register | None:
    """A reading in Wh by which may be billed; None of another quantity. `at_s`: seconds since 1970, local time."""
    if code not in _BILLABLE or unit != _WH:
        return None
    wh = reading(int.from_bytes(value, "little", signed=True), (scaler + 0x80 & 0xFF) - 0x80)
    if wh is None:
        return None
    return Register(
        begin=Role.BEGIN in roles,
        end=Role.END in roles,
        wh=wh,
        meter=server.hex().upper(),
        page=None if page is None else int.from_bytes(page, "little"),
        at=None if at_s is None else moment(at_s & 0xFFFF_FFFF),
    )


def _entry(answer: Answer, code: bytes) -> Entry:
    found = answer.entries.get(code)
    if found is None:
        raise _Strange
    return found


def _octets(answer: Answer, code: bytes) -> bytes:
    value = _entry(answer, code).value
    if not isinstance(value, bytes):
        raise _Strange
    return value


def _number(answer: Answer, code: bytes) -> int:
    value = _entry(answer, code).value
    if not isinstance(value, int):
        raise _Strange
    return value


def _little(value: int | None, size: int) -> bytes:
    """The lowest bytes of a number, the lowest first."""
    if value is None:
        raise _Strange
    return (value & (1 << 8 * size) - 1).to_bytes(size, "little")


def _text(parent: Element, name: str) -> str:
    found = parent.find(name)
    return "" if found is None or found.text is None else found.text.strip()


def _decoded(root: Element, name: str) -> bytes | None:
    """The bytes of an element by its attribute `encoding`."""
    found = root.find(name)
    decode = {"base64": unbase64, "hex": unhex, "base32": unbase32}.get(
        "" if found is None else found.get("encoding", "").lower()
    )
    return None if decode is None else decode("".join(_text(root, name).split()))
