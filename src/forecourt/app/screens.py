"""The console's pages and the live socket, and what each is given: the table of contents of what people see."""

from collections.abc import Callable
from typing import Any

from litestar.types import ControllerRouterHandler
from msgspec import Struct

import forecourt.access.pages
import forecourt.care.pages
import forecourt.drivers.account_pages
import forecourt.drivers.pages
import forecourt.energy.pages
import forecourt.insight.pages
import forecourt.loyalty.pages
import forecourt.payments.fleets.pages
import forecourt.payments.ledger.pages
import forecourt.payments.pages
import forecourt.pricing.pages
import forecourt.sessions.pages
import forecourt.stations.pages
import forecourt.webhooks.pages
from forecourt.access import Access, Actor
from forecourt.access.invitations import Invitations
from forecourt.access.model import Verb
from forecourt.access.search import KeySearch, PersonSearch
from forecourt.app.driving import driver_providers_of, lists_of, members_of, ways_of
from forecourt.app.letters import telling_of
from forecourt.app.live import Live
from forecourt.app.paying import prices_of, providers_of
from forecourt.care.live import RecentLoad
from forecourt.care.pages import CarePages
from forecourt.driver.account.leaving import Leaving
from forecourt.driver.account.pages import account_pages
from forecourt.driver.codes_pages import changing_console
from forecourt.driver.console import CONSOLE_TEMPLATES, driver_console
from forecourt.driver.console_erasing import erasing_console
from forecourt.driver.console_sign_in import sign_in_console
from forecourt.driver.console_waiting import waiting_console
from forecourt.driver.pages import driver_pages
from forecourt.driver.readers.pages import reader_pages
from forecourt.driver.shell import DriverShell
from forecourt.driver.strays import Strays
from forecourt.driver.waiting_pages import waiting_pages
from forecourt.drivers.outside.pages import outside_pages
from forecourt.drivers.outside.service import AuthorizationHooks
from forecourt.drivers.search import TokenSearch
from forecourt.energy.pages import EnergyPages
from forecourt.energy.service.feeds import Feeds
from forecourt.insight.actions.pages import action_pages
from forecourt.insight.dashboards.pages import InsightPages, dashboard_pages
from forecourt.insight.expansion.pages import expansion_pages
from forecourt.insight.forecast.pages import forecast_pages
from forecourt.insight.health.pages import health_pages
from forecourt.insight.replacement.pages import replacement_pages
from forecourt.insight.reports.pages import ReportPages
from forecourt.insight.reports.pages import report_pages as scheduled_pages
from forecourt.insight.siting.pages import siting_pages
from forecourt.loyalty.giving import Giving
from forecourt.payments.accounts.pages import payment_account_pages
from forecourt.payments.hosts.connect import Connect
from forecourt.payments.hosts.form_pages import host_form_pages
from forecourt.payments.hosts.pages import host_pages
from forecourt.payments.hosts.payout_pages import payout_pages
from forecourt.payments.intents.service import Payments
from forecourt.payments.ledger.report_pages import report_pages
from forecourt.payments.readers.service import Readers
from forecourt.payments.reconcile.pages import bank_pages, reconcile_pages
from forecourt.payments.unmatched.pages import unmatched_pages
from forecourt.platform.bus import Bus
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.settings import Settings
from forecourt.pricing.pages import PricePages
from forecourt.pricing.search import TariffSearch
from forecourt.sessions.at_station.service import SessionsAtStation
from forecourt.sessions.search import SessionSearch
from forecourt.stations.addresses import OcppAddresses
from forecourt.stations.certificates.pages import contract_pages
from forecourt.stations.certificates.service import ContractChecks, ContractRules
from forecourt.stations.commands import Commander
from forecourt.stations.import_pages import import_pages
from forecourt.stations.pages.connect import connect_pages
from forecourt.stations.pages.inbox import inbox_pages
from forecourt.stations.pages.outcomes import outcomes_of
from forecourt.stations.payment_codes.service import CodeVault
from forecourt.stations.search import StationSearch
from forecourt.stations.service import site_names
from forecourt.stations.site_pages import site_pages
from forecourt.ui.assets import Assets, assets_route
from forecourt.ui.i18n import mark
from forecourt.ui.live import Hub
from forecourt.ui.search import Command, Source, search_routes
from forecourt.ui.shell import Connection, NavItem, Shell, Viewer
from forecourt.ui.socket import live_route
from forecourt.webhooks.search import WebhookSearch
from forecourt.webhooks.service import Webhooks


def may(verb: Verb) -> Callable[[Viewer], bool]:
    """Shows an entry of the navigation to whoever may do this."""
    return lambda viewer: isinstance(viewer, Actor) and viewer.may(verb)


