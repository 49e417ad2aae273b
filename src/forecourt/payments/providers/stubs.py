"""What a provider answers to calls that it has nothing for: not every one sells terminals or pays hosts."""

from datetime import datetime, timedelta

from forecourt.payments.psp.errors import ProviderRefused
from forecourt.payments.psp.words import (
    Hold,
    HoldAsked,
    HostAccount,
    HostAsked,
    Kept,
    Merchant,
    MethodAsked,
    Movements,
    Page,
    Reader,
    Saved,
    Sent,
)
from forecourt.platform.money import Money


class Unable:
    """Refuses every call of the port that an adapter need not have."""

    key_life = timedelta(hours=23)
    reads_back = True
    lists_movements = True
    told_within = timedelta(days=1)
    hook_answer = ""

    async def close(self) -> None:
        """Nothing is held."""

    async def increment(self, reference: str, amount: int, key: str) -> Hold:
        raise ProviderRefused("This provider doesn't raise holds.")

    async def save_method(self, asked: MethodAsked, key: str) -> Page:
        raise ProviderRefused("This provider keeps no ways to pay.")

    async def kept(self, reference: str) -> Kept:
        raise ProviderRefused("This provider keeps no ways to pay.")

    async def drop_method(self, saved: Saved, key: str) -> None:
        """There is none to forget."""

    async def drop_customer(self, customer: str, key: str) -> None:
        """There is nobody to forget."""

    async def charge_saved(self, asked: HoldAsked, saved: Saved, key: str) -> Hold:
        raise ProviderRefused("This provider keeps no ways to pay.")

    async def reader_pay(self, asked: HoldAsked, reader: str, key: str) -> Hold:
        raise ProviderRefused("This provider has no card terminals.")

    async def find_at(self, call: str, reader: str) -> Hold | None:
        return None

    async def at_reader(self, reference: str, reader: str) -> Hold:
        raise ProviderRefused("This provider has no card terminals.")

    async def reader_stop(self, reference: str, reader: str, key: str) -> None:
        raise ProviderRefused("This provider has no card terminals.")

    async def reader(self, reference: str) -> Reader:
        raise ProviderRefused("This provider has no card terminals.")

    async def find(self, call: str, customer: str) -> Hold | None:
        return None

    async def onboard_host(self, asked: HostAsked, key: str, link_key: str) -> Page:
        raise ProviderRefused("This provider pays no hosts.")

    async def host(self, reference: str) -> HostAccount:
        raise ProviderRefused("This provider pays no hosts.")

    async def merchant(self) -> Merchant:
        raise ProviderRefused("This provider has no accounts.")

    async def send_hooks(self, url: str, key: str) -> str:
        raise ProviderRefused("This provider sends no webhooks.")

    async def transfer(self, host: str, amount: Money, key: str, ours: str) -> Sent:
        raise ProviderRefused("This provider pays no hosts.")

    async def find_transfer(self, host: str, ours: str, since: datetime) -> Sent | None:
        return None

    async def payout(self, amount: Money, key: str, ours: str, host: str | None = None) -> Sent:
        raise ProviderRefused("This provider sends no money.")

    async def list_movements(self, since: datetime, until: datetime, after: str | None = None) -> Movements:
        return Movements(movements=())
