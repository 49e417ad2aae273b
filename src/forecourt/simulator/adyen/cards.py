"""Cards that do what their name says. No number is typed or kept anywhere: a name, a brand and the last four digits."""

import msgspec


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """How a card behaves. `later`: the result where it is charged while the driver is away."""

    brand: str
    last4: str
    label: str
    refused: str | None = None
    #: The bank asks whether it is its customer.
    challenges: bool = False
    later: str = "Authorised"
    #: Its holds can be raised.
    raised: bool = True
    #: Captures: refused when asked for, or taken back after they were told.
    capture: str | None = None


CARDS: dict[str, Card] = {
    "visa": Card(brand="visa", last4="1111", label="Visa that pays"),
    "mastercard": Card(brand="mc", last4="1115", label="Mastercard that pays"),
    "unionpay": Card(brand="cup", last4="0009", label="UnionPay that pays, and can't be raised", raised=False),
    "challenge": Card(brand="visa", last4="0000", label="Visa that asks for 3-D Secure", challenges=True),
    "challenge_always": Card(
        brand="visa", last4="0010", label="Visa that asks each time", challenges=True, later="ChallengeShopper"
    ),
    "declined": Card(brand="visa", last4="0002", label="Declined by the bank", refused="Refused"),
    "insufficient_funds": Card(brand="mc", last4="0051", label="Too little on it", refused="Not enough balance"),
    "declines_later": Card(brand="visa", last4="0341", label="Pays now, is declined later", later="Refused"),
    "raise_refused": Card(brand="visa", last4="0101", label="Visa whose bank raises nothing", raised=False),
    "capture_refused": Card(brand="visa", last4="0201", label="Holds, and can't be captured", capture="refused"),
    "capture_lost": Card(brand="visa", last4="0301", label="Is captured, and the capture is lost", capture="lost"),
}
