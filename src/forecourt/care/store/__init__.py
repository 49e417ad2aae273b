"""All SQL of the room: what is wrong now, incidents, alert rules, and what a day was like."""

from typing import Any

from psycopg import AsyncConnection

Connection = AsyncConnection[Any]
