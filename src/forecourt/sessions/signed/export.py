"""Signed records for the transparency software of S.A.F.E. e.V., by which drivers verify them themselves. Pure."""

from collections.abc import Sequence
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from forecourt.sessions.samples import CONTEXTS
from forecourt.sessions.signed.records import key_for_software, read
from forecourt.sessions.store import SignedRow

MEDIA_TYPE: Final = "application/xml"


def transparency_file(rows: Sequence[SignedRow], key: str | None) -> bytes:
    """The file that the transparency software opens: each different record exactly as its meter signed it, with the
    public key (hex of its DER) where it is known, in the words that the software has for its format."""
    root = Element("values")
    seen: set[str] = set()
    for row in rows:
        one = read(row.record)
        if one.text in seen:
            continue
        seen.add(one.text)
        value = SubElement(root, "value", transactionId="1", context=CONTEXTS[row.context])
        SubElement(value, "signedData", format=one.format, encoding=one.encoding).text = one.text
        said = one.key if key is None else key_for_software(one.format, key)
        if said:
            SubElement(value, "publicKey", encoding="plain").text = said
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode").encode()
