"""All SQL of fleets that are billed."""

from typing import Any

from psycopg import AsyncConnection

Connection = AsyncConnection[Any]
