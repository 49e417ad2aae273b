"""All SQL of hosts."""

from typing import Any

from psycopg import AsyncConnection

Connection = AsyncConnection[Any]
