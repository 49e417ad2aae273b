"""Signed records for the transparency software of S.A.F.E. e.V., by which drivers verify them themselves. Pure."""

from collections.abc import Sequence
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from forecourt.sessions.samples import CONTEXTS
from forecourt.sessions.signed.ocmf import opened, plain
from forecourt.sessions.store import SignedRow

MEDIA_TYPE: Final = "application/xml"


def transparency_file(rows: Sequence[SignedRow], key: str | None) -> bytes:
    """The file that the transparency software opens: each different record exactly as its meter signed it, with the
    public key (hex of its DER) where it is known."""
    root = Element("values")
    seen: set[str] = set()
    for row in rows:
        wrapped = opened(row.record)
        text = plain(wrapped.signed_meter_data)
        data = text if text is not None else wrapped.signed_meter_data
        if data in seen:
            continue
        seen.add(data)
        value = SubElement(root, "value", transactionId="1", context=CONTEXTS[row.context])
        format_ = "OCMF" if text is not None else wrapped.encoding_method
        SubElement(value, "signedData", format=format_, encoding="plain").text = data
        said = key or wrapped.public_key
        if said:
            SubElement(value, "publicKey", encoding="plain").text = said
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode").encode()
