"""Keyed digests of secrets that machines make: what the database keeps instead of an API key or a station's password.

Such secrets are long and random, so a fast keyed hash is enough: without the deployment's key a stolen table can't even
be searched, and a reconnect storm is not slowed down. Passwords that people choose take argon2 instead (room access).
"""

from hashlib import blake2b

DIGEST_SIZE = 32


def keyed_digest(key: bytes, purpose: str, secret: str | bytes) -> bytes:
    """The 32 bytes that stand for a secret; `purpose` (at most 16 bytes) keeps digests of different uses apart."""
    if not key:
        raise ValueError("a keyed digest needs a key")
    if len(key) > blake2b.MAX_KEY_SIZE:
        key = blake2b(key).digest()
    raw = secret.encode() if isinstance(secret, str) else secret
    return blake2b(raw, key=key, person=purpose.encode(), digest_size=DIGEST_SIZE).digest()
