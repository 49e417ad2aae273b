"""The number of a payment card, sent to every door of the application in every way in which something can be sent: it
is taken by none, told back by none, and stands in no table, no log and no measure afterwards."""

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_asyncio
import structlog
from httpx import AsyncClient, Response
from litestar import Litestar
from litestar.routes import HTTPRoute
from prometheus_client import generate_latest

from forecourt.platform import log
from forecourt.platform.database import Pool
from tests.http import House, Tenant

NUMBER = "4242424242424242"
SPACED = "4242 4242 4242 4242"
#: As JSON may write digits.
ESCAPED = "".join(f"\\u{ord(each):04x}" for each in NUMBER)
#: And as a form may.
QUOTED = "".join(f"%{ord(each):02x}" for each in NUMBER)
#: As other scripts write digits, which a database would keep as they are.
WIDE = "".join(chr(0xFF10 + int(each)) for each in NUMBER)
JSON, FORM = {"content-type": "application/json"}, {"content-type": "application/x-www-form-urlencoded"}
#: Bodies that hold it, in every way in which routes read them.
BODIES: dict[str, tuple[dict[str, str], str]] = {
    "text": (JSON, json.dumps({"number": NUMBER, "name": f"card {NUMBER}"})),
    "number": (JSON, f'{{"amount": {NUMBER}}}'),
    "spaced": (JSON, json.dumps({"name": SPACED})),
    "escaped": (JSON, f'{{"name": "{ESCAPED}", "email": "{ESCAPED}@example.org"}}'),
    "wide": (JSON, json.dumps({"name": WIDE}, ensure_ascii=False)),
    "name of a member": (JSON, json.dumps({NUMBER: 1})),
    "form": (FORM, f"name=card+{NUMBER}&email=a%40example.org"),
    "quoted form": (FORM, f"name={QUOTED}&why={QUOTED}"),
    "lines": ({"content-type": "text/csv"}, f"name;identity\n{NUMBER};CP1\n"),
    "parts": (
        {"content-type": "multipart/form-data; boundary=x"},
        f'--x\r\ncontent-disposition: form-data; name="name"\r\n\r\n{NUMBER}\r\n--x--\r\n',
    ),
}
#: Headers that are read, kept or told back.
HEADERS = dict.fromkeys(("x-request-id", "idempotency-key", "if-match", "user-agent", "referer"), NUMBER)
WRITING = ("POST", "PUT", "PATCH", "DELETE")


@pytest_asyncio.fixture(scope="module")
async def application(application_with_pages: tuple[Pool, Any]) -> tuple[Pool, Any]:
    return application_with_pages


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """All that is logged, at every level, as a process would write it."""
    stream, was = io.StringIO(), structlog.get_config()
    handlers, level = logging.root.handlers[:], logging.root.level
    log.set_up("debug", "json", stream)
    # A logger that was kept as it is here would log here for ever.
    structlog.configure(cache_logger_on_first_use=False)
    # Who asks here is no part of what is looked at.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    yield stream
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.configure(**was)


def doors_of(house: House) -> list[tuple[str, str]]:
    """Every method and path that the application answers, of pages as well."""
    app: Any = house._app
    while not isinstance(app, Litestar):
        app = app._inner
    return sorted(
        (method, route.path_format)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method in route.route_handler_map
        if method not in ("HEAD", "OPTIONS")
    )


def where(path: str, part: str) -> str:
    """A path with all of its parts filled in."""
    return re.sub(r"\{\w+(:\w+)?\}", part, path)


async def knock(client: AsyncClient, number: int, method: str, path: str) -> list[tuple[str, Response]]:
    """Sends it to one door: in the query, the path, headers, as a body, and in two more ways of those, in turn."""
    some = where(path, "1")
    found = [("query", await client.request(method, f"{some}?q={QUOTED}&cursor={NUMBER}"))]
    if some != path:
        found.append(("path", await client.request(method, where(path, (NUMBER, QUOTED)[number % 2]))))
    if method in WRITING:
        others = list(BODIES)[1:]
        for name in ("text", others[2 * number % len(others)], others[(2 * number + 1) % len(others)]):
            headers, body = BODIES[name]
            found.append((name, await client.request(method, some, content=body, headers=headers)))
        found.append(("headers", await client.request(method, some, json={}, headers=HEADERS)))
    return found


async def test_a_card_number_is_taken_by_no_door_and_kept_nowhere(
    house: House, tenant: Tenant, written: io.StringIO
) -> None:
    doors = doors_of(house)
    assert {("POST", "/hooks/payments/{account}"), ("POST", "/payments/{payment_id}/refund")} <= set(doors)
    assert len(doors) > 300
    owner, nobody = await tenant.client(), house.client()
    for client in (owner, nobody):
        # Whether an answer is in the document is looked at elsewhere.
        client.event_hooks = {}
        for number, (method, path) in enumerate(doors):
            for way, answer in await knock(client, number, method, path):
                about = (method, path, way, answer.status_code)
                assert answer.status_code >= 400 or way == "headers", about
                assert NUMBER not in answer.text, about
                assert NUMBER not in str(answer.headers), about
    assert "card-number-refused" in written.getvalue() or 'status": 422' in written.getvalue()
    for kept in (written.getvalue(), generate_latest().decode(), *everything(house)):
        for form in (NUMBER, SPACED, WIDE, NUMBER.encode().hex()):
            assert form not in kept, kept[max(0, kept.index(form) - 300) :][:600]


def everything(house: House) -> Iterator[str]:
    """Each row of each table that holds it, in any form."""
    with house.admin() as admin:
        tables = admin.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            rows = admin.execute(
                f"SELECT t::text FROM {table} t WHERE t::text LIKE ANY(%s)".encode(),
                ([f"%{form}%" for form in (NUMBER, SPACED, WIDE, NUMBER.encode().hex())],),
            ).fetchall()
            for (row,) in rows:
                yield f"{table}: {row}"
