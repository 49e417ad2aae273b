"""Who is refused at the door is kept, bounded, for those whose it is, and without a secret."""

import asyncio
import base64
import socket
import ssl
from collections.abc import Mapping
from typing import Any

import pytest
import websockets

from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool
from forecourt.stations.gateway import knocks
from forecourt.stations.gateway.roster import Refusal
from forecourt.stations.model import Reason, password_hash
from forecourt.stations.store.knocks import MAX_OF_ADDRESS, MAX_STRANGERS, KnockFilter, KnockRow, list_knocks
from tests.stations.gateway.conftest import PASSWORD, SECRET, Rig
from tests.stations.gateway.test_admission import refusal
from tests.stations.gateway.test_tls import Secure, secure
from tests.support import WAIT_S

__all__ = ["secure"]

CODE = "0123456789ab"
#: For what does not depend on the carrier.
by_one_carrier = pytest.mark.parametrize("transport", ["picows"], indirect=True)
STRANGER = Refusal(404, "", Reason.UNKNOWN)


def inbox(rig: Rig, tenant_id: int, code: str = CODE) -> None:
    rig.admin.execute("INSERT INTO inboxes (tenant_id, code) VALUES (%s, %s)", (tenant_id, code))


async def kept(rig: Rig, columns: str = "identity, reason", tenant: str = "Org") -> list[tuple[Any, ...]]:
    await rig.gateway.write_knocks()
    return rig.rows(f"SELECT {columns} FROM knocks WHERE tenant_id = %s ORDER BY identity", rig.tenant(tenant))


async def shown(rig: Rig, pool: Pool, tenant: str, *, acting_for: str | None = None) -> list[KnockRow]:
    """The inbox of one organisation, asked for by a transaction of the same one, or of another."""
    tenant_id = rig.tenant(tenant)
    async with pool.tenant(rig.tenant(acting_for or tenant)) as conn:
        now = rig.gateway.clock.now()
        return await list_knocks(conn, tenant_id, KnockFilter(), now, place=None, limit=500)


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


async def test_each_reason_of_a_refusal_is_kept_with_what_the_station_came_with(rig: Rig) -> None:
    for identity, profile in (("CP1", 1), ("CP2", 2), ("CP3", 3)):
        await rig.register(identity, profile=profile)
    assert await refusal(rig, "CP1", password="wrong") == 401
    assert await refusal(rig, "CP2") == 403
    assert await refusal(rig, "CP3") == 403
    assert await kept(rig) == [("CP1", "wrong_password"), ("CP2", "no_tls"), ("CP3", "no_tls")]
    assert await refusal(rig, "CP1", user="CP2") == 401
    assert await kept(rig) == [("CP1", "no_password"), ("CP2", "no_tls"), ("CP3", "no_tls")]
    assert await refusal(rig, "CP1", "ocpp1.5", "ocpp9") == 400
    columns = "reason, knocked, tls, remote_address, subprotocols, password_hash, station_id IS NOT NULL, user_agent"
    [first, *_] = await kept(rig, columns)
    assert first[:7] == ("no_subprotocol", 3, False, "127.0.0.1", "ocpp1.5, ocpp9", None, True)
    assert "websockets" in first[7]


@by_one_carrier
async def test_a_station_that_came_in_since_is_no_longer_among_the_refused(rig: Rig, pool: Pool) -> None:
    await rig.register("CP1")

    async def refused() -> list[str]:
        async with pool.tenant(rig.tenant()) as conn:
            wanted, now = KnockFilter(registered=True), rig.gateway.clock.now()
            return [each.identity for each in await list_knocks(conn, rig.tenant(), wanted, now, place=None, limit=9)]

    assert await refusal(rig, "CP1", password="wrong") == 401
    await rig.gateway.write_knocks()
    assert await refused() == ["CP1"]
    async with rig.station("CP1") as station:
        await station.call("Heartbeat", {})
        assert await refused() == []


@by_one_carrier
async def test_a_dismissed_stranger_that_is_registered_and_refused_is_among_the_refused(rig: Rig) -> None:
    inbox(rig, rig.tenant())
    assert await refusal(rig, "CP1", path=f"/ocpp/{CODE}/") == 404
    await rig.gateway.write_knocks()
    rig.admin.execute("UPDATE knocks SET muted_until = '2999-01-01'")
    assert await refusal(rig, "CP1", path=f"/ocpp/{CODE}/") == 404
    assert await kept(rig, "reason, muted_until IS NULL") == [("unknown", False)]
    await rig.register("CP1")
    assert await refusal(rig, "CP1", password="wrong") == 401
    assert await kept(rig, "reason, muted_until IS NULL") == [("wrong_password", True)]


