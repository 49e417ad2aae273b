"""Signed records of Alfen's stations: read, and their signatures checked. Pure.

A record is six fields with semicolons between: AP, what it was taken for (0 begin, 1 end, 2 in between), the version of
the format (3), and in base32 the public key, what is signed (82 bytes, lower bytes first), and the signature (ECDSA on
secp192r1 over SHA-256). What it was taken for isn't signed, but its running number is. The layout is the one that the
transparency software of S.A.F.E. e.V. and Chargy agree on.
"""

from typing import Final

from forecourt.sessions.signed.keys import P192, flaw_of, key_of, unbase32
from forecourt.sessions.signed.model import Checked, Flaw, Register, moment, reading

NAME: Final = "ALFEN"
MARK: Final = "AP;"
_VERSION: Final = "3"
_BEGIN, _END, _BETWEEN = "0", "1", "2"
_SIGNED: Final = 82
_WH: Final = 30
#: Energy from the grid, 1-0:1.8.0*255.
_IMPORT: Final = bytes.fromhex("0100010800ff")
#: Bits of the status that say that the meter or its adapter is in error, or that the register was another at the begin.
_FAULTS: Final = sum(1 << bit for bit in (1, 2, 16, 26, 30, 31))


def check(record: str, key: str | None) -> Checked:
    """One record, as text, checked by `key`, hex of a DER."""
    parts = record.strip().rstrip(";").split(";")
    if len(parts) != 6:
        return Checked(format=NAME, flaw=Flaw.RECORD_UNREADABLE)
    _, kind, version, _, _, _ = parts
    own = own_key(record)
    if version != _VERSION or kind not in (_BEGIN, _END, _BETWEEN):
        return Checked(format=NAME, flaw=Flaw.FORMAT_UNKNOWN, key=own)
    signed, signature = unbase32(parts[4]), unbase32(parts[5])
    if signed is None or signature is None or len(signed) != _SIGNED or own is None:
        return Checked(format=NAME, flaw=Flaw.RECORD_UNREADABLE, key=own)
    register = _register(signed, kind)
    return Checked(
        format=NAME,
        flaw=flaw_of(key, P192, signature, signed),
        registers=() if register is None else (register,),
        key=own,
        bond=f"{signed[:10].hex()}/{signed[54:74].rstrip(bytes(1)).hex()}/{signed[74:78].hex()}",
        faulty=bool(int.from_bytes(signed[26:30], "little") & _FAULTS),
    )


def own_key(record: str) -> str | None:
    """The public key that a record came with: hex of its DER."""
    parts = record.split(";")
    return key_of(parts[3]) if len(parts) > 3 else None


def _register(signed: bytes, kind: str) -> Register | None:
    if signed[38:44] != _IMPORT or signed[44] != _WH:
        return None
    scaler = int.from_bytes(signed[45:46], signed=True)
    wh = reading(int.from_bytes(signed[46:54], "little", signed=True), scaler)
    if wh is None:
        return None
    return Register(
        begin=kind == _BEGIN,
        end=kind == _END,
        wh=wh,
        meter=signed[16:26].hex().upper(),
        page=int.from_bytes(signed[78:82], "little"),
        at=moment(int.from_bytes(signed[34:38], "little")),
    )