NAVIGATION = (
    NavItem(key="overview", label=mark("Overview"), href="/"),
    NavItem(key="stations", label=mark("Stations"), href="/stations"),
    NavItem(
        key="inbox", label=mark("Inbox"), href="/inbox", live="totals.strangers", shown_to=may(Verb.CHANGE_STATIONS)
    ),
    NavItem(key="sessions", label=mark("Sessions"), href="/sessions"),
    NavItem(key="payments", label=mark("Payments"), href="/payments"),
    NavItem(key="sites", label=mark("Sites"), href="/sites"),
    NavItem(key="energy", label=mark("Smart charging"), href="/energy"),
    NavItem(key="insight", label=mark("Insight"), href="/insight"),
    NavItem(key="prices", label=mark("Prices"), href="/prices"),
    NavItem(key="campaigns", label=mark("Campaigns"), href="/campaigns", shown_to=may(Verb.READ_CAMPAIGNS)),
    NavItem(key="tokens", label=mark("Tokens"), href="/tokens"),
    NavItem(key="drivers", label=mark("Drivers"), href="/drivers"),
    NavItem(key="fleets", label=mark("Fleets"), href="/fleets", shown_to=may(Verb.READ_MONEY)),
    NavItem(key="hosts", label=mark("Hosts"), href="/hosts", shown_to=may(Verb.READ_HOSTS)),
    NavItem(key="ledger", label=mark("Ledger"), href="/ledger", shown_to=may(Verb.READ_MONEY)),
    NavItem(key="incidents", label=mark("Incidents"), href="/incidents", live="totals.incidents"),
    NavItem(key="alerts", label=mark("Alerts"), href="/settings/alerts", shown_to=may(Verb.ALERTS)),
    NavItem(key="webhooks", label=mark("Webhooks"), href="/webhooks", shown_to=may(Verb.WEBHOOKS)),
    NavItem(key="people", label=mark("People"), href="/people", shown_to=may(Verb.PEOPLE)),
    NavItem(key="keys", label=mark("API keys"), href="/keys", shown_to=may(Verb.KEYS)),
    NavItem(key="audit", label=mark("Audit"), href="/audit", shown_to=may(Verb.AUDIT)),
    NavItem(key="settings", label=mark("Settings"), href="/settings"),
)
#: What Ctrl-K offers besides the pages of the navigation.
COMMANDS = (
    Command(label=mark("Running sessions"), href="/sessions?status=active"),
    Command(label=mark("Sessions with notes"), href="/sessions?noted=true&range=month"),
    Command(label=mark("Connect a station"), href="/stations/connect", shown_to=may(Verb.CHANGE_STATIONS)),
    Command(label=mark("Import stations from CSV"), href="/stations/import", shown_to=may(Verb.CHANGE_STATIONS)),
    Command(label=mark("New site"), href="/sites/new", shown_to=may(Verb.CHANGE_SITES)),
    Command(label=mark("New tariff"), href="/prices/new", shown_to=may(Verb.CHANGE_PRICES)),
    Command(label=mark("New campaign or voucher"), href="/campaigns/new", shown_to=may(Verb.CHANGE_PRICES)),
    Command(label=mark("New token"), href="/tokens/new", shown_to=may(Verb.CHANGE_TOKENS)),
    Command(label=mark("Import tokens from CSV"), href="/tokens/import", shown_to=may(Verb.CHANGE_TOKENS)),
    Command(label=mark("Invite a person"), href="/people/invite", shown_to=may(Verb.PEOPLE)),
    Command(label=mark("Make an API key"), href="/keys/new", shown_to=may(Verb.KEYS)),
    Command(label=mark("Make a webhook"), href="/webhooks#new", shown_to=may(Verb.WEBHOOKS)),
    Command(label=mark("New alert rule"), href="/settings/alerts/new", shown_to=may(Verb.ALERTS)),
    Command(label=mark("Outside authorisation"), href="/settings/authorisation", shown_to=may(Verb.WEBHOOKS)),
    Command(label=mark("Plug & Charge"), href="/contracts", shown_to=may(Verb.CHANGE_TOKENS)),
    Command(label=mark("Card readers"), href="/card-readers"),
    Command(label=mark("New fleet"), href="/fleets/new", shown_to=may(Verb.CHANGE_TOKENS)),
    Command(label=mark("Who issues invoices"), href="/settings/invoicing", shown_to=may(Verb.ORGANISATION)),
    Command(label=mark("Actions"), href="/insight/actions"),
    Command(label=mark("Forecasts"), href="/insight/forecasts"),
    Command(label=mark("Expansion of sites"), href="/insight/expansion", shown_to=may(Verb.READ_MONEY)),
    Command(label=mark("New sites: where to build"), href="/insight/siting", shown_to=may(Verb.READ_MONEY)),
    Command(label=mark("Connector health"), href="/insight/health"),
    Command(label=mark("New report by mail"), href="/insight/reports/new", shown_to=may(Verb.ALERTS)),
    Command(label=mark("New host"), href="/hosts/new", shown_to=may(Verb.CHANGE_HOSTS)),
    Command(label=mark("Profit"), href="/ledger/profit", shown_to=may(Verb.READ_MONEY)),
    Command(label=mark("Money of nobody"), href="/ledger/unmatched", shown_to=may(Verb.READ_MONEY)),
    Command(label=mark("Who owes what"), href="/ledger/receivables", shown_to=may(Verb.READ_MONEY)),
    Command(label=mark("Driver pages"), href="/settings/driver-pages", shown_to=may(Verb.ORGANISATION)),
    Command(label=mark("How drivers sign in"), href="/settings/driver-sign-in", shown_to=may(Verb.ORGANISATION)),
    Command(label=mark("How people sign in"), href="/organisation/sign-in", shown_to=may(Verb.ORGANISATION)),
    Command(label=mark("Your account"), href="/account"),
    Command(label=mark("Change to another organisation"), href="/organisations"),
)


