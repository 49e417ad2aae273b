"""The web application over a real database and a real bus, asked by its HTTP interface.

`house` is one deployment, to which each test adds organisations of its own; database and application are those of its
module. Every answer of the API that a test sees is also held against the OpenAPI document: a status or a body that the
document doesn't know fails the test.
"""

import itertools
import json
import os
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import psycopg
import pytest
import pytest_asyncio
from argon2 import PasswordHasher
from httpx import AsyncClient, Response
from jinja2 import Environment, FileSystemBytecodeCache

from forecourt.access import Access, Actor, Role, passwords, store
from forecourt.access.passwords import PasswordChecks
from forecourt.access.service import key_digest
from forecourt.app.screens import screens
from forecourt.app.web import create_app
from forecourt.platform.bus import Bus
from forecourt.platform.database import Pool
from forecourt.platform.settings import Settings
from forecourt.ui.assets import Assets
from forecourt.ui.shell import Shell
from tests.conftest import Database
from tests.ground import Ground
from tests.support import FakeClock

BASE = "http://forecourt.test"
#: Signs nothing outside the tests.
SECRET = "a secret of the tests"
#: How the document is called among schemas.
DOCUMENT = "urn:forecourt:openapi"
PASSWORD = "correct horse battery staple"
#: Where no payment provider listens: no test asks a real one.
NOBODY = "http://127.0.0.1:9"

_numbers = itertools.count(1)
#: Where the numbers of organisations begin in the database of each module, in thousands.
_thousands = itertools.count(1)
#: As cheap as argon2 can be made: the tests check many passwords.
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD_HASH = CHEAP.hash(PASSWORD)
#: What hashes passwords when no test runs.
REAL = passwords._hasher
_documents: list["Document"] = []
#: Where what is made once for all processes of a run lies.
_of_run: list[Path] = []


