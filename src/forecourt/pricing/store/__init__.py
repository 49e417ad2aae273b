"""The SQL of tariffs: their versions, where they are assigned, and what is known of the places where they count."""

from typing import Any

from psycopg import AsyncConnection

Connection = AsyncConnection[Any]