@by_one_carrier
async def test_a_stranger_belongs_to_the_code_in_its_address_and_a_known_one_to_its_own_house(
    rig: Rig, pool: Pool
) -> None:
    ours, theirs = rig.tenant("Ours"), rig.tenant("Theirs")
    inbox(rig, ours)
    inbox(rig, theirs, "ba9876543210")
    await rig.register("CP1")
    assert await refusal(rig, "NEW-1", path=f"/ocpp/{CODE}/") == 404
    assert await refusal(rig, "NEW-2", path="/ocpp/BA9876543210/") == 404
    # Of several organisations, none is meant by an address without a code, nor by one that nobody has.
    assert await refusal(rig, "NEW-3") == 404
    assert await refusal(rig, "NEW-4", path="/ocpp/ffffffffffff/") == 404
    assert await refusal(rig, "CP1", password="wrong", path=f"/ocpp/{CODE}/") == 401
    await rig.gateway.write_knocks()
    assert rig.rows("SELECT tenant_id, identity FROM knocks ORDER BY identity") == [
        (rig.tenant(), "CP1"), (ours, "NEW-1"), (theirs, "NEW-2"),
    ]  # fmt: skip
    assert [row.identity for row in await shown(rig, pool, "Ours")] == ["NEW-1"]
    assert await shown(rig, pool, "Theirs", acting_for="Ours") == []
    async with rig.station("CP1", path=f"/ocpp/{CODE}/"):
        pass


@by_one_carrier
async def test_without_a_code_a_stranger_comes_to_the_only_organisation_that_has_people(rig: Rig) -> None:
    rig.tenant("Empty")
    person = rig.rows("INSERT INTO people (email, name) VALUES ('a@b.c', 'A') RETURNING person_id")[0][0]
    member = "INSERT INTO memberships (tenant_id, person_id, role) VALUES (%s, %s, 'owner')"
    rig.admin.execute(member, (rig.tenant(), person))
    assert await refusal(rig, "NEW-1") == 404
    assert await kept(rig) == [("NEW-1", "unknown")]
    rig.admin.execute(member, (rig.tenant("Empty"), person))
    assert await refusal(rig, "NEW-2") == 404
    assert await kept(rig) == [("NEW-1", "unknown")]


@by_one_carrier
async def test_the_first_password_is_kept_as_a_digest_and_a_second_one_makes_it_doubtful(rig: Rig) -> None:
    inbox(rig, rig.tenant())
    path = f"/ocpp/{CODE}/"
    assert await refusal(rig, "NEW", password="a-password-of-a-stranger", path=path) == 404
    digest = password_hash(SECRET.encode(), b"a-password-of-a-stranger")
    assert await kept(rig, "password_hash, contested, knocked") == [(digest, False, 1)]
    assert await refusal(rig, "NEW", password="another-one-somebody-tries", path=path) == 404
    assert await kept(rig, "password_hash, contested, knocked") == [(digest, True, 2)]
    [(everything,)] = rig.rows("SELECT string_agg(k::text, '') FROM knocks k")
    assert "stranger" not in everything
    assert "somebody" not in everything
    # Who names another user than itself shows no password of its own.
    assert await refusal(rig, "NEW-2", user="NEW", path=path) == 404
    assert (await kept(rig, "password_hash"))[1] == (None,)


async def test_a_handshake_that_fails_is_told_with_its_reason(rig: Rig, secure: Secure) -> None:
    person = rig.rows("INSERT INTO people (email, name) VALUES ('a@b.c', 'A') RETURNING person_id")[0][0]
    rig.admin.execute(
        "INSERT INTO memberships (tenant_id, person_id, role) VALUES (%s, %s, 'owner')", (rig.tenant(), person)
    )
    port = await secure.listen(client_certificates=False)
    await asyncio.to_thread(_distrust, port)
    assert await _told(rig, "UNKNOWN_CA")
    with pytest.raises((websockets.InvalidHandshake, OSError, EOFError)):
        await websockets.connect(f"ws://localhost:{port}/ocpp/CP1")
    assert await _told(rig, "HTTP_REQUEST")
    assert await kept(rig, "identity, reason, tls") == [("", "tls_failed", True)]
    async with Pool(rig.database.url, "forecourt_app", size=1) as pool:
        assert await shown(rig, pool, "Org") == []


def _distrust(port: int) -> None:
    """Begin TLS as a station does that doesn't know the authority of our certificate."""
    with socket.create_connection(("localhost", port)) as line, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(line, server_hostname="localhost")