class Document:
    """The OpenAPI document, as a judge of answers."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.content = document
        self._registry = jsonschema_rs.Registry([(DOCUMENT, document)], draft=jsonschema_rs.Draft202012)
        self._judges: dict[str, jsonschema_rs.Draft202012Validator] = {}
        self._paths = [
            (re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)) + "$"), operations)
            # What is spelt out is meant before what a name stands for.
            for path, operations in sorted(document["paths"].items(), key=lambda each: each[0].count("{"))
        ]

    def judge(self, schema: Any) -> jsonschema_rs.Draft202012Validator:
        """Judges by a schema of the document, formats included; made once, with what it refers to found in place."""
        said = json.dumps(schema).replace('"$ref": "#/', f'"$ref": "{DOCUMENT}#/')
        if said not in self._judges:
            self._judges[said] = jsonschema_rs.Draft202012Validator(
                json.loads(said), validate_formats=True, registry=self._registry
            )
        return self._judges[said]

    def check(self, response: Response, body: bytes) -> None:
        """Fails unless the document says that this answer may come."""
        raw_path = response.url.raw_path.decode().partition("?")[0]
        operations = next((operations for path, operations in self._paths if path.match(raw_path)), None)
        operation = (operations or {}).get(response.request.method.lower())
        if operation is None:
            assert response.status_code in (401, 404, 405), response.status_code
            schema: Any = {"$ref": "#/components/schemas/Problem"}
        else:
            responses = operation["responses"]
            answer = responses.get(str(response.status_code))
            if answer is None:
                assert response.status_code >= 400, f"{response.status_code} is not in the document"
                answer = self.content["components"]["responses"]["Problem"]
            if "content" not in answer:
                assert body == b""
                return
            media_type = response.headers["content-type"].split(";")[0]
            schema = answer["content"][media_type]["schema"]
        if schema == {"type": "string"}:
            return
        self.judge(schema).validate(_json(body))


def judge_at_hand() -> Document | None:
    """The judge, if any process of the run asked for the document: it is the same for every deployment of a run, and
    takes seconds to make."""
    if not _documents and _kept().exists():
        _documents.append(Document(json.loads(_kept().read_text(encoding="utf-8"))))
    return _documents[0] if _documents else None


def judge_of(document: dict[str, Any]) -> Document:
    """The judge by a document that was just asked for, and from now on that of the run."""
    draft = _kept().with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(document), encoding="utf-8")
    draft.rename(_kept())
    _documents.append(Document(document))
    return _documents[0]


def _kept() -> Path:
    return _of_run[0] / "openapi.json"


def _json(body: bytes) -> Any:
    return httpx.Response(200, content=body).json()


class Tenant:
    """One organisation, with a key of each role as it is asked for."""

    def __init__(self, house: "House", tenant_id: int) -> None:
        self._house = house
        self.tenant_id = tenant_id
        self._keys: dict[tuple[Role, tuple[int, ...] | None], str] = {}

    async def client(self, role: Role = Role.OWNER, sites: tuple[int, ...] | None = None) -> AsyncClient:
        """Asks with an API key of this role, limited to these sites if they are given."""
        if (role, sites) not in self._keys:
            key = f"fc_{role.value}_of_{self.tenant_id}_{next(_numbers)}"
            async with self._house.db.tenant(self.tenant_id) as conn:
                row = await store.insert_key(
                    conn,
                    self.tenant_id,
                    role.value,
                    role,
                    key_digest(SECRET.encode(), key),
                    site_ids=None if sites is None else list(sites),
                )
            assert row is not None
            self._keys[role, sites] = key
        return self._house.client(headers={"authorization": f"Bearer {self._keys[role, sites]}"})

    async def operator(self, role: Role = Role.OWNER, sites: tuple[int, ...] | None = None) -> str:
        """Adds a person with PASSWORD, limited to these sites if they are given; returns their e-mail address."""
        email = f"someone{next(_numbers)}@example.org"
        async with self._house.db.tenant(self.tenant_id) as conn:
            await store.insert_member(
                conn, self.tenant_id, email=email, name="Someone", role=role.value, password_hash=PASSWORD_HASH,
                site_ids=None if sites is None else list(sites),
            )  # fmt: skip
        return email


class House:
    """One deployment. `judged`: its answers are held against the document."""

    def __init__(self, ground: Ground, db: Pool, app: Any, clock: FakeClock, *, judged: bool = True) -> None:
        self.ground = ground
        self.database = ground.database
        self.db = db
        self.clock = clock
        # Of this house alone, since failures are counted by it in a database that outlives the house.
        number = next(_numbers)
        self.address = f"10.0.{number // 256}.{number % 256}"
        self._app = app
        self._judged = judged
        self._clients: list[AsyncClient] = []

    def client(self, *, address: str = "", **arguments: Any) -> AsyncClient:
        """Asks as whoever its headers and cookies say, as nobody without, from a network address."""
        made = AsyncClient(
            transport=httpx.ASGITransport(self._app, raise_app_exceptions=False, client=(address or self.address, 123)),
            base_url=BASE,
            event_hooks={"response": [self._judge] if self._judged else []},
            **arguments,
        )
        self._clients.append(made)
        return made

    async def tenant(self) -> Tenant:
        """One more organisation."""
        number = next(_numbers)
        with self.admin() as connection:
            row = connection.execute(
                "INSERT INTO organisations (name) VALUES (%s) RETURNING tenant_id", (f"Organisation {number}",)
            ).fetchone()
        assert row is not None
        return Tenant(self, row[0])

    @contextmanager
    def admin(self) -> Iterator[psycopg.Connection[Any]]:
        """A superuser's connection, past row-level security, to arrange what stations would have said. Whoever takes
        another role has it until the end of this."""
        try:
            yield self.ground.admin
        finally:
            self.ground.admin.execute("RESET ROLE")

    async def document(self) -> Document:
        known = judge_at_hand()
        if known is None:
            async with AsyncClient(transport=httpx.ASGITransport(self._app), base_url=BASE) as client:
                known = judge_of((await client.get("/api/v1/openapi.json")).raise_for_status().json())
        return known

    async def _judge(self, response: Response) -> None:
        if response.url.path.startswith("/api/v1/") and response.url.path != "/api/v1/openapi.json":
            body = await response.aread()
            (await self.document()).check(response, body)

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()


def fake_shell(clock: FakeClock) -> Shell:
    """The page shell with assets that need no build."""
    names = ("console.css", "console.js", "signin.js", "inter-latin-wght-normal.woff2")
    import forecourt.access.pages

    return Shell(
        assets=Assets({name: f"/static/{name}" for name in names}, {}),
        templates={"access": forecourt.access.pages.TEMPLATES_DIR},
        navigation=(),
        clock=clock,
    )


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(passwords, "_hasher", CHEAP)
        yield


@pytest.fixture(scope="session", autouse=True)
def folder_of_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where what is made once for all processes of a run lies."""
    folder = tmp_path_factory.getbasetemp()
    _of_run.append(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)
    return _of_run[0]


@pytest.fixture(scope="session", autouse=True)
def templates_translated_once(folder_of_run: Path) -> Iterator[None]:
    """Each template is translated once a run, whichever of its processes asks for it, and for whichever shell."""
    cached = partial(Environment, bytecode_cache=FileSystemBytecodeCache(str(folder_of_run)))
    with pytest.MonkeyPatch.context() as patched:
        for shell in ("forecourt.ui.shell", "forecourt.driver.shell"):
            patched.setattr(f"{shell}.Environment", cached)
        yield


