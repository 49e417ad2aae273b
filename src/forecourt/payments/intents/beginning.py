"""What a driver wants to pay for, and how a payment is kept when it begins. Pure."""

from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from forecourt.payments.intents.model import Method, Purpose
from forecourt.payments.intents.prices import Offer
from forecourt.payments.intents.sizing import Car, Sized

#: Characters of what the provider's page says is paid for.
MAX_DESCRIPTION: Final = 100


class Begin(Struct, frozen=True, kw_only=True):
    """What a driver wants to pay for, and how. `language` is the page's; the driver is led to `return_url` afterwards,
    with `{intent}` in it replaced by the payment's id."""

    station: str
    evse: int
    return_url: str
    language: str = "en"
    description: str = "Charging"
    method: Method = Method.HOSTED
    car: Car | None = None
    email: str | None = None
    #: Who pays, if that is known: driver:<id> or fleet:<id>.
    payer: str | None = None
    #: Keep the card for later: the driver agreed.
    save: bool = False
    #: A saved way to pay of the payer, for SAVED.
    method_id: UUID | None = None
    #: A card terminal, and the account at whose provider it is, for READER.
    reader: str | None = None
    account_id: UUID | None = None
    #: The hold of the connector that is the driver's own.
    reservation_id: UUID | None = None
    #: The driver with an account whose session it is, whoever pays: tariffs are chosen by their membership.
    driver_id: int | None = None
    #: The energy at which the driver wants to end, told to stations that can.
    max_energy_wh: int | None = None
    #: The price that the driver was shown (`Offer.price_id`), where he was shown one: he agreed to no other.
    price_id: str | None = None
    #: What may be held and billed at the most, in minor units: a fleet's limit for one session.
    most: int | None = None
    #: The token that will begin the session, by `new_token`, where something was promised to it; else one is made.
    token_uid: str | None = None
    #: What the payment is to be called, where whoever asks twice is to be led to one.
    intent_id: UUID | None = None


class Quoted(Struct, frozen=True, kw_only=True):
    """What would count and be held, before anything is asked of anybody."""

    offer: Offer
    hold: Sized


def begun(asked: Begin, quoted: Quoted, token: str) -> dict[str, Any]:
    """A payment for a session, as it is kept when it begins."""
    return {
        **({} if asked.intent_id is None else {"intent_id": asked.intent_id}),
        "purpose": Purpose.SESSION.value,
        "currency": quoted.hold.amount.currency,
        "hold_amount": min(quoted.hold.amount.amount, asked.most or quoted.hold.amount.amount),
        "per_hour": quoted.hold.per_hour,
        "hold_said": {
            **quoted.hold.said(),
            **quoted.offer.said(),
            "description": asked.description[:MAX_DESCRIPTION],
            "save": asked.save,
            "most": asked.most,
            **({} if asked.driver_id is None else {"driver": asked.driver_id}),
            **({} if asked.max_energy_wh is None else {"max_energy_wh": asked.max_energy_wh}),
        },
        "driver_id": asked.driver_id,
        "station_id": quoted.offer.station_id,
        "evse": asked.evse,
        "token_uid": token,
        "tariff_id": quoted.offer.tariff_id,
        "tariff_version": quoted.offer.version,
    }
