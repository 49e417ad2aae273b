"""The bidding zones that exchanges know, by the names that their libraries have for them.

They are written down here as importing a library for them would cost every process that checks a feed seconds and
memory. Pure.
"""

import re
from difflib import get_close_matches
from typing import Final

ENTSOE: Final = frozenset(
    """
    AL AT BA BE BG BY CH CWE CY CZ CZ_DE_SK DE DE_50HZ DE_AMPRION DE_AMP_LU DE_AT_LU DE_LU DE_TENNET
    DE_TRANSNET DK DK_1 DK_1_NO_1 DK_2 DK_CA EE ES FI FR GB GB_ELECLINK GB_IFA GB_IFA2 GE GR HR HU IE IE_SEM
    IS IT IT_BRNN IT_CALA IT_CNOR IT_CSUD IT_FOGN IT_GR IT_MACRO_NORTH IT_MACRO_SOUTH IT_MALTA IT_NORD
    IT_NORD_AT IT_NORD_CH IT_NORD_FR IT_NORD_SI IT_PRGP IT_ROSN IT_SACO_AC IT_SACO_DC IT_SARD IT_SICI IT_SUD
    LT LU LV MD ME MK MT NIE NL NO NO_1 NO_1A NO_2 NO_2A NO_2_NSL NO_3 NO_4 NO_5 PL PL_CZ PT RO RS RU RU_KGD
    SE SE_1 SE_2 SE_3 SE_4 SI SK TR UA UA_BEI UA_DOBTPP UA_IPS UK XK
    """.split()  # noqa: SIM905
)
NORD_POOL: Final = frozenset(
    """
    AT BE BG DK1 DK2 EE FI FR GER LT LV NL NO1 NO2 NO3 NO4 NO5 PL SE1 SE2 SE3 SE4 SYS TEL
    """.split()  # noqa: SIM905
)
#: What ENTSO-E itself calls an area; the names stand for such codes.
_PLAIN: Final = frozenset(name.replace("_", "") for name in ENTSOE | NORD_POOL)
_EIC: Final = re.compile(r"[0-9]{2}Y[A-Z0-9-]{13}")
#: Zones that are named to who wrote one that there isn't.
MAX_NAMED: Final = 6


def is_entsoe(area: str) -> bool:
    """Whether ENTSO-E may be asked for an area: by a name, or by a code."""
    return area in ENTSOE or _EIC.fullmatch(area) is not None


def is_zone(zone: str) -> bool:
    """Whether an exchange has a zone of this name, however it is joined: `DE_LU`, `DE-LU`, `SE_3`, `SE3`."""
    return is_entsoe(zone) or zone.replace("_", "").replace("-", "") in _PLAIN


def like(area: str, known: frozenset[str]) -> str:
    """Zones that may be meant: `DE_LU, DE_AT_LU`, or some of all of them."""
    plain = {name.replace("_", ""): name for name in sorted(known)}
    wanted = area.replace("_", "").replace("-", "")
    close = [plain[short] for short in get_close_matches(wanted, plain, MAX_NAMED)]
    begins = [name for short, name in plain.items() if short.startswith(wanted[:2])]
    short_first = sorted(known, key=lambda name: (len(name), name))
    return ", ".join(list(dict.fromkeys([*close, *begins, *short_first]))[:MAX_NAMED])