class Standing:
    """An application of this process: to put all its routes together takes longer than most tests, so that modules
    share it, one after another. It reaches the database and the bus of whoever has it now."""

    def __init__(self, settings: Settings, db: Pool, bus: Bus, clock: FakeClock, *, pages: bool) -> None:
        self._db, self._bus = Pool.__new__(Pool), Bus.__new__(Bus)
        self._access = access = Access(self._db, settings.secret(), clock, console_url=settings.console_url)
        self.take(db, bus)
        if pages:
            seen = screens(settings, self._db, self._bus, clock, access)
            more: dict[str, Any] = {"shell": seen.shell, "screens": seen.routes, "strays": seen.strays}
        else:
            more = {"shell": fake_shell(clock)}
        self.app = create_app(settings, self._db, self._bus, clock, access=access, **more)

    def take(self, db: Pool, bus: Bus) -> None:
        """From now on it is over these, of another event loop."""
        self._db.__dict__, self._bus.__dict__ = db.__dict__, bus.__dict__
        self._access.passwords = PasswordChecks()


_standing: dict[bool, Standing] = {}


@asynccontextmanager
async def standing(
    settings: Settings, database: Database, nats_url: str, clock: FakeClock, *, pages: bool, size: int
) -> AsyncIterator[tuple[Pool, Any]]:
    """The application over a module's database, and a pool of it. It remembers nothing of an organisation of another
    database: none has its number."""
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        first = next(_thousands) * 1_000
        admin.execute(f"ALTER TABLE organisations ALTER COLUMN tenant_id RESTART WITH {first}".encode())
    bus = await Bus.connect(nats_url)
    async with Pool(database.url, "forecourt_app", size=size) as db:
        if pages in _standing:
            _standing[pages].take(db, bus)
        else:
            _standing[pages] = Standing(settings, db, bus, clock, pages=pages)
        yield db, _standing[pages].app
    await bus.close()


@pytest_asyncio.fixture(scope="module")
async def application(
    database: Database, nats_url: str, clock_of_process: FakeClock
) -> AsyncIterator[tuple[Pool, Any]]:
    """The application of a module's houses."""
    # The tests' own provider listens on this machine.
    settings = Settings(secret_key=SECRET, public_url=BASE, oidc_private=True, stripe_url=NOBODY)
    async with standing(settings, database, nats_url, clock_of_process, pages=False, size=2) as made:
        yield made


@pytest_asyncio.fixture(scope="module")
async def application_with_pages(
    database: Database, nats_url: str, clock_of_process: FakeClock
) -> AsyncIterator[tuple[Pool, Any]]:
    """The application with the console's pages, for modules that say that it is their `application`."""
    settings = Settings(secret_key=SECRET, stripe_url=NOBODY)
    async with standing(settings, database, nats_url, clock_of_process, pages=True, size=4) as made:
        yield made


@pytest_asyncio.fixture
async def house(application: tuple[Pool, Any], ground: Ground, clock: FakeClock) -> AsyncIterator[House]:
    db, app = application
    made = House(ground, db, app, clock)
    yield made
    await made.close()


@pytest_asyncio.fixture
async def tenant(house: House) -> Tenant:
    return await house.tenant()


@pytest_asyncio.fixture
async def stranger(house: House) -> Tenant:
    """Another organisation of the same deployment."""
    return await house.tenant()


def an_actor(tenant_id: int, role: Role = Role.OWNER) -> Actor:
    return Actor(tenant_id=tenant_id, organisation="", id=1, kind="key", name="Test", role=role)


def problem(response: Response, status: int, code: str) -> dict[str, Any]:
    """The RFC 9457 problem in an answer, which must be this one."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["code"] == code, body
    assert body["type"] == f"urn:forecourt:problem:{code}"
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == response.headers["x-request-id"]
    return body


def problem_page(response: Response, status: int, code: str) -> str:
    """The page by which a browser is told of a problem, which must be this one."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert f'data-problem="{code}"' in response.text
    assert response.headers["x-request-id"] in response.text
    return response.text


async def walk(client: AsyncClient, path: str, **params: Any) -> list[dict[str, Any]]:
    """All items of a list, page by page to its end."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    for _ in range(100):
        page = (await client.get(path, params={**params, **({"cursor": cursor} if cursor else {})})).json()
        items += page["items"]
        cursor = page["next"]
        if cursor is None:
            return items
        assert page["items"], "a page that is not the last holds something"
    raise AssertionError("the list never ends")


async def check_orders(client: AsyncClient, path: str, name: str, /, **orders: Sequence[Any]) -> None:
    """Each order of a list shows all of its items once, page by page, by what they have under `name`; the first one is
    the order of who asks for none. A cursor holds in the order that gave it out and in no other."""
    for sort, wanted in orders.items():
        for limit in (1, 2, 200):
            found = [each[name] for each in await walk(client, path, sort=sort, limit=limit)]
            assert found == list(wanted), (sort, limit)
        cursor = (await client.get(path, params={"sort": sort, "limit": 1})).json()["next"]
        for other in orders.keys() - {sort}:
            problem(await client.get(path, params={"sort": other, "cursor": cursor}), 400, "cursor-refused")
    assert [each[name] for each in await walk(client, path)] == list(next(iter(orders.values())))
    problem(await client.get(path, params={"sort": "colour"}), 400, "request-invalid")
