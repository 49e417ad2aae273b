"""Every setting of the deployment: from `FORECOURT_*` variables over an optional TOML file, checked once at start.

A key that does not exist is refused, because a misspelt setting that is silently ignored is found only when it hurts.
The TOML file uses the same names in lower case without the prefix: `FORECOURT_WEB_PORT=8000` is `web_port = 8000`.
"""

import difflib
import os
import secrets
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from forecourt.platform.errors import SettingsError

PREFIX = "FORECOURT_"
#: Names the TOML file itself.
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
#: Variables that are no settings: the file, and the key with which programs of ours call the API.
OTHER_VARIABLES = (CONFIG_VARIABLE, f"{PREFIX}API_KEY")
#: Variables whose names differ from their fields.
RENAMED = {"database_pool": "database_pool_size"}
SECRET_KEY_BYTES = 32
SECRET_KEY_FILE = "secret.key"

MAX_PORT = 65_535
Port = Annotated[int, Meta(ge=1, le=MAX_PORT)]
Count = Annotated[int, Meta(ge=1, le=1000)]
Seconds = Annotated[int, Meta(ge=1, le=86_400)]
Days = Annotated[int, Meta(ge=0, le=36_500)]
#: The database gives no younger entry of the audit to whoever would forget it.
LEAST_AUDIT_DAYS = 90


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One deployment's settings; ready to use, never half filled."""

    #: Where the embedded servers, logs and generated secrets live.
    data_dir: Path = Path("./var")
    #: The address that the console, the API and the stations' sockets listen on.
    host: str = "0.0.0.0"  # noqa: S104  stations come from outside
    web_port: Port = 8000
    ocpp_port: Port = 9000
    ocpp_tls_port: Port | None = None
    ocpp_tls_cert: Path | None = None
    ocpp_tls_key: Path | None = None
    #: Certificate authorities whose client certificates stations may show (security profile 3).
    ocpp_tls_ca: Path | None = None
    #: A proxy before the stations' port ends TLS and says so by X-Forwarded-Proto; only then is that header believed.
    ocpp_behind_tls_proxy: bool = False
    #: A PostgreSQL of your own; absent, an embedded one is started.
    database_url: str | None = None
    #: As `database_url`, but as the owner of the tables; only `forecourt migrate` and `up` use it.
    migrate_url: str | None = None
    #: A NATS of your own; absent, an embedded one is started.
    nats_url: str | None = None
    #: If set at the first start, an owner API key with this value exists.
    bootstrap_api_key: str | None = None
    #: Signs browser sessions; absent, one is made and kept in the data folder.
    secret_key: str | None = None
    #: Where people reach the console, for links in letters and for sign-in by others; absent, this machine's web port.
    public_url: str | None = None
    #: Sign-in providers (OIDC) that owners name may be in our own network, and without TLS.
    oidc_private: bool = False
    #: An SMTP server for letters, smtp://user:password@host:587 or smtps://; absent, they go to `mail` in `data_dir`.
    mail_url: str | None = None
    mail_from: str = "Forecourt <forecourt@localhost>"
    #: Where a gateway and a worker serve what they measure, for Prometheus; absent, they don't. `forecourt up` gives
    #: the port to the worker and those that follow to the gateways.
    metrics_port: Port | None = None
    metrics_host: str = "127.0.0.1"
    #: Webhooks and the outside authorisation may go to private and loopback addresses.
    webhooks_private: bool = False
    #: Responders (OCSP), whose addresses stations and certificates name, may have private and loopback addresses.
    responders_private: bool = False
    #: The deployment's account at Stripe, which organisations without one of their own use, and the secret that its
    #: webhooks are signed with; both or none.
    stripe_key: str | None = None
    stripe_hook_secret: str | None = None
    #: Where Stripe's API is, if it is not Stripe's own: a sandbox, for every account of this deployment.
    stripe_url: str | None = None
    #: The same of Adyen's API, for accounts that organisations bring.
    adyen_url: str | None = None
    #: The register of companies that VAT numbers are looked up in, by the interface of the Commission's VIES:
    #: https://ec.europa.eu/taxation_customs/vies/rest-api/check-vat-number; absent, numbers are checked by themselves.
    vies_url: str | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"
    gateway_workers: Count = 1
    ocpp_transport: Literal["picows", "aiohttp"] = "picows"
    heartbeat_interval_s: Seconds = 300
    #: Days that the message log, what stations said of themselves, what was asked of them, closed incidents, what was
    #: told to webhooks, and the audit are kept; 0: for ever.
    keep_messages_days: Days = 30
    keep_states_days: Days = 400
    keep_commands_days: Days = 400
    keep_incidents_days: Days = 400
    keep_webhooks_days: Days = 30
    keep_audit_days: Days = 800
    #: Days that snapshots of the lake, and drivers' pseudonyms in it, are kept; 0: for ever.
    keep_snapshots_days: Days = 30
    keep_pseudonyms_days: Days = 800
    #: Where the lake is; absent, in the data folder. Of all hosts that work for one database it must be the same.
    lake_dir: Path | None = None
    #: Whether the demo gets twelve simulated weeks before its first start.
    demo_past: bool = True
    #: Database connections of one process, at most.
    database_pool_size: Count = 4

    def __repr__(self) -> str:
        """Shows where things are, never a secret: URLs carry passwords too."""
        return f"Settings(data_dir={str(self.data_dir)!r}, web_port={self.web_port}, ocpp_port={self.ocpp_port})"

    def environment(self) -> dict[str, str]:
        """The variables that make a child process load these very settings (holds secrets: for a child only)."""
        names = {field: name for name, field in RENAMED.items()}
        return {
            f"{PREFIX}{names.get(field, field).upper()}": str(value)
            for field in self.__struct_fields__
            if (value := getattr(self, field)) is not None
        }

    @property
    def lake(self) -> Path:
        """Where the lake is."""
        return self.data_dir / "lake" if self.lake_dir is None else self.lake_dir

    @property
    def console_url(self) -> str:
        """Where people reach the console, without a slash at the end."""
        return (self.public_url or f"http://localhost:{self.web_port}").rstrip("/")

    def secret(self) -> bytes:
        """The key that signs what browsers keep: `secret_key`, or the file in the data folder, made on first use.

        Two processes that start at once get the same key: the file appears complete, under its name, or not at all.
        """
        if self.secret_key is not None:
            return self.secret_key.encode()
        path = self.data_dir / SECRET_KEY_FILE
        if not path.exists():
            self.data_dir.mkdir(parents=True, exist_ok=True)
            draft = self.data_dir / f".{SECRET_KEY_FILE}.{secrets.token_hex(8)}"
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(secrets.token_urlsafe(SECRET_KEY_BYTES))
            try:
                os.link(draft, path)
            except FileExistsError:
                pass  # another process was first: its key counts
            finally:
                draft.unlink()
        return path.read_bytes().strip()


