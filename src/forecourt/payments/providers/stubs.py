"""What a provider answers to calls that it has nothing for: not every one sells terminals or pays hosts."""

from datetime import datetime, timedelta

from forecourt.payments.psp import (
    Hold,
    HoldAsked,
    HostAsked,
    MethodAsked,
    Movements,
    Page,
    ProviderRefused,
    Saved,
    Sent,
)
from forecourt.platform.money import Money


class Unable:
    """Refuses every call of the port that an adapter need not have."""

    key_life = timedelta(hours=23)
    reads_back = True
    lists_movements = True
    hook_answer = ""

    async def close(self) -> None:
        """Nothing is held."""

    async def increment(self, reference: str, amount: int, key: str) -> Hold:
        raise ProviderRefused("This provider doesn't raise holds.")

    async def save_method(self, asked: MethodAsked, key: str) -> Page:
        raise ProviderRefused("This provider keeps no ways to pay.")

    async def charge_saved(self, asked: HoldAsked, saved: Saved, key: str) -> Hold:
        raise ProviderRefused("This provider keeps no ways to pay.")

    async def reader_pay(self, asked: HoldAsked, reader: str, key: str) -> Hold:
        raise ProviderRefused("This provider has no card terminals.")

    async def find(self, call: str, customer: str) -> Hold | None:
        return None

    async def onboard_host(self, asked: HostAsked, key: str) -> Page:
        raise ProviderRefused("This provider pays no hosts.")

    async def transfer(self, host: str, amount: Money, key: str, ours: str) -> Sent:
        raise ProviderRefused("This provider pays no hosts.")

    async def payout(self, amount: Money, key: str, ours: str, host: str | None = None) -> Sent:
        raise ProviderRefused("This provider sends no money.")

    async def list_movements(self, since: datetime, until: datetime, after: str | None = None) -> Movements:
        return Movements(movements=())
