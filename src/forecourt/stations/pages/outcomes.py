"""What came of the commands that the audit names, for its page."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from forecourt.access.pages.shown import CameOf
from forecourt.stations import store
from forecourt.stations.pages.station import answer_word
from forecourt.stations.words import OUTCOMES


async def outcomes_of(conn: store.Connection, tenant_id: int, command_ids: Sequence[UUID], /) -> Mapping[str, CameOf]:
    """What came of these commands, by their ids; those that are kept no longer are left out."""
    rows = await store.find_commands(conn, tenant_id, command_ids)
    return {str(row.command_id): CameOf(outcome=OUTCOMES[row.outcome], said=answer_word(row)) for row in rows}