def days(number: int) -> timedelta | None:
    """How long something is kept; None: for ever."""
    return timedelta(days=number) if number else None


def load(env: Mapping[str, str], file: Path | None = None) -> Settings:
    """Reads the settings: a variable wins over the file, the file over the default.

    Raises SettingsError for an unknown key, a value of the wrong kind, or a file that can't be read.
    """
    if file is None and env.get(CONFIG_VARIABLE):
        file = Path(env[CONFIG_VARIABLE])
    values = _from_file(file) if file is not None else {}
    values |= _from_environment(env)
    try:
        settings = msgspec.convert(values, Settings, strict=False, dec_hook=_path)
    except msgspec.ValidationError as fault:
        raise SettingsError(_explain(fault)) from None
    _check_together(settings)
    return settings


def _from_file(file: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as fault:
        raise SettingsError(f"The settings file {file} can't be read: {fault.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise SettingsError(f"The settings file {file} is not valid TOML: {fault}.") from None
    return {_field(key, f"{key!r} in {file}"): value for key, value in values.items()}


def _from_environment(env: Mapping[str, str]) -> dict[str, Any]:
    return {
        _field(name.removeprefix(PREFIX).lower(), name): value
        for name, value in env.items()
        if name.startswith(PREFIX) and name not in OTHER_VARIABLES and value != ""
    }


def _field(key: str, spelling: str) -> str:
    """The field that a key sets; raises SettingsError naming the key as it was spelt, with the nearest known one."""
    field = RENAMED.get(key, key)
    if field in Settings.__struct_fields__:
        return field
    near = difflib.get_close_matches(key, [*Settings.__struct_fields__, *RENAMED], n=1)
    hint = f" Did you mean {PREFIX}{near[0].upper()}?" if near else ""
    raise SettingsError(f"There is no setting {spelling}.{hint}")


def _path(kind: type[Any], value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise TypeError


def _explain(fault: msgspec.ValidationError) -> str:
    """Names the variable of a bad value and what it must be; never repeats what may be a secret."""
    reason, _, where = str(fault).partition(" - at `$.")
    field = where.rstrip("`")
    name = next((short for short, long in RENAMED.items() if long == field), field)
    return f"{PREFIX}{name.upper()} ({name} in a settings file): {reason}."


def _check_together(settings: Settings) -> None:
    """Refuses settings that are each right and wrong together."""
    tls = (settings.ocpp_tls_port, settings.ocpp_tls_cert, settings.ocpp_tls_key)
    if any(part is not None for part in tls) and None in tls:
        raise SettingsError(
            "FORECOURT_OCPP_TLS_PORT, FORECOURT_OCPP_TLS_CERT and FORECOURT_OCPP_TLS_KEY go together: set all or none."
        )
    if settings.metrics_port is not None and settings.metrics_port + settings.gateway_workers > MAX_PORT:
        raise SettingsError("FORECOURT_METRICS_PORT leaves no ports behind it for the gateways: choose a smaller one.")
    if 0 < settings.keep_audit_days < LEAST_AUDIT_DAYS:
        raise SettingsError(
            f"FORECOURT_KEEP_AUDIT_DAYS is {LEAST_AUDIT_DAYS} or more, or 0 for ever: the last days of the audit stay."
        )
    if (settings.stripe_key is None) != (settings.stripe_hook_secret is None):
        raise SettingsError("FORECOURT_STRIPE_KEY and FORECOURT_STRIPE_HOOK_SECRET go together: set both or none.")
    if settings.migrate_url is not None and settings.database_url is None:
        raise SettingsError("FORECOURT_MIGRATE_URL is set without FORECOURT_DATABASE_URL: set both or none.")
