"""The demo's payment provider: a sandbox of its own process. Where it listens and the key to it stand with the demo's
other secrets, for whoever sets up an account there."""

import os
import secrets
import socket
from pathlib import Path
from typing import Any

import msgspec

from forecourt.app.bootstrap import DEMO_FILE
from forecourt.payments.accounts.model import DEPLOYMENT, PREFIX
from forecourt.platform.settings import Settings

#: The provider's books, in the data folder.
BOOKS = "provider.sqlite"
KEY_BYTES = 12


class Provider(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`provider` in the demo's file: its address for programs and browsers on this machine, a key to it, and the secret
    by which it signs its webhooks to `hooked`."""

    address: str
    key: str
    hook_secret: str | None = None
    hooked: str | None = None

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])


def demo_provider(settings: Settings, host: str) -> Provider:
    """The provider that this start shall run: the one of before, at its port if that is free. Writes it down.

    `host` is where it is reached. The file must be there already; a member of it is all that changes.
    """
    path = settings.data_dir / DEMO_FILE
    kept: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    before = msgspec.convert(kept["provider"], Provider) if "provider" in kept else None
    port = _free_port(settings.host, before.port if before else 0)
    made = Provider(
        address=f"http://{host}:{port}",
        key=before.key if before else f"sk_test_{secrets.token_hex(KEY_BYTES)}",
        hook_secret=before.hook_secret if before else None,
        hooked=before.hooked if before else None,
    )
    if made != before:
        _write(path, kept | {"provider": msgspec.to_builtins(made)})
    return made


def demo_account(settings: Settings, provider: Provider, host: str) -> Settings:
    """Has the provider, which listens already, tell us what happens; the settings by which payments go through it."""
    address = f"http://{host}:{settings.web_port}{PREFIX}/{DEPLOYMENT}"
    if provider.hook_secret is None or provider.hooked != address:
        import stripe

        client = stripe.StripeClient(provider.key, base_addresses={"api": provider.address})
        made = client.v1.webhook_endpoints.create({"url": address, "enabled_events": ["*"]})
        provider = msgspec.structs.replace(provider, hook_secret=made.secret, hooked=address)
        path = settings.data_dir / DEMO_FILE
        _write(path, msgspec.json.decode(path.read_bytes()) | {"provider": msgspec.to_builtins(provider)})
    return msgspec.structs.replace(
        settings,
        stripe_key=provider.key,
        stripe_hook_secret=provider.hook_secret,
        stripe_url=provider.address,
    )


def _free_port(host: str, wanted: int) -> int:
    """The port that is wanted, or another one where it is taken."""
    for port in dict.fromkeys((wanted, 0)):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError(f"Nothing can listen on {host}.")


def _write(path: Path, kept: dict[str, Any]) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(kept))
    draft.replace(path)
