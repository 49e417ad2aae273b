"""Stations as gateways would have written them, and the worker's look at them, over the real PostgreSQL."""

import itertools
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from forecourt.app.letters import telling_of
from forecourt.care.jobs import CareJobs, Publisher
from forecourt.platform.database import Pool
from forecourt.platform.settings import Settings
from tests.support import FakeClock

_numbers = itertools.count(1)
GATEWAY = "the gateway"
CONSOLE = "https://console.test"
TELLING = telling_of(Settings(public_url=CONSOLE))


class Yard:
    """The stations of one organisation. Times are the clock's; only whether a gateway lives is the database's."""

    def __init__(
        self,
        admin: psycopg.Connection[Any],
        worker: Pool,
        tenants: Pool,
        clock: FakeClock,
        *,
        tenant_id: int | None = None,
        bus: Publisher | None = None,
    ) -> None:
        self.admin = admin
        self.worker = worker
        self.tenants = tenants
        self.clock = clock
        self.tenant_id = self.organisation() if tenant_id is None else tenant_id
        self.jobs = CareJobs(
            worker,
            tenants,
            clock,
            TELLING,
            bus,
        )
        self.gateway(clock.now() - timedelta(days=30))

    def rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        cursor = self.admin.cursor(row_factory=dict_row).execute(query.encode(), parameters)
        return cursor.fetchall() if cursor.description else []

    def organisation(self) -> int:
        name = f"Organisation {next(_numbers)}"
        [row] = self.rows("INSERT INTO organisations (name) VALUES (%s) RETURNING tenant_id", name)
        return int(row["tenant_id"])

    def gateway(self, started_at: datetime, *, lives: bool = True) -> None:
        """The gateway that holds all sockets: since when it runs, and whether it still does."""
        self.rows(
            "INSERT INTO gateways (gateway_id, started_at, lease_until) VALUES (%s, %s, now() + %s::interval)"
            " ON CONFLICT (gateway_id) DO UPDATE SET started_at = excluded.started_at,"
            " lease_until = excluded.lease_until",
            GATEWAY,
            started_at,
            "1 hour" if lives else "-1 second",
        )

    def site(self, zone: str = "Europe/Berlin", **columns: Any) -> int:
        number = next(_numbers)
        known = {"tenant_id": self.tenant_id, "slug": f"site-{number}", "name": f"Site {number}", "time_zone": zone}
        return int(self._insert("sites", known | columns, "site_id"))

    def station(self, *, connected: bool = True, since: timedelta = timedelta(hours=1), **columns: Any) -> int:
        """A station and its link: connected since, or lost since."""
        identity = f"CP{next(_numbers):05d}"
        then = self.clock.now() - since
        known = {"tenant_id": self.tenant_id, "identity": identity, "created_at": self.clock.now() - timedelta(days=9)}
        station_id = int(self._insert("stations", known | columns, "station_id"))
        self.link(station_id, connected=connected, at=then)
        return station_id

    def link(self, station_id: int, *, connected: bool, at: datetime) -> None:
        self.rows(
            "INSERT INTO station_links AS l (station_id, tenant_id, epoch, gateway_id, protocol, connected_at,"
            " disconnected_at, last_seen_at) VALUES (%s, %s, 1, %s, 'ocpp1.6', %s, %s, %s) ON CONFLICT (station_id)"
            " DO UPDATE SET epoch = l.epoch + 1, gateway_id = excluded.gateway_id, disconnected_at ="
            " excluded.disconnected_at, last_seen_at = excluded.last_seen_at, connected_at = excluded.connected_at",
            station_id,
            self.tenant_id,
            GATEWAY if connected else None,
            at,
            None if connected else at,
            at,
        )

    def refused(self, station_id: int, reason: str = "wrong_password", *, at: datetime | None = None) -> None:
        """It knocked and was refused, as a gateway keeps it."""
        self.rows(
            "INSERT INTO knocks (tenant_id, identity, station_id, reason, tls, knocked, first_at, last_at)"
            " SELECT tenant_id, identity, station_id, %s, false, 1, %s, %s FROM stations WHERE station_id = %s"
            " ON CONFLICT (tenant_id, identity) DO UPDATE SET reason = excluded.reason, last_at = excluded.last_at",
            reason,
            at or self.clock.now(),
            at or self.clock.now(),
            station_id,
        )

    def says(
        self,
        station_id: int,
        state: str,
        error_code: str | None = None,
        *,
        evse: int = 1,
        at: datetime | None = None,
        arrived: datetime | None = None,
    ) -> None:
        """A StatusNotification, as the lane merges it."""
        now = self.clock.now()
        said = (station_id, evse, 1, self.tenant_id, state, at or now, error_code)
        self.rows(
            "INSERT INTO connectors (station_id, evse, connector, tenant_id, state, state_at, error_code)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (station_id, evse, connector) DO UPDATE"
            " SET state = excluded.state, state_at = excluded.state_at, error_code = excluded.error_code",
            *said,
        )
        self.rows(
            "INSERT INTO connector_history (station_id, evse, connector, tenant_id, state, state_at, error_code,"
            " arrived_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            *said,
            arrived or now,
        )

    def session(
        self,
        station_id: int,
        started: timedelta,
        lasted: timedelta | None = None,
        energy_wh: int | None = None,
        **facts: Any,
    ) -> UUID:
        """A session that began so long ago; `lasted` None: it runs and was heard of just now."""
        start = self.clock.now() - started
        end = None if lasted is None else start + lasted
        heard = end or self.clock.now()
        known = {
            "tenant_id": self.tenant_id, "station_id": station_id, "transaction_id": f"t{next(_numbers)}",
            "start_key": 0, "started_at": start, "last_key": 0, "last_at": heard, "heard_at": heard, "ended_at": end,
            "evse": 1, "connector": 1, "token_status": "Accepted",
        } | facts  # fmt: skip
        if energy_wh is not None:
            known |= {"meter_start_wh": 1_000, "meter_stop_wh": 1_000 + energy_wh}
        return UUID(str(self._insert("sessions", known, "session_id")))

    def quarantine(self, station_id: int) -> int:
        known = {"at": self.clock.now(), "tenant_id": self.tenant_id, "station_id": station_id, "raw": "[2,...]"}
        return int(self._insert("quarantine", known | {"error": "NumericValueOutOfRange: too much"}, "quarantine_id"))

    async def look(self) -> None:
        """What the worker does every minute, for this organisation: those of other tests are none of ours."""
        await self.jobs.watch(self.tenant_id)

    async def minutes(self, number: int) -> None:
        """Time goes on, with a look every minute."""
        for _ in range(number):
            self.clock.advance(60)
            await self.look()

    def incidents(self, *, open_only: bool = False) -> list[dict[str, Any]]:
        return self.rows(
            "SELECT * FROM incidents WHERE tenant_id = %s AND (closed_at IS NULL OR NOT %s) ORDER BY number",
            self.tenant_id,
            open_only,
        )

    def kinds(self) -> list[str]:
        """Of what is open."""
        return [row["kind"] for row in self.incidents(open_only=True)]

    def events(self) -> list[tuple[str, str]]:
        """What waits in the outbox of incidents."""
        rows = self.rows(
            "SELECT event, subject FROM outbox WHERE tenant_id = %s AND event ~ '^incident[.]' ORDER BY 1, 2",
            self.tenant_id,
        )
        return [(row["event"], row["subject"]) for row in rows]

    def member(self, **columns: Any) -> str:
        email = f"person{next(_numbers)}@example.org"
        person_id = self._insert("people", {"email": email, "name": "Person"}, "person_id")
        known = {"tenant_id": self.tenant_id, "person_id": person_id, "role": "owner"}
        self._insert("memberships", known | columns, "person_id")
        return email

    def loses(self, station_id: int, *, for_s: float = 20) -> None:
        """Its connection breaks and is back after a while, as the lanes write it."""
        lost_at = self.clock.now()
        self.clock.advance(for_s)
        self.rows(
            "INSERT INTO connection_gaps (station_id, epoch, tenant_id, lost_at, returned_at) VALUES (%s,"
            " (SELECT count(*) FROM connection_gaps WHERE station_id = %s), %s, %s, %s)",
            station_id,
            station_id,
            self.tenant_id,
            lost_at,
            self.clock.now(),
        )
        self.link(station_id, connected=True, at=self.clock.now())

    def letters(self) -> list[dict[str, Any]]:
        """Letters that wait, in order."""
        return self.rows(
            "SELECT recipient, subject, body FROM letters WHERE tenant_id = %s ORDER BY written_at, recipient",
            self.tenant_id,
        )

    def _insert(self, table: str, columns: dict[str, Any], key: str) -> Any:
        [row] = self.rows(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))}) RETURNING {key}",
            *columns.values(),
        )
        return row[key]
