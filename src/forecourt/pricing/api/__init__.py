"""Routes of prices: tariffs and where they count, and what a session of a given shape would cost, exactly."""

from litestar import Router

from forecourt.pricing.api.assignments import assign_tariff, find_counting, list_assignments, unassign_tariff
from forecourt.pricing.api.quote import quote
from forecourt.pricing.api.tariffs import (
    create_tariff,
    end_tariff,
    find_charging_tariff,
    find_ocpi,
    import_tariff,
    list_tariffs,
    list_versions,
    revise_tariff,
)

routes = Router(
    "/",
    route_handlers=[
        list_tariffs,
        create_tariff,
        import_tariff,
        find_charging_tariff,
        revise_tariff,
        end_tariff,
        list_versions,
        find_ocpi,
        list_assignments,
        assign_tariff,
        unassign_tariff,
        find_counting,
        quote,
    ],
)

__all__ = ["routes"]
