"""A station that is connected, as nobody pays at one that isn't."""

import psycopg


def online(admin: psycopg.Connection, station: str) -> None:
    """It is held by a gateway whose lease lasts, and says nothing of its connectors."""
    admin.execute(
        "INSERT INTO gateways (gateway_id, started_at, lease_until) VALUES ('g', now(), now() + interval '1 hour')"
        " ON CONFLICT (gateway_id) DO UPDATE SET lease_until = excluded.lease_until"
    )
    admin.execute(
        "INSERT INTO station_links (station_id, tenant_id, epoch, gateway_id, protocol, connected_at, last_seen_at)"
        " SELECT station_id, tenant_id, 1, 'g', 'ocpp2.0.1', now(), now() FROM stations WHERE identity = %s",
        (station,),
    )
