"""Who is asking, for whom, and whether they may: organisations, people, roles, API keys, sign-in, audit.

Gives every request an `Actor` or none. Says what each role may do in one table. Never knows what the rooms above do.
"""

from typing import TYPE_CHECKING, Any

from forecourt.access.auditing import audit
from forecourt.access.model import Actor, Forbidden, Origin, Role, SecondFactorNeeded, Unauthenticated, Verb, may

if TYPE_CHECKING:
    from forecourt.access.service import Access

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


def __getattr__(name: str) -> Any:
    """The verbs are loaded with what they need of the web's libraries: a gateway has use for the model only."""
    if name == "Access":
        from forecourt.access.service import Access

        return Access
    raise AttributeError(name)
