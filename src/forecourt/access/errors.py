"""What can go wrong with people, invitations, keys and the organisation itself."""

from forecourt.platform.errors import ForecourtError


class PersonUnknown(ForecourtError):
    """There is no such person in the organisation. `GET /api/v1/people` lists those that are."""

    status = 404
    code = "person-unknown"


class LastOwner(ForecourtError):
    """This is the only owner, and somebody must be able to do everything. Make another person an owner first."""

    status = 409
    code = "last-owner"


class AlreadyMember(ForecourtError):
    """A person with this e-mail address belongs to the organisation already. Change their role instead."""

    status = 409
    code = "already-member"


class AlreadyInvited(ForecourtError):
    """This address was invited already and has not answered. Send that invitation again, or revoke it first."""

    status = 409
    code = "already-invited"


class TooManyInvitations(ForecourtError):
    """Too many invitations wait for an answer. Revoke some first."""

    status = 409
    code = "too-many-invitations"


class InvitationUnknown(ForecourtError):
    """There is no such invitation that waits for an answer. `GET /api/v1/invitations` lists those that do."""

    status = 404
    code = "invitation-unknown"


class InvitationVoid(ForecourtError):
    """This invitation was used, was revoked or has expired. Ask whoever invited you to send it again."""

    status = 404
    code = "invitation-void"


class InvitedAnother(ForecourtError):
    """You are signed in as somebody else than the one who was invited. Sign out, then open the link again."""

    status = 409
    code = "invited-another"


class PasswordRefused(ForecourtError):
    """The password is too easy to guess. Take at least 12 characters, such as four words that don't belong together."""

    status = 422
    code = "password-refused"


class NameRefused(ForecourtError):
    """Say what you are called, in one line."""

    status = 422
    code = "name-refused"


class SitesRefused(ForecourtError):
    """These sites don't fit: a site host is limited to at least one, an owner to none, and each must exist."""

    status = 422
    code = "sites-refused"


class RightsExceeded(ForecourtError):
    """You can't give away rights that you don't have yourself. Choose less, or ask an owner."""

    status = 403
    code = "rights-exceeded"


class ScopeUnknown(ForecourtError):
    """There is no such scope. Choose from those that are named."""

    status = 422
    code = "scope-unknown"


class ExpiryRefused(ForecourtError):
    """The time at which the key expires has passed already. Choose a later one."""

    status = 422
    code = "expiry-refused"


class ZoneRefused(ForecourtError):
    """This time zone is not known. Use a name of the IANA database, such as Europe/Berlin."""

    status = 422
    code = "zone-refused"


class LanguageRefused(ForecourtError):
    """This language is not spoken here. Choose one of those that are named."""

    status = 422
    code = "language-refused"


class NotAPerson(ForecourtError):
    """An API key has no profile. Sign in to change yours."""

    status = 409
    code = "not-a-person"
