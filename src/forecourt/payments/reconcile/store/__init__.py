"""All SQL of reconciliation: what is compared and found, and what banks say."""

from typing import Any

from psycopg import AsyncConnection

Connection = AsyncConnection[Any]
