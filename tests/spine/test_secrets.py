"""Every kind of secret, sent by every way it may come, and then looked for everywhere it must not be.

Real processes at their most talkative, one organisation, stations of two versions, an outside service and a sign-in
provider. Each secret is told once, to whom it belongs; afterwards it is searched for in the logs, in every column of
every table as a superuser, in every answer of the API and every page, in what was posted and mailed to others.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest_asyncio
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from forecourt.platform.clock import SystemClock
from tests.access.provider import provider
from tests.cli.conftest import Forker, forker
from tests.receiver import Receiver, receiver
from tests.spine import ways
from tests.spine.processes import Deployment, until
from tests.spine.seeds import NEWCOMER, OWNER, World
from tests.spine.test_api import KEY, _ready
from tests.support import WAIT_S, free_port

__all__ = ["forker", "receiver"]

#: How paths call a station.
STATION = ("station", "identity")
ACCESS_TABLE = Path(__file__).parents[2] / "docs" / "reference" / "access.md"


@pytest_asyncio.fixture
async def world(deployment: Deployment, tmp_path: Path) -> AsyncIterator[World]:
    from forecourt.app.bootstrap import OWNER_FILE, ensure
    from forecourt.platform.settings import Settings
    from tests.spine.processes import SECRET

    web_port, ocpp_port = free_port(), free_port()
    settings = Settings(
        database_url=deployment.database_url, secret_key=SECRET, bootstrap_api_key=KEY, data_dir=tmp_path
    )
    await ensure(settings, deployment._admin_url, False)
    base = f"http://127.0.0.1:{web_port}"
    loud = {
        "log_level": "debug", "public_url": base, "webhooks_private": "true", "oidc_private": "true",
        "metrics_port": free_port(),
    }  # fmt: skip
    programs = [
        deployment.program("gateway", ocpp_port=ocpp_port, **{**loud, "metrics_port": free_port()}),
        deployment.program("web", web_port=web_port, **loud),
        deployment.program("worker", **loud),
    ]
    await asyncio.gather(*(program.start() for program in programs))
    made = World(deployment, web_port, ocpp_port, tmp_path)
    made.seeds.know("bootstrap key", KEY)
    made.seeds.know("secret of the deployment", SECRET)
    for name, url in (("database", deployment.database_url), ("bus", deployment.nats_url)):
        password = conninfo_to_dict(url).get("password") if name == "database" else urlsplit(url).password
        if password:
            made.seeds.know(f"password of the {name}", str(password))
    kept = json.loads((tmp_path / OWNER_FILE).read_bytes())
    made.seeds.know("password of the owner", kept["password"])
    async with asyncio.timeout(WAIT_S):
        while not await _ready(made):
            await asyncio.sleep(0.05)
    await made.send("/sign-in", email=OWNER, password=kept["password"])
    yield made
    await made.http.aclose()
    await made.owner.aclose()


async def test_no_secret_is_found_anywhere_but_where_it_belongs(
    world: World, receiver: Receiver, forker: Forker
) -> None:
    receiver.status, receiver.body = 500, b"no"
    async with provider(SystemClock()) as other:  # type: ignore[arg-type]
        await ways.by_the_api(world, receiver)
        await ways.by_stations(world)
        await ways.by_forms(world)
        await ways.by_letters(world)
        await ways.by_the_provider(world, other)
        await ways.by_requests_that_are_wrong(world)
        await ways.by_a_web_process_in_trouble(world)
        await ways.by_the_command_line(world, forker)
        await ways.by_a_post_office_in_trouble(world)
    await until(lambda: len(receiver.got) >= 2, "the receiver was told")
    await listen_everywhere(world)
    assert len(world.seeds.all) >= 45
    found = await everywhere(world, receiver)
    assert found == {}, "\n".join(f"{place}: {', '.join(names)}" for place, names in found.items())


# -- everywhere it must not be


async def listen_everywhere(world: World) -> None:
    """Asks every route that reads, of the API and of the console, for whatever there is."""
    names = filled(world)
    for path in re.findall(r"^\| `GET (/[^`]+)` ", ACCESS_TABLE.read_text(encoding="utf-8"), re.MULTILINE):
        if path == "/api/v1/stream" or path.startswith("/static"):
            continue
        client = world.http if path.startswith("/api/") else world.owner
        # What is not about a station is asked for once.
        for address in sorted({address_of(path, {**names, **dict.fromkeys(STATION, one)}) for one in ("CP16", "CP20")}):
            answer = await client.request("GET", f"{world.base}{address}")
            world.seeds.hear(f"GET {address} ({answer.status_code})", answer.text)
            assert answer.status_code < 500, f"{address}: {answer.text}"
    for path in ("/messages?limit=200", "/commands?limit=200"):
        for identity in ("CP16", "CP20"):
            await world.say("GET", f"/stations/{identity}{path}")
    for program in world.deployment.programs:
        for line in program.said("metrics served"):
            answer = await world.owner.get(f"http://127.0.0.1:{line['port']}/metrics")
            world.seeds.hear(f"metrics of {program.name}", answer.text)


def address_of(path: str, names: Mapping[str, str]) -> str:
    """A path with what its parts are called by."""
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda name: names.get(name[1], "1"), path)


def filled(world: World) -> dict[str, str]:
    """A thing of each kind that an address may name."""
    queries = {
        "key_id": "SELECT max(key_id) FROM api_keys",
        "person_id": "SELECT min(person_id) FROM people",
        "invitation_id": "SELECT max(invitation_id) FROM invitations",
        "webhook_id": "SELECT min(webhook_id) FROM webhooks",
        "delivery_id": "SELECT max(delivery_id) FROM webhook_deliveries",
        "incident_id": "SELECT max(incident_id::text) FROM incidents",
        "number": "SELECT max(number) FROM messages",
    }
    found = {name: str(world.deployment.value(query)) for name, query in queries.items()}
    return found | {"site": "yard", "slug": "yard", "uid": "TAG1"}


async def everywhere(world: World, receiver: Receiver) -> dict[str, list[str]]:
    """Each place with the names of the secrets that stand there though they must not."""
    found = {where: world.seeds.found_in(text) for where, text in world.seeds.heard}
    for program in world.deployment.programs:
        await program.stop()
    for log in (world.folder / "log").glob("*.log*"):
        found[log.name] = world.seeds.found_in(log.read_text(encoding="utf-8", errors="replace"))
    for table, text in tables(world):
        found[f"the table {table}"] = world.seeds.found_in(text)
    posted = "\n".join(f"{headers} {body.decode(errors='replace')}" for headers, body in receiver.got)
    found["what the receiver was told"] = world.seeds.found_in(posted)
    own = {NEWCOMER: "token of an invitation", OWNER: "token of a reset"}
    for path in (world.folder / "mail").glob("*.eml"):
        letter = message_from_bytes(path.read_bytes(), policy=policy.default)
        text = f"{letter.as_string()}\n{letter.get_content()}"
        found[path.name] = [name for name in world.seeds.found_in(text) if name != own.get(str(letter["To"]))]
    return {where: names for where, names in found.items() if names}


def tables(world: World) -> Iterator[tuple[str, str]]:
    """Every table with all of its rows as text. A letter that waits holds its link: nothing else could send it."""
    with _reading(world) as connection:
        names = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1"
        ).fetchall()
        for (name,) in names:
            query = sql.SQL("SELECT coalesce(string_agg(t::text, chr(10)), '') FROM {} t").format(sql.Identifier(name))
            row = connection.execute(query).fetchone()
            assert row is not None
            text = str(row[0])
            if name == "letters":
                text = text.replace(world.seeds.all["token in a letter that waits"], "")
            yield name, text


@contextmanager
def _reading(world: World) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(world.deployment._admin_url, autocommit=True) as connection:
        yield connection
