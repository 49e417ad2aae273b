"""How invoices and debits are called: numbers for people, references for banks. Pure."""

import re
from typing import Final

#: How the numbers begin of the documents by which hosts are billed: a series beside that of invoices.
SELF_BILLED: Final = "SB-"
#: How a debit is called at the bank (EndToEndId).
DEBIT: Final = "DEBIT-"
_REFERENCE: Final = re.compile(r"RF[0-9]{2}[A-Z0-9]{1,21}")


def number_of(prefix: str, year: int, serial: int) -> str:
    """FC-2026-00012."""
    return f"{prefix}{year}-{serial:05}"


def reference_of(number: str) -> str:
    """What a transfer says, so that it finds its invoice: RF, two check digits, the number (ISO 11649)."""
    plain = re.sub(r"[^A-Z0-9]", "", number.upper())[-21:]
    digits = "".join(str(int(letter, 36)) for letter in f"{plain}RF00")
    return f"RF{98 - int(digits) % 97:02}{plain}"


def references_in(text: str) -> set[str]:
    """The references of transfers that stand in a text, however they are parted, with right check digits."""
    plain = re.sub(r"[^A-Z0-9]", "", text.upper())
    found: set[str] = set()
    for start in (match.start() for match in re.finditer("RF[0-9]{2}", plain)):
        for end in range(start + 5, min(len(plain), start + 25) + 1):
            said = plain[start:end]
            turned = "".join(str(int(letter, 36)) for letter in said[4:] + said[:4])
            if _REFERENCE.fullmatch(said) and int(turned) % 97 == 1:
                found.add(said)
    return found
