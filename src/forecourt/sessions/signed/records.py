"""Signed records in the forms in which stations send them: opened, told apart, checked and handed on. Pure.

1.6 sends the record alone or as JSON of OCPP 2's fields (Open Charge Alliance, Signed Meter Values in OCPP), 2.x those
fields; the record within may be text, hex or base64. Which format it is says the record itself, as stations name it
as they like. One whose rules are not known is kept and called unproven.
"""

import base64
import html
from collections.abc import Collection, Sequence
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from forecourt.ocpp.neutral import Context
from forecourt.sessions.signed import alfen, edl, ocmf, sml
from forecourt.sessions.signed.keys import key_of, point, short_point, unbase32, unbase64, unhex
from forecourt.sessions.signed.model import Checked, Flaw, Role

#: What a record was taken for, by the context of its sample.
_ROLES: Final[dict[int, Role]] = {int(Context.BEGIN): Role.BEGIN, int(Context.END): Role.END}
_TEXTS: Final = {ocmf.MARK: ocmf.NAME, alfen.MARK: alfen.NAME}
#: The root of a record in XML, and its format.
_ROOTS: Final = {"signedMeterValue": edl.BLOCK, "ChargingProcess": edl.PROCESS}
_UNKNOWN: Final = "unknown"
#: How deep a record may lie in encodings of another: 2.x wants base64, and some put hex in it.
MAX_DEPTH: Final = 2


class Wrapped(Struct, rename="camel"):
    """OCPP 2.x's SignedMeterValueType, as far as it is told on."""

    signed_meter_data: str
    encoding_method: str = _UNKNOWN
    public_key: str = ""


class Record(Struct, frozen=True, kw_only=True):
    """A record taken out of what a station sent. `format` as the transparency software names it, or else as the station
    did; `text` with its `encoding` is the record byte for byte, `telegram` its bytes where it is one in SML."""

    format: str
    known: bool
    text: str
    encoding: str = "plain"
    telegram: bytes = b""
    #: As the station told it beside the record, in any form; "" if it didn't.
    key: str = ""


def opened(record: str) -> Wrapped:
    """A signed record by its parts: 2.x tells them, 1.6 sends them as JSON or the data alone."""
    try:
        return msgspec.json.decode(record, type=Wrapped)
    except msgspec.MsgspecError:
        found = next((name for mark, name in _TEXTS.items() if record.startswith(mark)), _UNKNOWN)
        return Wrapped(signed_meter_data=record, encoding_method=found)


def read(record: str) -> Record:
    """What a station sent as a record, told apart by what it is."""
    wrapped = opened(record)
    named = Record(format=wrapped.encoding_method, known=False, text=wrapped.signed_meter_data, key=wrapped.public_key)
    return _told_apart(named, wrapped.signed_meter_data, MAX_DEPTH) or named


def check(record: str, key: str | None, contexts: Collection[int] = ()) -> Checked:
    """One record checked by `key`, hex of a DER. `contexts`: those of the samples that it came with, by which it is a
    begin or an end where its meter doesn't sign that."""
    one = read(record)
    checked = _checked(one, key, frozenset(_ROLES[each] for each in contexts if each in _ROLES))
    return replace(checked, key=key_of(one.key) or checked.key)


def own_key(record: str) -> str | None:
    """The public key that a record came with, beside it or within: hex of its DER."""
    one = read(record)
    return key_of(one.key) or _checked(one, None, frozenset()).key


def unfit(records: Sequence[str]) -> bool:
    """Whether begin and end in OCMF don't make a transaction by which the law lets bill; the others are held together
    by what `Checked` says of them."""
    found = [one.text for one in map(read, records) if one.format == ocmf.NAME and one.known]
    return bool(found) and ocmf.unfit(found)


def key_for_software(format_: str, key: str) -> str:
    """A key, hex of its DER, as the transparency software takes it for a format: OCMF has it so, Alfen the short point
    in base32, EDL 40 the bare point."""
    short, bare = short_point(key), point(key)
    if format_ == alfen.NAME and short is not None:
        return base64.b32encode(short).decode()
    if format_ in (edl.TELEGRAM, edl.ISA, edl.BLOCK, edl.PROCESS) and bare is not None:
        return bare.hex()
    return key


def _checked(one: Record, key: str | None, roles: frozenset[Role]) -> Checked:
    if one.telegram:
        return edl.check_telegram(one.telegram, key, roles)
    if not one.known:
        ours = one.format.upper().startswith(ocmf.NAME)
        return Checked(format=one.format, flaw=Flaw.RECORD_UNREADABLE if ours else Flaw.FORMAT_UNKNOWN)
    if one.format == ocmf.NAME:
        return ocmf.check(one.text, key)
    if one.format == alfen.NAME:
        return alfen.check(one.text, key)
    root = edl.xml(one.text)
    assert root is not None
    return edl.check_block(root, key, roles) if one.format == edl.BLOCK else edl.check_process(root, key)


def _told_apart(named: Record, said: str, depth: int) -> Record | None:
    """The record in a text, which may lie in so many encodings; None where it is none that is known."""
    text = said.strip()
    text = html.unescape(text) if text.startswith("&lt;") else text
    name = _form(text)
    if name is not None:
        return replace(named, format=name, known=True, text=text)
    bare = "".join(text.split())
    for encoding, found in _decoded(bare) if depth else ():
        if found.startswith(sml.BEGIN):
            name = edl.check_telegram(found, None, frozenset()).format
            return replace(named, format=name, known=True, text=text, encoding=encoding, telegram=found)
        inner = _told_apart(named, found.decode(), depth - 1) if found.isascii() else None
        if inner is not None:
            return inner
    return None


def _form(text: str) -> str | None:
    """The format of a record in text."""
    for mark, name in _TEXTS.items():
        if text.startswith(mark):
            return name
    if text.startswith("<"):
        root = edl.xml(text)
        return None if root is None else _ROOTS.get(root.tag)
    return None


def _decoded(text: str) -> list[tuple[str, bytes]]:
    """What a text may be in hex, base64 or base32."""
    found = (("hex", unhex(text)), ("base64", unbase64(text)), ("base32", unbase32(text)))
    return [(encoding, content) for encoding, content in found if content]
