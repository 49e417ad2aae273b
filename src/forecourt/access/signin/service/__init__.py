"""The verbs of signing in: passwords, factors, passkeys, sessions, providers."""

from forecourt.access.signin.service.factors import Enrolment, Factors
from forecourt.access.signin.service.passkeys import Passkeys
from forecourt.access.signin.service.passwords import Passwords
from forecourt.access.signin.service.proof import check_recent
from forecourt.access.signin.service.providers import Providers
from forecourt.access.signin.service.sessions import Sessions

__all__ = ["Enrolment", "Factors", "Passkeys", "Passwords", "Providers", "Sessions", "check_recent"]
