"""Secrets that must be read again: sealed by the deployment's own key, so that a stolen table alone opens nothing.

What only has to be recognised is kept as a digest instead (`platform.digest`).
"""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from forecourt.platform.digest import keyed_digest
from forecourt.platform.errors import ForecourtError

NONCE_BYTES: Final = 12


class SealBroken(ForecourtError):
    """A stored secret can't be opened: FORECOURT_SECRET_KEY is another one than it was sealed with. Put it back."""

    code = "seal-broken"


class Seal:
    """Seals texts for one purpose, by AES-256-GCM under a key of its own."""

    def __init__(self, secret_key: bytes, purpose: str) -> None:
        self._cipher = AESGCM(keyed_digest(secret_key, "seal", purpose))

    def close(self, text: str) -> bytes:
        """Nonce and ciphertext; another one each time."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text.encode(), None)

    def open(self, sealed: bytes) -> str:
        """The text. Raises SealBroken."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None).decode()
        except (InvalidTag, ValueError) as fault:
            raise SealBroken from fault
