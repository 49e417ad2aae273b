"""What an import of a file would come to, told without a database: what is there already is not known here."""

from typing import Final

from forecourt.insight.importing.made import digest_of
from forecourt.insight.importing.model import Refusal, Report, Source, count
from forecourt.insight.importing.placing import placed
from forecourt.insight.importing.service import facts_of, refusal, source_name, take, tell_apart

#: Sessions of which ids are remembered, to find those that come again.
MAX_REMEMBERED: Final = 5_000_000
#: Drivers are pseudonyms here too, so that a token in capitals is the one in small letters: by the key of nobody.
_NOBODY: Final = bytes(32)


def looked(source: Source, name: str | None) -> Report:
    """The report of an import into an organisation that has nothing yet, no station either. `name` is whose sessions
    they are, else what the file says. Raises ImportRefused."""
    label = source_name(name or source.source)
    report = Report(form=source.form, source=label, found=[*source.found])
    seen: dict[str, bytes] = {}
    homes: dict[str, str] = {}
    for parsed in source.rows():
        report.read += 1
        if parsed.refusal is not None:
            _refuse(report, parsed.refusal)
        elif (session := parsed.session) is not None:
            facts = facts_of(_NOBODY, label, session, ours=False)
            digest = digest_of(facts)
            source_id = session.id or f"row-{digest.hex()}"
            first = seen.get(source_id)
            if first is not None:
                reason = "repeated" if first == digest else "id-taken"
                _refuse(report, refusal(parsed.line, source_id, session.energy_wh, reason))
                continue
            if len(seen) < MAX_REMEMBERED:
                seen[source_id] = digest
            take(report, session)
            station = placed(label, session, homes).station
            if station != facts.station:
                tell_apart(report, station)
    if len(seen) == MAX_REMEMBERED:
        report.found.append(f"ids that come again were looked for in the first {MAX_REMEMBERED} sessions alone")
    return report


def _refuse(report: Report, found: Refusal) -> None:
    count(report.refused, found.reason)
    report.refused_wh += found.energy_wh or 0
    report.refusals.append(found)
