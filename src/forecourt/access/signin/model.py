"""Rules of signing in without I/O: what a good password is, how long a guesser waits, which code of which moment is
right, and what the groups of a provider make of a person."""

import re
import secrets
from collections.abc import Iterable, Sequence
from datetime import timedelta
from hmac import compare_digest

import pyotp
from msgspec import Struct

from forecourt.access.errors import PasswordRefused
from forecourt.access.model import Role
from forecourt.access.passwords import MAX_PASSWORD_LENGTH
from forecourt.access.signin.common import COMMON_PASSWORDS
from forecourt.platform.errors import ForecourtError

#: Shorter passwords are refused; see NIST SP 800-63B §3.1.1.2 on why nothing else is asked of their characters.
MIN_PASSWORD_LENGTH = 12
#: Words of names and e-mail addresses that are shorter say too little to be looked for; well-known ones are longer.
MIN_WORD_LENGTH = 3
#: A password of fewer different characters is a pattern.
MIN_DIFFERENT = 4

STEP_S = 30
#: Steps before and after the present one whose codes are taken too: clocks of telephones differ.
STEPS_OFF = 1
CODE_LENGTH = 6
RECOVERY_CODES = 10
#: Letters and digits that are not mistaken for each other; 12 of them are 59 bits.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_RECOVERY_LENGTH = 12
_RECOVERY_PART = 4

#: A second factor that is enrolled, a password that is changed and the like need a proof no older than this.
RECENT = timedelta(minutes=10)
#: Organisations' group mappings are this long at most.
MAX_GRANTS = 50
MAX_GROUPS = 500
#: In a mapping: everybody whom the provider signs in.
EVERYBODY = "*"


class SecondFactorAsked(ForecourtError):
    """The password is right. Now show the second factor."""

    status = 401
    code = "second-factor-asked"

    def __init__(self, step: str) -> None:
        super().__init__()
        #: The token of the step, which the browser keeps until it shows the second factor.
        self.step = step


class StepGone(ForecourtError):
    """This took too long or was done already. Begin again."""

    status = 410
    code = "step-gone"


class CodeRefused(ForecourtError):
    """The code is wrong or was used before. Wait for the next one, and see that the telephone's clock is right."""

    status = 401
    code = "code-refused"


class PasskeyRefused(ForecourtError):
    """The passkey was not accepted. Try again, or sign in by password."""

    status = 401
    code = "passkey-refused"


class PasskeyUnknown(ForecourtError):
    """There is no such passkey of yours."""

    status = 404
    code = "passkey-unknown"


class TooManyPasskeys(ForecourtError):
    """You have as many passkeys as there can be. Remove one that you no longer use."""

    status = 409
    code = "too-many-passkeys"


class SessionUnknown(ForecourtError):
    """There is no such session of yours. It may have ended."""

    status = 404
    code = "session-unknown"


class ProviderUnknown(ForecourtError):
    """No organisation signs its people in by that name or mail domain. Ask your organisation for the name."""

    status = 404
    code = "provider-unknown"


class ProviderRefused(ForecourtError):
    """Your organisation's sign-in was not accepted. Try again, or ask its owner."""

    status = 401
    code = "provider-refused"


class ProviderAway(ForecourtError):
    """Your organisation's sign-in doesn't answer as it should. Try again later, or sign in by other means."""

    status = 502
    code = "provider-away"


class ProviderInvalid(ForecourtError):
    """The sign-in by a provider can't be set up like this. Correct what is named."""

    status = 422
    code = "provider-invalid"


class BySomebodyElse(ForecourtError):
    """Your organisation's provider signed you in, and its word doesn't count for this. Sign in by your own means."""

    status = 403
    code = "signed-in-by-provider"


class Grant(Struct, frozen=True, kw_only=True):
    """What members of a group of the provider are here."""

    group: str
    role: Role
    #: Limited to these sites; None: not limited.
    sites: tuple[int, ...] | None = None


