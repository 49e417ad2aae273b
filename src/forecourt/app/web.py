"""The web application: every route, and what each is given. The table of contents of the HTTP side."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import structlog
from litestar.di import Provide
from litestar.types import ASGIApp, ControllerRouterHandler

import forecourt.access.api
import forecourt.care.api
import forecourt.driver.account.api
import forecourt.driver.account.operator
import forecourt.driver.account.provider_api
import forecourt.driver.api
import forecourt.driver.brand_api
import forecourt.driver.codes_api
import forecourt.driver.readers.api
import forecourt.driver.waiting_api
import forecourt.driver.waiting_operator
import forecourt.drivers.account_api
import forecourt.drivers.api
import forecourt.drivers.autocharge.api
import forecourt.drivers.fleets.api
import forecourt.drivers.outside.api
import forecourt.energy.api
import forecourt.insight.actions.api
import forecourt.insight.dashboards.api
import forecourt.insight.expansion.api
import forecourt.insight.forecast.api
import forecourt.insight.health.api
import forecourt.insight.replacement.api
import forecourt.insight.reports.api
import forecourt.insight.siting.api
import forecourt.loyalty.api
import forecourt.payments.api
import forecourt.payments.fleets.api
import forecourt.payments.hosts.api
import forecourt.payments.ledger.api
import forecourt.payments.reconcile.api
import forecourt.payments.terminals.api
import forecourt.payments.unmatched.api
import forecourt.pricing.api
import forecourt.sessions.api
import forecourt.stations.api
import forecourt.stations.certificates.api
import forecourt.webhooks.api
from forecourt.access import Access, guard
from forecourt.access.idempotency import Idempotent
from forecourt.access.invitations import Invitations
from forecourt.access.signin.doors import doors_of
from forecourt.access.signin.pages import sign_in_pages
from forecourt.app import health, problems
from forecourt.app.application import Application, Shelf
from forecourt.app.bodies import BodyRequest
from forecourt.app.card_numbers import CardNumbers
from forecourt.app.driving import driver_providers_of, lists_of, members_of, ways_of
from forecourt.app.edge import Edge
from forecourt.app.letters import telling_of
from forecourt.app.live import Live
from forecourt.app.openapi import document_route
from forecourt.app.parameters import known_parameters_only
from forecourt.app.paying import prices_of, providers_of
from forecourt.app.problem_pages import ProblemPages
from forecourt.app.slashes import Slashes
from forecourt.driver.account.door import asking_driver
from forecourt.driver.account.leaving import Leaving
from forecourt.driver.codes import HomeAddress
from forecourt.driver.speech import Speech
from forecourt.driver.strays import Strays
from forecourt.drivers.outside.service import AuthorizationHooks
from forecourt.energy.service.feeds import Feeds
from forecourt.insight.dashboards.answering import Answers
from forecourt.insight.expansion.service import Growth
from forecourt.insight.replacement.service import Replacing
from forecourt.loyalty.giving import Giving
from forecourt.payments.hosts.connect import Connect
from forecourt.payments.intents.hooks import payment_hook
from forecourt.payments.intents.service import Payments
from forecourt.payments.readers.service import Readers
from forecourt.platform.bus import Bus
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.platform.settings import Settings
from forecourt.pricing.store.assigned import list_subscriptions
from forecourt.stations.certificates.service import ContractChecks, ContractRules
from forecourt.stations.commands import Commander
from forecourt.stations.payment_codes.service import CodeVault
from forecourt.stations.service import site_names
from forecourt.ui.i18n import spoken
from forecourt.ui.live import Hub
from forecourt.ui.shell import Shell
from forecourt.ui.stream import Streams
from forecourt.webhooks.service import Webhooks

log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 1024 * 1024


def create_app(
    settings: Settings,
    db: Pool,
    bus: Bus,
    clock: Clock,
    *,
    shell: Shell | None = None,
    access: Access | None = None,
    screens: Sequence[ControllerRouterHandler] = (),
    hub: Hub | None = None,
    strays: Strays | None = None,
) -> ASGIApp:
    """The whole application. `shell` brings the sign-in page; `screens` are the routes of pages, closed by default;
    `strays` tells drivers of problems.

    `db` is a pool of role forecourt_app; `access` is made unless screens already share one.
    """
    secret = settings.secret()
    commander = Commander(db, bus, clock, secret_key=secret)
    access = access or Access(db, secret, clock, console_url=settings.console_url)
    doors = doors_of(settings, db, clock, access)
    providers = providers_of(settings, db, clock)
    ways = ways_of(settings, db, clock, commander, providers)
    members = members_of(settings, db, clock, providers, ways)
    payments = Payments(db, providers, clock, prices_of(clock))

    async def refresher() -> None:
        try:
            await commander.refresh()
        except ForecourtError as fault:
            # What was stored stands; gateways that were not told read it at their next poll.
            log.warning("gateways could not be told of a change", code=fault.code)

    dependencies = {
        "actor": Provide(guard.current_actor),
        "db": given(db),
        "access": given(access),
        "answers": given(Answers(settings.lake)),
        "doors": given(doors),
        "clock": given(clock),
        "discounts": given(Giving(clock)),
        "growth": given(Growth(db, clock, settings.lake)),
        "replacing": given(Replacing(db, clock)),
        "commander": given(commander),
        "refresher": given(refresher),
        "secret_key": given(secret),
        "console_url": given(settings.console_url),
        "hooks": given(AuthorizationHooks(secret, clock, private=settings.webhooks_private)),
        "contract_rules": given(ContractRules(secret, private=settings.webhooks_private)),
        "contract_checks": given(ContractChecks(clock, private=settings.responders_private)),
        "tariffs_naming": given(list_subscriptions),
        "streams": given(Streams(hub or Live(db, bus, clock).hub)),
        "feeds": given(Feeds(secret, private=settings.webhooks_private)),
        "webhooks": given(Webhooks(secret, clock, private=settings.webhooks_private)),
        "providers": given(providers),
        "payments": given(payments),
        "connect": given(Connect(db, providers, clock)),
        "readers": given(Readers(db, providers, clock, payments)),
        "ways": given(ways),
        "members": given(members),
        "driver_providers": given(driver_providers_of(settings, db, clock)),
        "lists": given(lists_of(settings, db, clock)),
        "leaving": given(Leaving(db, clock, members)),
        "driver": Provide(asking_driver),
        "speech": given(Speech()),
        "vault": given(CodeVault(secret)),
        "home": given(HomeAddress(address=settings.console_url)),
        "telling": given(telling_of(settings)),
        "invitations": given(Invitations(db, secret, clock, access, settings.console_url)),
        "site_directory": given(site_names),
        "spoken": given(spoken()),
    }
    api = Shelf(
        "/api/v1",
        route_handlers=[
            forecourt.access.api.routes,
            forecourt.drivers.api.routes,
            forecourt.drivers.account_api.routes,
            forecourt.drivers.fleets.api.routes,
            forecourt.drivers.autocharge.api.routes,
            forecourt.drivers.outside.api.routes,
            forecourt.stations.api.routes,
            forecourt.stations.certificates.api.routes,
            forecourt.sessions.api.routes,
            forecourt.webhooks.api.routes,
            forecourt.care.api.routes,
            forecourt.energy.api.routes,
            forecourt.insight.actions.api.routes,
            forecourt.insight.dashboards.api.routes,
            forecourt.insight.forecast.api.routes,
            forecourt.insight.expansion.api.routes,
            forecourt.insight.siting.api.routes,
            forecourt.insight.health.api.routes,
            forecourt.insight.replacement.api.routes,
            forecourt.insight.reports.api.routes,
            forecourt.pricing.api.routes,
            forecourt.loyalty.api.routes,
            forecourt.payments.api.routes,
            forecourt.payments.terminals.api.routes,
            forecourt.driver.api.routes,
            forecourt.driver.account.api.routes,
            forecourt.driver.account.operator.routes,
            forecourt.driver.brand_api.routes,
            forecourt.driver.readers.api.routes,
            forecourt.driver.account.provider_api.routes,
            forecourt.driver.waiting_api.routes,
            forecourt.driver.waiting_operator.routes,
            forecourt.driver.codes_api.routes,
            forecourt.payments.ledger.api.routes,
            forecourt.payments.hosts.api.routes,
            forecourt.payments.fleets.api.routes,
            forecourt.payments.reconcile.api.routes,
            forecourt.payments.unmatched.api.routes,
        ],
        guards=[known_parameters_only],
        request_class=BodyRequest,
    )
    routes: list[ControllerRouterHandler] = [
        api,
        document_route(api, dependencies, version("forecourt")),
        health.healthz,
        health.readyz_route({"database": lambda: _check_database(db), "bus": bus.check}),
        health.metrics,
        payment_hook,
        *([] if shell is None else sign_in_pages(shell, doors)),
        *screens,
    ]
    app = Application(
        route_handlers=routes,
        dependencies=dependencies,
        middleware=[
            Slashes(),
            guard.Identify(access),
            Idempotent(db, secret, clock, under=problems.API_PREFIX, max_body_bytes=MAX_BODY_BYTES),
        ],
        guards=[guard.guard],
        exception_handlers=problems.HANDLERS,
        openapi_config=None,
        request_max_body_size=MAX_BODY_BYTES,
        logging_config=None,
    )
    kept_out = CardNumbers(app)
    return Edge(kept_out if shell is None else ProblemPages(kept_out, access, shell, strays))


class Given(Provide):
    """A dependency that is the same for every request; equal to itself alone, as the framework asks at every route of
    each pair of them."""

    __slots__ = ()
    __eq__ = object.__eq__
    __hash__ = object.__hash__


def given(value: Any) -> Provide:
    return Given(lambda: value, sync_to_thread=False)


async def _check_database(db: Pool) -> None:
    async with db.anyone() as conn:
        await conn.execute("SELECT 1")