async def _told(rig: Rig, reason: str) -> bool:
    async with asyncio.timeout(WAIT_S):
        while not any(reason in (detail or "") for (detail,) in await kept(rig, "detail")):
            await asyncio.sleep(0.02)
    return True


def knock_of(rig: Rig, identity: str, address: str, headers: Mapping[str, str] = {}) -> None:
    rig.gateway.knocks.heard(f"/ocpp/{CODE}/{identity}", headers, STRANGER, tls=False, address=address)


@by_one_carrier
async def test_a_flood_of_made_up_names_grows_neither_memory_nor_the_table_nor_drives_out_who_is_real(
    rig: Rig,
) -> None:
    inbox(rig, rig.tenant())
    await rig.register("CP1")
    for _ in range(2):
        knock_of(rig, "REAL", "192.0.2.1")
    await rig.gateway.write_knocks()
    for number in range(5_000):
        knock_of(rig, f"FLOOD-{number}", "198.51.100.7")
    assert len(rig.gateway.knocks) == knocks.MAX_GATHERED_OF_ADDRESS
    await refusal(rig, "CP1", password="wrong")
    for number in range(5_000):
        knock_of(rig, f"MANY-{number}", f"203.0.113.{number % 250}")
    # A known station's refusal finds room whatever strangers do.
    assert len(rig.gateway.knocks) == knocks.MAX_GATHERED + 1
    await rig.gateway.write_knocks()
    assert len(rig.gateway.knocks) == 0
    for turn in range(MAX_STRANGERS // 100 + 2):
        for number in range(knocks.MAX_GATHERED):
            knock_of(rig, f"T{turn}-{number}", f"198.18.{turn}.{number}")
        await rig.gateway.write_knocks()
        # Who was dismissed and is due again is one of those that wait.
        rig.admin.execute("UPDATE knocks SET muted_until = now() - interval '1 day' WHERE identity LIKE '%-1_'")
    strangers = [row[0] for row in await kept(rig, "identity") if row[0] != "CP1"]
    assert len(strangers) == MAX_STRANGERS
    assert "REAL" in strangers
    assert ("CP1", "wrong_password") in await kept(rig)
    for turn in range(MAX_OF_ADDRESS // knocks.MAX_GATHERED_OF_ADDRESS + 3):
        for number in range(knocks.MAX_GATHERED_OF_ADDRESS):
            knock_of(rig, f"ONE-PLACE-{turn}-{number}", "198.51.100.7")
        await rig.gateway.write_knocks()
    of_address = rig.rows("SELECT count(*) FROM knocks WHERE remote_address = '198.51.100.7'")
    assert of_address == [(MAX_OF_ADDRESS,)]
    async with rig.station("CP1", password=PASSWORD) as station:
        assert "currentTime" in await station.call("Heartbeat", {})


def test_what_can_be_no_identity_is_not_kept_and_what_headers_say_is_cut_and_cleaned() -> None:
    door = knocks.Knocks(SECRET.encode(), SystemClock(), lambda _: None)
    for name in ("", "%00", "a%3Ab", "a%2Fb", "x" * 256, "%0Anew", "..", "%20", "\udc80"):
        door.heard(f"/ocpp/{CODE}/{name}", {}, STRANGER, tls=False, address="192.0.2.1")
    assert len(door) == 0
    headers = {
        "User-Agent": "a\x00b\r\n\udc80" + "x" * 5_000, "Sec-WebSocket-Protocol": "ocpp9\x1b, " * 500,
        **basic("NEW", "p" * 5_000),
    }  # fmt: skip
    door.heard(f"/ocpp/{CODE}/NEW", headers, STRANGER, tls=False, address="192.0.2.1\x00" + "0" * 500)
    [row] = door.take()
    assert row.user_agent.startswith("ab?xx")
    assert "\x1b" not in row.subprotocols
    assert max(len(row.user_agent), len(row.subprotocols)) <= knocks.MAX_HEADER
    assert "\x00" not in row.remote_address
    assert row.password_hash is None
    assert row.code == CODE


@by_one_carrier
async def test_a_write_that_fails_loses_knocks_and_nothing_else(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox(rig, rig.tenant())
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        rig.admin.execute("ALTER TABLE knocks RENAME TO knocks_away")
        knock_of(rig, "NEW", "192.0.2.1")
        await rig.gateway.write_knocks()
        assert "currentTime" in await station.call("Heartbeat", {})
        rig.admin.execute("ALTER TABLE knocks_away RENAME TO knocks")
    knock_of(rig, "NEW", "192.0.2.1")
    assert await kept(rig) == [("NEW", "unknown")]