def check_password(password: str, words: Iterable[str]) -> None:
    """Raises PasswordRefused for a password that is short, well known, or made of what others know of its owner.

    `words` are names and addresses: the organisation's, the person's.
    """
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        raise PasswordRefused
    plain = re.sub(r"[\W_]+", "", password.lower())
    bare = plain.rstrip("0123456789")
    if plain in COMMON_PASSWORDS or bare in COMMON_PASSWORDS or len(set(plain)) < MIN_DIFFERENT:
        raise PasswordRefused
    rest = plain
    for word in sorted({part for text in words for part in _words(text)}, key=len, reverse=True):
        rest = rest.replace(word, "")
    for word in sorted(COMMON_PASSWORDS, key=len, reverse=True):
        if len(word) > MIN_WORD_LENGTH:
            rest = rest.replace(word, "")
    # What is left when all that can be known is taken away must still be something to guess.
    if len(rest) < MIN_PASSWORD_LENGTH // 2 and len(rest) < len(plain):
        raise PasswordRefused


def _words(text: str) -> list[str]:
    return [part for part in re.split(r"[\W_]+", text.lower()) if len(part) >= MIN_WORD_LENGTH]


class Patience(Struct, frozen=True, kw_only=True):
    """How many failures are free, and how the wait grows after them: doubled each time, up to the most."""

    free: int
    first_s: int
    most_s: int

    def wait_s(self, failures: int) -> int:
        """How long to wait after so many failures; 0: not at all."""
        over = failures - self.free
        return 0 if over < 0 else min(self.most_s, self.first_s * 2 ** min(over, 30))


def new_seed() -> str:
    """160 random bits in base32, as authenticator apps take them (RFC 4226 §4)."""
    return pyotp.random_base32(32)


def provisioning_uri(seed: str, account: str, issuer: str) -> str:
    """What the QR code holds: `otpauth://totp/...`."""
    return pyotp.TOTP(seed).provisioning_uri(name=account, issuer_name=issuer)


def matching_step(seed: str, code: str, now_s: int) -> int | None:
    """The 30 s step of which this is the code (RFC 6238 §5.2); None if of none near `now_s`, seconds since 1970."""
    digits = "".join(code.split())
    if not (digits.isascii() and digits.isdigit() and len(digits) == CODE_LENGTH):
        return None
    totp, present = pyotp.TOTP(seed, digits=CODE_LENGTH, interval=STEP_S), now_s // STEP_S
    found = None
    for step in range(present - STEPS_OFF, present + STEPS_OFF + 1):
        if compare_digest(totp.generate_otp(step), digits):
            found = step
    return found


def new_recovery_codes() -> list[str]:
    """Codes for the day on which the telephone is lost, each for one use."""
    return [
        "-".join(
            "".join(secrets.choice(_ALPHABET) for _ in range(_RECOVERY_PART))
            for _ in range(_RECOVERY_LENGTH // _RECOVERY_PART)
        )
        for _ in range(RECOVERY_CODES)
    ]


def plain_recovery_code(code: str) -> str | None:
    """A recovery code as it is compared, however it was typed; None for what is none."""
    plain = re.sub(r"[\s-]", "", code.lower())
    return plain if len(plain) == _RECOVERY_LENGTH and set(plain) <= set(_ALPHABET) else None


def granted(grants: Sequence[Grant], groups: Iterable[str]) -> Grant | None:
    """What a person of these groups is: the most powerful role, at all sites that are given to it; None: nothing."""
    held = {EVERYBODY, *groups}
    matching = [grant for grant in grants if grant.group in held]
    for role in Role:
        of_role = [grant for grant in matching if grant.role is role]
        if of_role:
            anywhere = any(grant.sites is None for grant in of_role)
            sites = None if anywhere else tuple(sorted({site for grant in of_role for site in grant.sites or ()}))
            return Grant(group=of_role[0].group, role=role, sites=sites)
    return None


def mail_domain(address: str) -> str:
    """The part of an e-mail address after the @, in lower case; empty for what is none."""
    name, _, domain = address.strip().lower().rpartition("@")
    return domain if name else ""