class Screens(Struct, frozen=True, kw_only=True):
    """The shell, which the sign-in page wears too, the routes of pages, the hub of live values behind them,
    and the page of drivers led astray."""

    shell: Shell
    hub: Hub
    strays: Strays
    routes: list[ControllerRouterHandler]


def screens(settings: Settings, db: Pool, bus: Bus, clock: Clock, access: Access) -> Screens:
    """Everything people see. Raises AssetsMissing where the web assets are not built."""
    assets = Assets.load()
    templates = {
        "access": forecourt.access.pages.TEMPLATES_DIR,
        "care": forecourt.care.pages.TEMPLATES_DIR,
        "driver": CONSOLE_TEMPLATES,
        "webhooks": forecourt.webhooks.pages.TEMPLATES_DIR,
        "drivers": forecourt.drivers.pages.TEMPLATES_DIR,
        "energy": forecourt.energy.pages.TEMPLATES_DIR,
        "insight": forecourt.insight.pages.TEMPLATES_DIR,
        "payments": forecourt.payments.pages.TEMPLATES_DIR,
        "money": forecourt.payments.ledger.pages.TEMPLATES_DIR,
        "fleets": forecourt.payments.fleets.pages.TEMPLATES_DIR,
        "loyalty": forecourt.loyalty.pages.TEMPLATES_DIR,
        "pricing": forecourt.pricing.pages.TEMPLATES_DIR,
        "sessions": forecourt.sessions.pages.TEMPLATES_DIR,
        "stations": forecourt.stations.pages.TEMPLATES_DIR,
    }
    shell = Shell(assets=assets, templates=templates, navigation=NAVIGATION, clock=clock)
    live = Live(db, bus, clock)
    by_cookie = forecourt.access.pages.authenticate_by(access)

    async def of_guard(connection: Connection, /) -> Actor | None:
        """Who the guard in front of every page found."""
        actor: Any = connection.scope["user"]
        return actor if isinstance(actor, Actor) else None

    async def of_cookie(connection: Connection, /) -> Actor | None:
        """Who may look, by the cookie: the live socket answers for itself, since it must say that somebody left."""
        actor = await by_cookie(connection)
        return actor if isinstance(actor, Actor) and actor.may(Verb.READ) else None

    commander = Commander(db, bus, clock, secret_key=settings.secret())
    charging = SessionsAtStation(db, commander, clock)
    providers = providers_of(settings, db, clock)
    payments = Payments(db, providers, clock, prices_of(clock))
    ways = ways_of(settings, db, clock, commander, providers)
    members, lists = members_of(settings, db, clock, providers, ways), lists_of(settings, db, clock)
    leaving = Leaving(db, clock, members)
    addresses = OcppAddresses(
        port=settings.ocpp_port,
        tls_port=settings.ocpp_tls_port,
        behind_tls_proxy=settings.ocpp_behind_tls_proxy,
        public_url=settings.public_url,
    )
    routes: list[ControllerRouterHandler] = [
        assets_route(assets),
        live_route(live.hub, of_cookie),
        *driver_pages(DriverShell(assets), ways, db, clock, settings.console_url, lists),
        *waiting_pages(DriverShell(assets), lists, members),
        *account_pages(
            DriverShell(assets),
            members,
            leaving,
            settings.console_url,
            driver_providers_of(settings, db, clock),
        ),
        *driver_console(shell, db, settings.console_url),
        *waiting_console(shell, lists, clock),
        *erasing_console(db, leaving),
        *sign_in_console(shell, db, driver_providers_of(settings, db, clock), settings.console_url),
        *forecourt.payments.pages.payment_pages(shell, db, payments),
        *reader_pages(shell, db, Readers(db, providers, clock, payments), payments, settings.console_url),
        *payment_account_pages(shell, db, providers, settings.console_url),
        *changing_console(shell, db, clock, CodeVault(settings.secret()), settings.console_url),
        *forecourt.stations.pages.station_pages(
            shell=shell,
            authenticate=of_guard,
            db=db,
            snapshots=live.snapshots,
            totals=live.totals,
            series=RecentLoad(db, clock),
            ocpp_port=settings.ocpp_port,
        ),
        *forecourt.stations.pages.one_station_pages(shell=shell, snapshots=live.snapshots, charging=charging),
        *forecourt.care.pages.care_pages(
            CarePages(shell=shell, db=db, clock=clock, totals=live.totals, telling=telling_of(settings))
        ),
        *forecourt.webhooks.pages.webhook_pages(
            shell, db, clock, Webhooks(settings.secret(), clock, private=settings.webhooks_private)
        ),
        *site_pages(
            shell=shell,
            authenticate=of_guard,
            db=db,
            clock=clock,
            snapshots=live.snapshots,
            today=live.sessions.today,
        ),
        *forecourt.energy.pages.energy_pages(
            EnergyPages(
                shell=shell, db=db, clock=clock, feeds=Feeds(settings.secret(), private=settings.webhooks_private)
            )
        ),
        *action_pages(shell, db, clock),
        *forecast_pages(shell, db, clock),
        *expansion_pages(shell),
        *siting_pages(shell),
        *health_pages(shell, db, clock),
        *replacement_pages(shell),
        *scheduled_pages(ReportPages(shell=shell, db=db, clock=clock)),
        *dashboard_pages(InsightPages(shell=shell, db=db, clock=clock)),
        *forecourt.payments.ledger.pages.ledger_pages(shell, db),
        *host_pages(shell, db, clock, Connect(db, providers, clock), settings.console_url),
        *payout_pages(db, clock, Connect(db, providers, clock)),
        *host_form_pages(shell, db, clock, settings.secret()),
        *report_pages(shell, db, clock),
        *forecourt.payments.fleets.pages.fleet_pages(shell, db, clock, settings.secret()),
        *reconcile_pages(shell, db, clock),
        *bank_pages(shell, db, clock, settings.secret()),
        *unmatched_pages(shell, db, clock),
        *forecourt.loyalty.pages.campaign_pages(shell, db, clock),
        *forecourt.pricing.pages.price_pages(PricePages(shell, db, clock)),
        *import_pages(shell),
        *inbox_pages(shell, addresses),
        *connect_pages(shell, addresses),
        *forecourt.drivers.pages.token_pages(
            shell=shell, authenticate=of_guard, db=db, clock=clock, last_use=live.sessions.last_use
        ),
        *forecourt.drivers.account_pages.account_pages(shell=shell, db=db, clock=clock),
        *contract_pages(
            shell=shell,
            db=db,
            clock=clock,
            rules=ContractRules(settings.secret(), private=settings.webhooks_private),
            checks=ContractChecks(clock, private=settings.responders_private),
            last_use=live.sessions.last_use,
        ),
        *outside_pages(shell, db, AuthorizationHooks(settings.secret(), clock, private=settings.webhooks_private)),
        *forecourt.sessions.pages.session_pages(
            shell=shell, authenticate=of_guard, db=db, clock=clock, discounts=Giving(clock)
        ),
        *search_routes(
            shell=shell,
            authenticate=of_guard,
            navigation=NAVIGATION,
            commands=COMMANDS,
            sources=[
                Source(find=StationSearch(db)),
                Source(find=TokenSearch(db)),
                Source(find=SessionSearch(db)),
                Source(find=TariffSearch(db)),
                Source(find=PersonSearch(db), shown_to=may(Verb.PEOPLE)),
                Source(find=KeySearch(db), shown_to=may(Verb.KEYS)),
                Source(find=WebhookSearch(db), shown_to=may(Verb.WEBHOOKS)),
            ],
        ),
        *forecourt.access.pages.access_pages(
            shell=shell,
            db=db,
            clock=clock,
            access=access,
            invitations=Invitations(db, settings.secret(), clock, access, settings.console_url),
            sites=site_names,
            outcomes=outcomes_of,
        ),
    ]
    return Screens(shell=shell, routes=routes, hub=live.hub, strays=Strays(DriverShell(assets), db, members))
