"""The verbs of certificates of Plug & Charge, each in the caller's transaction: whom to trust, and how to judge."""

from datetime import datetime
from hashlib import sha256
from typing import Final, Literal

from forecourt.access import Actor, audit
from forecourt.platform.errors import ForecourtError
from forecourt.platform.outward import check_address, new_secret
from forecourt.platform.sealing import Seal
from forecourt.stations.certificates import store
from forecourt.stations.certificates.model import encoded, read_authority
from forecourt.stations.certificates.said import SEAL_PURPOSE
from forecourt.stations.certificates.store import Connection, RootRow, RulesRow

#: Authorities that one organisation trusts: all are read with every contract.
MAX_ROOTS: Final = 50


class RootRefused(ForecourtError):
    """This is no certificate of an authority. Give one in PEM that may sign others: a V2G root, a root of a mobility
    operator, or an authority under one."""

    status = 422
    code = "contract-root-refused"


class RootKnown(ForecourtError):
    """This authority is trusted already."""

    status = 409
    code = "contract-root-known"


class RootsFull(ForecourtError):
    """As many authorities are trusted as can be. Take one away that you don't need."""

    status = 409
    code = "contract-roots-full"


class RootUnknown(ForecourtError):
    """No authority of this fingerprint is trusted."""

    status = 404
    code = "contract-root-unknown"


class ContractRules:
    """What the verbs share: how secrets are sealed, and whether private addresses may be called."""

    def __init__(self, secret_key: bytes, *, private: bool) -> None:
        self._seal = Seal(secret_key, SEAL_PURPOSE)
        self._private = private

    async def put(
        self,
        conn: Connection,
        actor: Actor,
        *,
        required: bool,
        unproven: Literal["accept", "refuse"],
        provider_url: str | None,
        now: datetime,
    ) -> tuple[RulesRow, str | None]:
        """Say how contracts are judged; returns that, and the secret of a provider that is new.

        Raises AddressRefused.
        """
        if provider_url is not None:
            check_address(provider_url, private=self._private)
        secret = None if provider_url is None else new_secret()
        rules = RulesRow(required=required, unproven=unproven, provider_url=provider_url, set_by=str(actor), set_at=now)
        sealed = None if secret is None else self._seal.close(secret)
        new = await store.put_rules(conn, actor.tenant_id, rules, sealed)
        detail = {"required": required, "unproven": unproven, "provider": provider_url}
        await audit(conn, actor, "set contract rules", "contract-rules", detail)
        return rules, secret if new else None


async def find_rules(conn: Connection, tenant_id: int) -> RulesRow | None:
    """How contracts are judged; None where nobody said, and then nothing is required and what is unproven accepted."""
    return await store.find_rules(conn, tenant_id)


async def add_root(conn: Connection, actor: Actor, pem: str, now: datetime) -> RootRow:
    """Trust an authority. Raises RootRefused, RootKnown, RootsFull."""
    found = read_authority(pem)
    if found is None:
        raise RootRefused
    der = encoded(found)
    root = RootRow(
        fingerprint=sha256(der).hexdigest(),
        subject=found.subject.rfc4514_string()[:1_000] or "-",
        not_after=found.not_valid_after_utc,
        der=der,
        added_by=str(actor),
        added_at=now,
    )
    await store.lock_roots(conn, actor.tenant_id)
    if len(await store.list_roots(conn, actor.tenant_id)) >= MAX_ROOTS:
        raise RootsFull
    if not await store.insert_root(conn, actor.tenant_id, root):
        raise RootKnown
    await audit(conn, actor, "trust contract root", f"contract-root:{root.fingerprint}", {"subject": root.subject})
    return root


async def remove_root(conn: Connection, actor: Actor, fingerprint: str) -> None:
    """Trust an authority no more: contracts under it are refused from now on. Raises RootUnknown."""
    subject = await store.delete_root(conn, actor.tenant_id, fingerprint)
    if subject is None:
        raise RootUnknown
    await audit(conn, actor, "distrust contract root", f"contract-root:{fingerprint}", {"subject": subject})
