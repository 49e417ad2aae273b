"""Who is asking, for whom, and whether they may: organisations, people, roles, API keys, sign-in, audit.

Gives every request an `Actor` or none. Says what each role may do in one table. Never knows what the rooms above do.
"""

from forecourt.access.model import Actor, Forbidden, Origin, Role, SecondFactorNeeded, Unauthenticated, Verb, may
from forecourt.access.service import Access, audit

__all__ = [
    "Access",
    "Actor",
    "Forbidden",
    "Origin",
    "Role",
    "SecondFactorNeeded",
    "Unauthenticated",
    "Verb",
    "audit",
    "may",
]
