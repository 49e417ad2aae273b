"""Routes of incidents and of alert rules."""

from litestar import Router

from forecourt.care.api.alert_rules import (
    change_alert_rule,
    create_alert_rule,
    delete_alert_rule,
    find_alert_rule,
    list_alert_rules,
    list_alerts,
    test_alert_rule,
)
from forecourt.care.api.incidents import (
    acknowledge_incident,
    close_incident,
    describe_incident,
    find_incident,
    list_incidents,
    snooze_incident,
)

routes = Router(
    "/",
    route_handlers=[
        list_incidents,
        find_incident,
        acknowledge_incident,
        snooze_incident,
        close_incident,
        list_alert_rules,
        create_alert_rule,
        find_alert_rule,
        change_alert_rule,
        delete_alert_rule,
        test_alert_rule,
        list_alerts,
    ],
)

__all__ = ["describe_incident", "routes"]
