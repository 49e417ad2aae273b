"""From a path to a source of sessions: by what is in the file, never by its name."""

from datetime import datetime
from pathlib import Path

from forecourt.insight.importing.documents import Document, read_document
from forecourt.insight.importing.opened import opened
from forecourt.insight.importing.tables import Options, Table, read_csv, read_workbook


def understood(path: Path, options: Options, now: datetime) -> Table | Document:
    """The sessions of a file, and how they are read. Raises ImportRefused, saying what is wrong and what to do."""
    file = opened(path, options.encoding)
    if file.kind == "json":
        return read_document(file, options, now)
    if file.kind == "workbook":
        return read_workbook(file, options, now)
    return read_csv(file, options, now)
