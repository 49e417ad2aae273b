"""Routes of Plug & Charge: which authorities are trusted, and how contracts are judged."""

from datetime import datetime
from typing import Annotated, Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from litestar import Router, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.drivers.model import MAX_UID_LENGTH, TokenState
from forecourt.ocpp.neutral import ContractStatus, Standing
from forecourt.platform.clock import Clock
from forecourt.platform.outward import MAX_URL, AddressRefused
from forecourt.platform.paging import Page, entire
from forecourt.platform.text import ONE_LINE
from forecourt.stations.certificates import service, store
from forecourt.stations.certificates.service import (
    ChainRefused,
    ContractChecks,
    ContractRules,
    RootKnown,
    RootRefused,
    RootsFull,
    RootUnknown,
)
from forecourt.stations.certificates.store import RootRow, RulesRow

#: Characters of a certificate in PEM.
MAX_PEM: Final = 12_000
#: Characters of the certificates of a contract's chain, all in PEM.
MAX_CHAIN_PEM: Final = 24_000

#: The verbs, wired in app with the deployment's secret key.
Rules = NamedDependency[ContractRules]
#: Looking at contracts, wired in app with whether responders may be private.
Checks = NamedDependency[ContractChecks]

_PRINT = "^[0-9a-f]{64}$"
FingerprintInPath = Annotated[str, PathParameter(pattern=_PRINT, description="SHA-256 of the certificate, in hex.")]


_URL = Meta(
    min_length=8,
    max_length=MAX_URL,
    pattern=r"^https?://[^\x00-\x20\x7f]+$",
    description="Where requests of cars for certificates go, by POST.",
    examples=["https://example.com/contract-certificates"],
)


