"""The port to whoever moves the money: what every payment provider can be asked for, in words of our own.

Amounts are whole minor units. Each call that changes something takes an idempotency key which was committed before it:
asked again with the same key, a provider does nothing anew and says what came of the first time. A provider is one of
an account, so no call names it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from forecourt.payments.psp.words import (
    Hold,
    HoldAsked,
    HostAccount,
    HostAsked,
    Kept,
    Merchant,
    MethodAsked,
    Movements,
    Notice,
    Page,
    Reader,
    Refund,
    Saved,
    Sent,
)
from forecourt.platform.money import Money

#: How long a provider may take for one answer.
DEADLINE_S: Final = 15.0
#: A webhook whose signature is older than this, or further ahead, is refused.
MAX_HOOK_AGE_S: Final = 300
#: Bytes of a webhook that are read.
MAX_HOOK_BYTES: Final = 256 * 1024
#: Movements of one page.
MOVEMENTS_AT_ONCE: Final = 100


class Psp(Protocol):
    """A provider. Every call raises ProviderAway, ProviderRefused, and those that ask for money Declined."""

    @property
    def key_life(self) -> timedelta:
        """For so long the same key surely does nothing twice."""
        ...

    @property
    def reads_back(self) -> bool:
        """Whether `get` asks the provider itself; else it is made of what the provider told, which may be less than
        what happened."""
        ...

    @property
    def lists_movements(self) -> bool:
        """Whether `list_movements` tells what moved."""
        ...

    @property
    def told_within(self) -> timedelta:
        """What moved is told after so long at the latest; what was not told by then is missing there."""
        ...

    @property
    def hook_answer(self) -> str:
        """What the provider wants to read when its webhook was taken."""
        ...

    async def start_hold(self, asked: HoldAsked, key: str) -> Hold:
        """A hold that the driver agrees to on the provider's page."""
        ...

    async def get(self, reference: str) -> Hold:
        """How a hold stands now."""
        ...

    async def increment(self, reference: str, amount: int, key: str) -> Hold:
        """Raises a hold to this amount in all."""
        ...

    async def capture(self, reference: str, amount: int, key: str) -> Hold:
        """Takes this much of a hold and gives back the rest."""
        ...

    async def cancel(self, reference: str, key: str) -> Hold:
        """Gives back a hold, or closes a page that nobody paid on."""
        ...

    async def refund(self, reference: str, amount: int, key: str, ours: str) -> Refund:
        """Gives back so much of what was captured."""
        ...

    async def save_method(self, asked: MethodAsked, key: str) -> Page:
        """A page on which a driver leaves a way to pay."""
        ...

    async def kept(self, reference: str) -> Kept:
        """What became of such a page."""
        ...

    async def drop_method(self, saved: Saved, key: str) -> None:
        """Has the provider forget a way to pay; one that it doesn't know is forgotten."""
        ...

    async def drop_customer(self, customer: str, key: str) -> None:
        """Has the provider forget somebody with all their ways to pay; one that it doesn't know is forgotten."""
        ...

    async def charge_saved(self, asked: HoldAsked, saved: Saved, key: str) -> Hold:
        """A hold, or a payment `at_once`, by a way to pay that is kept, while the driver is away."""
        ...

    async def reader_pay(self, asked: HoldAsked, reader: str, key: str) -> Hold:
        """Has a card terminal ask for a hold. Raises ReaderAway, with nothing left to be paid."""
        ...

    async def find_at(self, call: str, reader: str) -> Hold | None:
        """What a call of `reader_pay` came to, if the terminal asks for it or did so last."""
        ...

    async def at_reader(self, reference: str, reader: str) -> Hold:
        """How a hold stands that a terminal was to ask for: FAILED, with why, once it asks for it no more."""
        ...

    async def reader_stop(self, reference: str, reader: str, key: str) -> None:
        """Has a terminal ask for a hold no more, if it still does."""
        ...

    async def reader(self, reference: str) -> Reader:
        """A terminal. Raises ProviderRefused for one that the provider doesn't know."""
        ...

    async def find(self, call: str, customer: str) -> Hold | None:
        """What a call of `charge_saved` came to, if it was carried out."""
        ...

    async def onboard_host(self, asked: HostAsked, key: str, link_key: str) -> Page:
        """The page on which a host says who he is and where his money goes. `key`: of making his account, if he has
        none; `link_key`: of this way to the page."""
        ...

    async def host(self, reference: str) -> HostAccount:
        """What a host may do there. Raises ProviderRefused for one that the provider doesn't know."""
        ...

    async def merchant(self) -> Merchant:
        """Whose account it is."""
        ...

    async def send_hooks(self, url: str, key: str) -> str:
        """Has the provider send webhooks to this address; the secret that they will be signed with."""
        ...

    async def transfer(self, host: str, amount: Money, key: str, ours: str) -> Sent:
        """Moves money to a host's account at the provider. Raises BalanceLow where there isn't enough of it yet."""
        ...

    async def find_transfer(self, host: str, ours: str, since: datetime) -> Sent | None:
        """What a call of `transfer` came to that was made since then, if it was carried out."""
        ...

    async def payout(self, amount: Money, key: str, ours: str, host: str | None = None) -> Sent:
        """Sends money of the account, or of a host's, to its bank."""
        ...

    async def list_movements(self, since: datetime, until: datetime, after: str | None = None) -> Movements:
        """What moved in [since, until)."""
        ...

    def parse_webhook(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Sequence[Notice]:
        """What a signed webhook hints at. Raises HookRefused for one that is forged or old."""
        ...
