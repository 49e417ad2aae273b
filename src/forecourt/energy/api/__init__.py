"""Routes of smart charging: the electrics of sites, what prices and limits them, what drivers need, and how sites are
kept."""

from litestar import Router

from forecourt.energy.api.electrics import (
    find_electrics,
    find_smart_charging,
    put_electrics,
    put_smart_charging,
)
from forecourt.energy.api.excesses import list_site_excesses
from forecourt.energy.api.explained import explain_session, list_orders, show_plan, show_savings
from forecourt.energy.api.feeds import add_feed, fetch_feed, find_feed, list_feeds, put_feed, remove_feed
from forecourt.energy.api.limits import list_limits, list_load, say_limit, say_load, withdraw_limit
from forecourt.energy.api.needs import find_needs, find_preferences, put_needs, put_preferences, take_back_needs
from forecourt.energy.api.outside import forget_charging_limit, list_charging_limits
from forecourt.energy.api.signals import (
    find_tariff,
    list_co2,
    list_prices,
    list_series,
    load_co2,
    load_prices,
    put_tariff,
    show_outlook,
)
from forecourt.energy.api.storage import find_setpoint, say_state

routes = Router(
    "/",
    route_handlers=[
        find_electrics,
        put_electrics,
        find_smart_charging,
        put_smart_charging,
        find_tariff,
        put_tariff,
        show_outlook,
        list_limits,
        say_limit,
        withdraw_limit,
        list_feeds,
        add_feed,
        find_feed,
        put_feed,
        remove_feed,
        fetch_feed,
        list_load,
        say_load,
        find_setpoint,
        say_state,
        list_series,
        list_prices,
        load_prices,
        list_co2,
        load_co2,
        find_needs,
        put_needs,
        take_back_needs,
        find_preferences,
        put_preferences,
        show_plan,
        explain_session,
        list_orders,
        list_site_excesses,
        show_savings,
        list_charging_limits,
        forget_charging_limit,
    ],
)

__all__ = ["routes"]