class RootSaid(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An authority whose contracts shall be trusted."""

    pem: Annotated[str, Meta(min_length=1, max_length=MAX_PEM, description="Its certificate, in PEM.")]


class ContractRoot(Struct, frozen=True, kw_only=True):
    """An authority whose contracts are trusted: a root, or an authority under one."""

    fingerprint: Annotated[
        str, Meta(pattern=_PRINT, description="SHA-256 of the certificate, in hex.", examples=["9c" * 32])
    ]
    subject: Annotated[str, Meta(examples=["CN=V2G Root CA QA G1,O=Hubject"])]
    not_after: datetime
    pem: str
    added_by: str
    added_at: datetime


class RulesSaid(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How contracts are judged."""

    required: Annotated[bool, Meta(description="An eMAID without anything that proves it is refused.")] = False
    unproven: Annotated[
        Literal["accept", "refuse"],
        Meta(description="What becomes of a contract of which no responder says whether it is revoked."),
    ] = "accept"
    provider_url: Annotated[str, _URL] | None = None


class ContractRulesShown(Struct, frozen=True, kw_only=True):
    """How contracts are judged."""

    required: bool
    unproven: Literal["accept", "refuse"]
    provider_url: str | None
    set_by: Annotated[str | None, Meta(description="Null where nobody said anything yet.")]
    set_at: datetime | None
    secret: Annotated[
        str | UnsetType,
        Meta(
            description="What requests to the provider are signed with. Only when it was just made.",
            examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        ),
    ] = UNSET


class ContractAsked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A contract to look at."""

    pem: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=MAX_CHAIN_PEM,
            description="Its certificates in PEM: the contract's own first, then those of the authorities above it.",
        ),
    ]
    emaid: Annotated[
        Annotated[str, Meta(max_length=MAX_UID_LENGTH, pattern=ONE_LINE)] | None,
        Meta(description="As the car says it; null: what the contract names."),
    ] = None


class ContractCertificate(Struct, frozen=True, kw_only=True):
    """A certificate of a contract's chain."""

    subject: Annotated[str, Meta(examples=["CN=DE8AACA2B3C4D51"])]
    not_after: datetime
    standing: Annotated[
        Standing | None,
        Meta(description="What its responder says now; null: nobody was asked, or it names no responder."),
    ]


class ContractLook(Struct, frozen=True, kw_only=True):
    """What a contract is worth now."""

    emaid: Annotated[str, Meta(examples=["DE8AACA2B3C4D51"])]
    status: Annotated[ContractStatus, Meta(description="In the words of OCPP 2.x, as a station would be told.")]
    token: Annotated[
        TokenState | None,
        Meta(description="What is decided on the token of the eMAID; null: none is registered, so nobody charges."),
    ]
    certificates: list[ContractCertificate]


@get(
    "/contract-roots",
    opt={"verb": Verb.WEBHOOKS},
    summary="List the authorities whose contracts are trusted",
    tags=["tokens"],
)
async def list_contract_roots(actor: Asker, db: Database) -> Page[ContractRoot]:
    async with db.tenant(actor.tenant_id) as conn:
        return entire([_root(row) for row in await store.list_roots(conn, actor.tenant_id)])


@post(
    "/contract-roots",
    opt={"verb": Verb.WEBHOOKS, "problems": [RootRefused, RootKnown, RootsFull]},
    status_code=201,
    summary="Trust the contracts under an authority",
    description="A V2G root, a root of a mobility operator, or an authority under one.",
    tags=["tokens"],
)
async def add_contract_root(
    data: JSONBody[RootSaid], actor: Asker, db: Database, clock: NamedDependency[Clock]
) -> ContractRoot:
    async with db.tenant(actor.tenant_id) as conn:
        return _root(await service.add_root(conn, actor, data.pem, clock.now()))


@delete(
    "/contract-roots/{fingerprint:str}",
    opt={"verb": Verb.WEBHOOKS, "problems": [RootUnknown]},
    summary="Trust an authority no more",
    tags=["tokens"],
)
async def remove_contract_root(fingerprint: FingerprintInPath, actor: Asker, db: Database) -> None:
    async with db.tenant(actor.tenant_id) as conn:
        await service.remove_root(conn, actor, fingerprint)


@get(
    "/contract-rules",
    opt={"verb": Verb.WEBHOOKS},
    summary="Show how contracts of Plug & Charge are judged",
    tags=["tokens"],
)
async def show_contract_rules(actor: Asker, db: Database) -> ContractRulesShown:
    async with db.tenant(actor.tenant_id) as conn:
        return _rules(await service.find_rules(conn, actor.tenant_id))


@put(
    "/contract-rules",
    opt={"verb": Verb.WEBHOOKS, "problems": [AddressRefused]},
    summary="Say how contracts of Plug & Charge are judged",
    description="The secret of a provider is in the answer that made it and in no other.",
    tags=["tokens"],
)
async def put_contract_rules(
    data: JSONBody[RulesSaid], actor: Asker, db: Database, contract_rules: Rules, clock: NamedDependency[Clock]
) -> ContractRulesShown:
    async with db.tenant(actor.tenant_id) as conn:
        row, secret = await contract_rules.put(
            conn,
            actor,
            required=data.required,
            unproven=data.unproven,
            provider_url=data.provider_url,
            now=clock.now(),
        )
    return _rules(row, secret)


@post(
    "/contract-rules/test",
    opt={"verb": Verb.WEBHOOKS, "problems": [ChainRefused]},
    status_code=200,
    summary="Look at the certificates of a contract, to see what they are worth",
    description="Judged as a station's question would be, its responders asked; nothing is kept of it.",
    tags=["tokens"],
)
async def test_contract(
    data: JSONBody[ContractAsked], actor: Asker, db: Database, contract_checks: Checks
) -> ContractLook:
    look = await contract_checks.look(db, actor, data.pem, data.emaid or None)
    return ContractLook(
        emaid=look.emaid,
        status=look.status,
        token=look.token,
        certificates=[
            ContractCertificate(subject=each.subject, not_after=each.not_after, standing=each.standing)
            for each in look.certificates
        ],
    )


def _root(row: RootRow) -> ContractRoot:
    return ContractRoot(
        fingerprint=row.fingerprint,
        subject=row.subject,
        not_after=row.not_after,
        pem=x509.load_der_x509_certificate(row.der).public_bytes(Encoding.PEM).decode(),
        added_by=row.added_by,
        added_at=row.added_at,
    )


def _rules(row: RulesRow | None, secret: str | None = None) -> ContractRulesShown:
    return ContractRulesShown(
        required=row is not None and row.required,
        unproven="refuse" if row is not None and row.unproven == "refuse" else "accept",
        provider_url=None if row is None else row.provider_url,
        set_by=None if row is None else row.set_by,
        set_at=None if row is None else row.set_at,
        secret=UNSET if secret is None else secret,
    )


routes = Router(
    "/",
    route_handlers=[
        list_contract_roots, add_contract_root, remove_contract_root, show_contract_rules, put_contract_rules,
        test_contract,
    ],
)  # fmt: skip
