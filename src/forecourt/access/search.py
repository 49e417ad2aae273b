"""People and API keys for Ctrl-K: by part of a name, an address, or how a key begins.

Wired in app with who may see them.
"""

from collections.abc import Sequence

from forecourt.access import store
from forecourt.access.model import Role
from forecourt.access.pages.shown import ROLE_WORDS
from forecourt.platform.database import Pool
from forecourt.ui.i18n import gettext as _
from forecourt.ui.search import Found


class PersonSearch:
    """Finds the people of a tenant."""

    def __init__(self, db: Pool) -> None:
        self._db = db

    async def __call__(self, tenant_id: int, text: str, limit: int, /) -> Sequence[Found]:
        async with self._db.tenant(tenant_id) as conn:
            rows = await store.find_members_by_part(conn, tenant_id, text, limit)
        return [
            Found(
                kind="person",
                title=row.name,
                second=f"{row.email} · {_(ROLE_WORDS[Role(row.role)])}",
                href=f"/people/{row.person_id}",
            )
            for row in rows
        ]


class KeySearch:
    """Finds the keys of a tenant, revoked ones as well."""

    def __init__(self, db: Pool) -> None:
        self._db = db

    async def __call__(self, tenant_id: int, text: str, limit: int, /) -> Sequence[Found]:
        async with self._db.tenant(tenant_id) as conn:
            rows = await store.find_keys_by_part(conn, tenant_id, text, limit)
        return [
            Found(
                kind="key",
                title=row.name,
                second=" · ".join(filter(None, (row.prefix and f"{row.prefix}…", f"key:{row.key_id}"))),
                href=f"/keys?after={row.key_id - 1}#key-{row.key_id}",
            )
            for row in rows
        ]
