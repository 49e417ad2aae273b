"""Whether somebody may change how they sign in: by their own proof, and a recent one."""

from forecourt.access.model import Actor, BrowserSession, PeopleOnly, ProofTooOld
from forecourt.access.signin.model import RECENT, BySomebodyElse
from forecourt.platform.clock import Clock


def session_of(actor: Actor) -> BrowserSession:
    """The session of a person. Raises PeopleOnly for a key."""
    if actor.session is None:
        raise PeopleOnly
    return actor.session


def check_own(actor: Actor) -> None:
    """Raises BySomebodyElse for who was signed in by an organisation's provider: what they changed would count in their
    other organisations too, whose owners never trusted it."""
    if session_of(actor).by_provider:
        raise BySomebodyElse


def check_recent(actor: Actor, clock: Clock) -> None:
    """Raises BySomebodyElse, or ProofTooOld when they proved who they are longer than RECENT ago."""
    check_own(actor)
    if clock.now() - session_of(actor).proved_at > RECENT:
        raise ProofTooOld
