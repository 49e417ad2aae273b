"""Why EVSEs count with what they may draw."""

from enum import StrEnum


class Ground(StrEnum):
    """Why an EVSE counts with what it counts."""

    IDLE = "idle"
    ORDER = "order"
    UNDER_WAY = "under_way"
    FALLBACK = "fallback"
    SILENT = "silent"
    RETURNED = "returned"
    ABSENT = "absent"
    UNANSWERED = "unanswered"
    REFUSES = "refuses"
    DISOBEYS = "disobeys"
    UNGUARDED = "unguarded"
    UNCONTROLLED = "uncontrolled"
    PRIORITISED = "prioritised"
