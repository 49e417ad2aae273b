"""The verbs of certificates of Plug & Charge, each in the caller's transaction: whom to trust, and how to judge; and a
look at a contract as a station's question about it would be judged."""

from base64 import b64encode
from datetime import datetime
from hashlib import sha256
from typing import Final, Literal

from msgspec import Struct

from forecourt.access import Actor, audit
from forecourt.drivers import store as tokens
from forecourt.drivers.model import TokenState, decided, uid_key
from forecourt.ocpp.neutral import Contract, ContractStatus, Standing
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.platform.outward import Outward, check_address, new_secret
from forecourt.platform.sealing import Seal
from forecourt.stations.certificates import store
from forecourt.stations.certificates.judge import ACCEPT, Judge, Trusted
from forecourt.stations.certificates.model import emaid_of, encoded, read_authority, read_chain, subject_of
from forecourt.stations.certificates.responders import Responders
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


class ChainRefused(ForecourtError):
    """These are no certificates of a contract. Give the contract's own in PEM first, then those of the authorities that
    lead from it to one that is trusted, four in all at the most."""

    status = 422
    code = "contract-chain-refused"


class LookedAt(Struct, frozen=True, kw_only=True):
    """A certificate of a contract's chain. `standing`: what its responder says now; None: nobody was asked, as the
    chain is refused before that, or it names no responder."""

    subject: str
    not_after: datetime
    standing: Standing | None


class Look(Struct, frozen=True, kw_only=True):
    """What a contract is worth now. `token`: what is decided on the token of its eMAID; None where none is registered,
    and then no station lets it charge, whatever it is worth."""

    emaid: str
    status: ContractStatus
    token: TokenState | None
    certificates: tuple[LookedAt, ...]


class ContractChecks:
    """Looks at contracts as a gateway judges them, so that it is seen what they are worth; nothing is kept of it.
    `private`: responders may have private addresses."""

    def __init__(self, clock: Clock, *, private: bool) -> None:
        self._clock = clock
        self._private = private

    async def look(self, db: Pool, actor: Actor, pem: str, emaid: str | None) -> Look:
        """What the certificates of a contract are worth, its own first; without an eMAID that which it names. Waits as
        long for its responders as a station does. Raises ChainRefused."""
        chain = read_chain(pem)
        if chain is None:
            raise ChainRefused
        named = emaid or emaid_of(chain[0])
        async with db.tenant(actor.tenant_id) as conn:
            trusted = await _trusted(conn, actor.tenant_id)
            token = await tokens.find_token(conn, actor.tenant_id, uid_key(named))
        async with Outward(private=self._private) as outward:
            judge = Judge(Responders(outward, self._clock), self._clock)
            judged = await judge.look(trusted, Contract(chain=pem), named)
        standings = judged.standings or (None,) * len(chain)
        state = None if token is None else decided(TokenState(token.status), token.expires_at, self._clock.now())
        return Look(
            emaid=named,
            status=judged.status,
            token=state,
            certificates=tuple(
                LookedAt(subject=subject_of(each), not_after=each.not_valid_after_utc, standing=standing)
                for each, standing in zip(chain, standings, strict=True)
            ),
        )


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


async def _trusted(conn: Connection, tenant_id: int) -> Trusted:
    """Whom an organisation trusts and how it judges, as a gateway's lane says it."""
    rules = await store.find_rules(conn, tenant_id)
    return Trusted(
        tenant_id=tenant_id,
        roots=tuple(b64encode(each.der).decode() for each in await store.list_roots(conn, tenant_id)),
        required=rules is not None and rules.required,
        unproven=ACCEPT if rules is None else rules.unproven,
    )


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
        subject=subject_of(found),
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
