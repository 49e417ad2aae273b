"""The kinds of desires: how each is spelled, what a station is asked for it, and how to tell that it is there.

Another kind is another object in KINDS.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

from forecourt.ocpp.neutral import (
    ChangeAvailability,
    ChargingProfile,
    ClearChargingProfile,
    ClearTariffs,
    Command,
    Purpose,
    SetChargingProfile,
    SetDefaultTariff,
    ShowPaymentCodes,
)
from forecourt.stations.desired.model import Want

AVAILABILITY: Final = "availability"
CHARGING_PROFILE: Final = "charging_profile"
DEFAULT_TARIFF: Final = "default_tariff"
PAYMENT_CODES: Final = "payment_codes"
#: The component of 2.1 that shows them: the station's one, or one for each EVSE.
PAYMENT_DISPLAYS: Final = "WebPaymentsCtrlr"
#: The key of what is the whole station's.
STATION: Final = "0"


class ConnectorSaid(Struct, frozen=True, kw_only=True):
    """What a connector last said of itself."""

    evse: int
    connector: int
    state: str
    state_at: datetime


class Kind(Protocol):
    """One kind of desire. Pure: what is wanted comes and goes as JSON."""

    name: str
    #: Whether its calls go ahead of others. All calls of one kind do or don't, so that none overtakes the one before.
    urgent: bool
    #: How long after a yes it is looked at again: what the connectors tell otherwise, or nothing of, is sent again.
    look_after: timedelta

    def command(self, key: str, wanted: Any) -> Command:
        """What a station is asked; raises ValueError for what can't be understood."""

    def reported(self, key: str, said: Sequence[ConnectorSaid]) -> Any:
        """What the station's connectors tell of it; None where they tell nothing."""


class Availability:
    """Whether a station, an EVSE or a connector is in service: key `0`, `2` or `2.1`, wanted `{"operative": bool}`."""

    name = AVAILABILITY
    urgent = False
    look_after = timedelta(minutes=45)

    def command(self, key: str, wanted: Any) -> Command:
        evse, connector = _place(key)
        return ChangeAvailability(operative=bool(wanted["operative"]), evse=evse, connector=connector)

    def reported(self, key: str, said: Sequence[ConnectorSaid]) -> Any:
        evse, connector = _place(key)
        own = [each for each in said if (each.evse, each.connector) == (0, 0)]
        if evse == 0 and own:
            return {"operative": own[0].state != "Unavailable"}
        theirs = [
            each
            for each in said
            if each.evse > 0 and evse in (0, each.evse) and connector in (None, each.connector)
            if each.state != "Unknown"
        ]
        return {"operative": any(each.state != "Unavailable" for each in theirs)} if theirs else None


class Profile:
    """A charging profile of an EVSE, a purpose and a stack level: key `2/tx/1`, wanted the neutral ChargingProfile;
    None: there shall be none there."""

    name = CHARGING_PROFILE
    urgent = True
    look_after = timedelta(days=1)

    def command(self, key: str, wanted: Any) -> Command:
        evse, purpose, level = key.split("/")
        if wanted is None:
            return ClearChargingProfile(evse=int(evse), purpose=Purpose(purpose), stack_level=int(level))
        return SetChargingProfile(evse=int(evse), profile=msgspec.convert(wanted, ChargingProfile))

    def reported(self, key: str, said: Sequence[ConnectorSaid]) -> Any:
        return None


class DefaultTariff:
    """The tariff by which an EVSE of OCPP 2.1 reckons costs itself: key `2`, wanted TariffType in its own words; None:
    it shall have none."""

    name = DEFAULT_TARIFF
    urgent = False
    look_after = timedelta(days=1)

    def command(self, key: str, wanted: Any) -> Command:
        if wanted is None:
            return ClearTariffs(evse=int(key))
        return SetDefaultTariff(evse=int(key), tariff=dict(wanted))

    def reported(self, key: str, said: Sequence[ConnectorSaid]) -> Any:
        return None


class PaymentCodes:
    """Codes for payments that a station of OCPP 2.1 shows and that change by themselves: key `0`, wanted their address,
    how long each is good for and of which length, and which secret by its version; None: it shall show none. The secret
    itself stands in no desire: whoever sends it puts it in."""

    name = PAYMENT_CODES
    urgent = False
    look_after = timedelta(days=7)

    def command(self, key: str, wanted: Any) -> Command:
        if wanted is None:
            return ShowPaymentCodes(shown=False)
        return ShowPaymentCodes(
            shown=True,
            address=str(wanted["address"]),
            validity_s=int(wanted["validity_s"]),
            length=int(wanted["length"]),
        )

    def reported(self, key: str, said: Sequence[ConnectorSaid]) -> Any:
        return None


KINDS: Final[Mapping[str, Kind]] = {
    kind.name: kind for kind in (Availability(), Profile(), DefaultTariff(), PaymentCodes())
}


def availability(station: str, *, operative: bool, evse: int = 0, connector: int | None = None) -> Want:
    """That a station, an EVSE of it, or a connector is in service or out of it."""
    key = str(evse) if connector is None else f"{evse}.{connector}"
    return Want(station=station, kind=AVAILABILITY, key=key, wanted={"operative": operative})


def charging_profile(station: str, evse: int, profile: ChargingProfile) -> Want:
    """That an EVSE follows a profile, while it is valid."""
    return Want(
        station=station,
        kind=CHARGING_PROFILE,
        key=profile_key(evse, profile.purpose, profile.stack_level),
        wanted=msgspec.to_builtins(profile),
        expires_at=profile.valid_to,
    )


def no_charging_profile(station: str, evse: int, purpose: Purpose, stack_level: int) -> Want:
    """That an EVSE follows no profile of that purpose and level."""
    return Want(station=station, kind=CHARGING_PROFILE, key=profile_key(evse, purpose, stack_level), wanted=None)


def default_tariff(station: str, evse: int, tariff: Mapping[str, Any] | None) -> Want:
    """That an EVSE reckons costs by a tariff, in the words of OCPP 2.1; None: by none."""
    return Want(station=station, kind=DEFAULT_TARIFF, key=str(evse), wanted=tariff)


def payment_codes(station: str, *, address: str, validity_s: int, length: int, secret_version: int) -> Want:
    """That a station shows codes that change by themselves."""
    wanted = {"address": address, "validity_s": validity_s, "length": length, "secret": secret_version}
    return Want(station=station, kind=PAYMENT_CODES, key=STATION, wanted=wanted)


def no_payment_codes(station: str) -> Want:
    """That it shows none."""
    return Want(station=station, kind=PAYMENT_CODES, key=STATION, wanted=None)


def profile_key(evse: int, purpose: Purpose, stack_level: int) -> str:
    """The key of a charging profile."""
    return f"{evse}/{purpose}/{stack_level}"


def _place(key: str) -> tuple[int, int | None]:
    evse, _, connector = key.partition(".")
    return int(evse), int(connector) if connector else None
