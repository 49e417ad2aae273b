"""What a person reads of a station that holds something else than it was told, in the language of the page. Pure."""

from collections.abc import Mapping
from typing import Final

from forecourt.energy.dispatch.checking import Finding, Found
from forecourt.energy.explained.words import OUTSIDERS
from forecourt.ocpp.neutral import Purpose, Unit
from forecourt.ui import formats
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark

PURPOSES: Final[Mapping[Purpose, str]] = {
    Purpose.STATION_MAX: mark("A maximum of the station"),
    Purpose.TX_DEFAULT: mark("A default profile"),
    Purpose.TX: mark("A profile of a session"),
    Purpose.EXTERNAL: mark("A limit from outside"),
    Purpose.PRIORITY: mark("A profile for drivers with priority"),
    Purpose.LOCAL_GENERATION: mark("A profile of what is made on site"),
}
#: Who set a profile that is not ours, where the station names nobody but its operator.
_UNNAMED: Final = mark("nobody here")


def finding_words(each: Finding) -> str:
    """What differs, in a sentence."""
    values = {
        "what": _(PURPOSES[each.purpose or Purpose.TX]),
        "where": _("EVSE %(evse)s") % {"evse": each.evse} if each.evse else _("the whole station"),
        "limit": limit_word(each.limit, each.unit),
        "told": limit_word(each.told, each.unit),
        "level": each.stack_level,
    }
    if each.found is Found.LESS:
        return _("%(where)s offers %(limit)s at most, though it was told %(told)s: somebody else limits it.") % values
    if each.found is Found.MORE:
        return _("%(where)s would offer %(limit)s, though it was told %(told)s. It is told again.") % values
    if each.found is Found.LOST:
        return _("%(what)s, of %(where)s, is not there as it was told. It is told again.") % values
    source = each.source or ""
    values["who"] = _(_UNNAMED) if source in ("", "CSO") else _(OUTSIDERS[source]) if source in OUTSIDERS else source
    if each.limit is None:
        return _("%(what)s, of %(where)s at stack level %(level)s, was set by %(who)s.") % values
    return (
        _("%(what)s, of %(where)s at stack level %(level)s, was set by %(who)s and allows %(limit)s at most.") % values
    )


def limit_word(limit: int | None, unit: Unit) -> str:
    """A limit in mA or W; a dash where there is none."""
    if limit is None:
        return "-"
    return formats.amperes(limit / 1000) if unit is Unit.CURRENT else formats.kw(limit)
