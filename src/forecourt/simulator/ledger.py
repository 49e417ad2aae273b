"""What the CSMS has acknowledged, one JSON line a message: the list that a database is held against after a crash.

A line: `kind` (start, update, meter, stop), `session` (the simulator's key), `station`, `version`, `evse`, `at`,
`register_wh`, `seq` (2.x), `transaction` (as the CSMS knows it), `action`, `payload` as sent, `answer` as received,
`message_id` (of the CALL that was answered), `duplicate` (a copy that was sent on purpose) and `acked_at` (real time).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from forecourt.simulator.journal import Journal, lines
from forecourt.simulator.said import Said
from forecourt.simulator.station import Station
from forecourt.simulator.wire import Payload

Row = dict[str, Any]

_encoder = msgspec.json.Encoder()


class Ledger:
    """Rows in memory, and appended to a file where one is given. `note` fits `Station(on_acked=...)`."""

    def __init__(self, path: Path | None = None, keep: bool | None = None) -> None:
        self.rows: list[Row] = []
        self._keep = path is None if keep is None else keep
        self._journal = Journal(path) if path is not None else None

    def note(self, station: Station, said: Said, answer: Payload, duplicate: bool) -> None:
        sent, facts = said.sent or {}, said.facts or {}
        transaction = sent.get("transactionId") or answer.get("transactionId")
        if "transactionInfo" in sent:
            transaction = sent["transactionInfo"]["transactionId"]
        row = {
            **facts,
            "session": said.session,
            "station": station.identity,
            "version": station.dialect.subprotocol,
            "transaction": transaction,
            "message_id": said.message_id,
            "action": said.action,
            "payload": sent,
            "answer": answer,
            "duplicate": duplicate,
            "acked_at": datetime.now(UTC).isoformat(),
        }
        if self._keep:
            self.rows.append(row)
        if self._journal is not None:
            self._journal.add(_encoder.encode(row))

    def flush(self) -> None:
        if self._journal is not None:
            self._journal.flush()

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None


def read(path: Path) -> Iterator[Row]:
    """The rows of a file; a last line cut short by a crash is passed over."""
    return (msgspec.json.decode(line) for line in lines(path))
