"""Routes of who may do what: people, invitations, API keys, the organisation, the audit."""

from litestar import Router

from forecourt.access.api.audit import export_audit, list_audit
from forecourt.access.api.keys import create_key, find_key, list_keys, revoke_key
from forecourt.access.api.organisation import change_me, change_organisation, find_me, find_organisation
from forecourt.access.api.people import (
    change_person,
    find_person,
    invite,
    list_invitations,
    list_people,
    remove_person,
    resend_invitation,
    revoke_invitation,
)
from forecourt.access.signin.api import own_routes

routes = Router(
    "/",
    route_handlers=[
        create_key,
        list_keys,
        find_key,
        revoke_key,
        list_people,
        find_person,
        change_person,
        remove_person,
        invite,
        list_invitations,
        resend_invitation,
        revoke_invitation,
        find_organisation,
        change_organisation,
        find_me,
        change_me,
        list_audit,
        export_audit,
        *own_routes,
    ],
)

__all__ = ["routes"]
