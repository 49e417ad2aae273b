"""Every route at once: closed to nobody, open to the roles the table says, and held by the database all the same."""

from typing import Any

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from forecourt.access import Role, Verb, may
from forecourt.access.model import roles_for
from tests.access.ways import signed_in
from tests.http import House, Tenant, problem

#: What each route needs, said again here on purpose: who widens a route meets this table.
NEEDS = {
    ("POST", "/api/v1/keys"): Verb.KEYS,
    ("GET", "/api/v1/keys"): Verb.KEYS,
    ("DELETE", "/api/v1/keys/{key_id}"): Verb.KEYS,
    ("GET", "/api/v1/people"): Verb.PEOPLE,
    ("GET", "/api/v1/people/{person_id}"): Verb.PEOPLE,
    ("PATCH", "/api/v1/people/{person_id}"): Verb.PEOPLE,
    ("DELETE", "/api/v1/people/{person_id}"): Verb.PEOPLE,
    ("POST", "/api/v1/invitations"): Verb.PEOPLE,
    ("GET", "/api/v1/invitations"): Verb.PEOPLE,
    ("POST", "/api/v1/invitations/{invitation_id}/resend"): Verb.PEOPLE,
    ("DELETE", "/api/v1/invitations/{invitation_id}"): Verb.PEOPLE,
    ("GET", "/api/v1/organisation"): Verb.READ,
    ("PATCH", "/api/v1/organisation"): Verb.ORGANISATION,
    ("GET", "/api/v1/me"): Verb.READ,
    ("PATCH", "/api/v1/me"): Verb.READ,
    ("GET", "/api/v1/audit/export"): Verb.AUDIT,
    ("GET", "/api/v1/audit"): Verb.AUDIT,
    ("POST", "/api/v1/tokens"): Verb.CHANGE_TOKENS,
    ("GET", "/api/v1/tokens"): Verb.READ,
    ("GET", "/api/v1/tokens/{uid}"): Verb.READ,
    ("PATCH", "/api/v1/tokens/{uid}"): Verb.CHANGE_TOKENS,
    ("DELETE", "/api/v1/tokens/{uid}"): Verb.CHANGE_TOKENS,
    ("GET", "/api/v1/drivers"): Verb.READ,
    ("POST", "/api/v1/drivers"): Verb.CHANGE_TOKENS,
    ("GET", "/api/v1/drivers/{driver_id}"): Verb.READ,
    ("PATCH", "/api/v1/drivers/{driver_id}"): Verb.CHANGE_TOKENS,
    ("DELETE", "/api/v1/drivers/{driver_id}"): Verb.CHANGE_TOKENS,
    ("GET", "/api/v1/drivers/{driver_id}/export"): Verb.CHANGE_TOKENS,
    ("POST", "/api/v1/drivers/{driver_id}/tokens"): Verb.CHANGE_TOKENS,
    ("DELETE", "/api/v1/drivers/{driver_id}/tokens/{uid}"): Verb.CHANGE_TOKENS,
    ("POST", "/api/v1/tokens/{uid}/claim-code"): Verb.CHANGE_TOKENS,
    ("PUT", "/api/v1/drivers/{driver_id}/subscription"): Verb.CHANGE_TOKENS,
    ("DELETE", "/api/v1/drivers/{driver_id}/subscription"): Verb.CHANGE_TOKENS,
    ("GET", "/api/v1/driver-rules"): Verb.READ,
    ("PUT", "/api/v1/driver-rules"): Verb.CHANGE_TOKENS,
    ("POST", "/api/v1/drivers/{driver_id}/autocharge"): Verb.CHANGE_TOKENS,
    ("DELETE", "/api/v1/drivers/{driver_id}/autocharge/{address}"): Verb.CHANGE_TOKENS,
    ("POST", "/api/v1/loyalty/campaigns"): Verb.CHANGE_PRICES,
    ("GET", "/api/v1/reports"): Verb.ALERTS,
    ("POST", "/api/v1/reports"): Verb.ALERTS,
    ("GET", "/api/v1/reports/{report_id}"): Verb.ALERTS,
    ("PATCH", "/api/v1/reports/{report_id}"): Verb.ALERTS,
    ("DELETE", "/api/v1/reports/{report_id}"): Verb.ALERTS,
    ("GET", "/api/v1/reports/{report_id}/runs"): Verb.ALERTS,
    ("POST", "/api/v1/reports/{report_id}/runs"): Verb.ALERTS,
    ("GET", "/api/v1/reports/{report_id}/runs/{report_run_id}/{form}"): Verb.ALERTS,
    ("GET", "/api/v1/forecasts"): Verb.READ,
    ("GET", "/api/v1/forecasts/hours"): Verb.READ,
    ("GET", "/api/v1/forecasts/backtest"): Verb.READ,
    ("GET", "/api/v1/insight/use"): Verb.READ,
    ("GET", "/api/v1/insight/success"): Verb.READ,
    ("GET", "/api/v1/insight/availability"): Verb.READ,
    ("GET", "/api/v1/insight/drivers"): Verb.READ,
    ("GET", "/api/v1/insight/profit"): Verb.READ_MONEY,
    ("GET", "/api/v1/insight/actions"): Verb.READ,
    ("POST", "/api/v1/insight/actions/{action_id}/take"): Verb.REVIEW,
    ("POST", "/api/v1/insight/actions/{action_id}/dismiss"): Verb.REVIEW,
    ("POST", "/api/v1/insight/actions/{action_id}/reopen"): Verb.REVIEW,
    ("GET", "/api/v1/expansion"): Verb.READ_MONEY,
    ("GET", "/api/v1/expansion/site"): Verb.READ_MONEY,
    ("GET", "/api/v1/expansion/inputs"): Verb.READ_MONEY,
    ("PUT", "/api/v1/expansion/inputs"): Verb.PLAN_GROWTH,
    ("DELETE", "/api/v1/expansion/inputs"): Verb.PLAN_GROWTH,
    ("POST", "/api/v1/siting/studies"): Verb.PLAN_GROWTH,
    ("GET", "/api/v1/siting/studies"): Verb.READ_MONEY,
    ("GET", "/api/v1/siting/studies/{study_id}"): Verb.READ_MONEY,
    ("DELETE", "/api/v1/siting/studies/{study_id}"): Verb.PLAN_GROWTH,
    ("POST", "/api/v1/siting/studies/{study_id}/stop"): Verb.PLAN_GROWTH,
    ("GET", "/api/v1/siting/studies/{study_id}/sites.csv"): Verb.READ_MONEY,
    ("GET", "/api/v1/siting/studies/{study_id}/sites.geojson"): Verb.READ_MONEY,
    ("GET", "/api/v1/siting/validation"): Verb.READ_MONEY,
    ("GET", "/api/v1/insight/health"): Verb.READ,
    ("POST", "/api/v1/insight/health/alerts/{alert_id}/found"): Verb.REVIEW,
    ("GET", "/api/v1/insight/replacement"): Verb.READ,
    ("GET", "/api/v1/insight/replacement/units"): Verb.READ,
    ("GET", "/api/v1/insight/replacement/changes"): Verb.READ,
    ("POST", "/api/v1/insight/replacement/changes"): Verb.REVIEW,
    ("DELETE", "/api/v1/insight/replacement/changes/{change_id}"): Verb.REVIEW,
    ("POST", "/api/v1/insight/replacement/changes/import"): Verb.REVIEW,
    ("GET", "/api/v1/insight/replacement/inputs"): Verb.READ_MONEY,
    ("PUT", "/api/v1/insight/replacement/inputs"): Verb.PLAN_GROWTH,
    ("GET", "/api/v1/loyalty/campaigns"): Verb.READ_CAMPAIGNS,
    ("GET", "/api/v1/loyalty/campaigns/{campaign_id}"): Verb.READ_CAMPAIGNS,
    ("PUT", "/api/v1/loyalty/campaigns/{campaign_id}"): Verb.CHANGE_PRICES,
    ("POST", "/api/v1/loyalty/campaigns/{campaign_id}/start"): Verb.CHANGE_PRICES,
    ("POST", "/api/v1/loyalty/campaigns/{campaign_id}/pause"): Verb.CHANGE_PRICES,
    ("POST", "/api/v1/loyalty/campaigns/{campaign_id}/end"): Verb.CHANGE_PRICES,
    ("POST", "/api/v1/loyalty/campaigns/{campaign_id}/codes"): Verb.CHANGE_PRICES,
    ("GET", "/api/v1/loyalty/campaigns/{campaign_id}/codes"): Verb.CHANGE_PRICES,
    ("GET", "/api/v1/loyalty/campaigns/{campaign_id}/effect"): Verb.READ_CAMPAIGNS,
    ("POST", "/api/v1/loyalty/quote"): Verb.READ_CAMPAIGNS,
    ("GET", "/api/v1/loyalty/program"): Verb.READ_CAMPAIGNS,
    ("PUT", "/api/v1/loyalty/program"): Verb.CHANGE_PRICES,
    ("GET", "/api/v1/loyalty/drivers/{driver_id}/points"): Verb.READ_CAMPAIGNS,
    ("POST", "/api/v1/fleets"): Verb.CHANGE_TOKENS,
    ("GET", "/api/v1/fleets"): Verb.READ,
    ("GET", "/api/v1/fleets/{fleet_id}"): Verb.READ,
    ("PATCH", "/api/v1/fleets/{fleet_id}"): Verb.CHANGE_TOKENS,
    ("PUT", "/api/v1/fleets/{fleet_id}/members/{driver_id}"): Verb.CHANGE_TOKENS,
    ("DELETE", "/api/v1/fleets/{fleet_id}/members/{driver_id}"): Verb.CHANGE_TOKENS,
    ("GET", "/api/v1/fleets/{fleet_id}/sessions"): Verb.READ,
    ("POST", "/api/v1/plans"): Verb.CHANGE_TOKENS,
    ("GET", "/api/v1/plans"): Verb.READ,
    ("GET", "/api/v1/plans/{plan_id}"): Verb.READ,
    ("PATCH", "/api/v1/plans/{plan_id}"): Verb.CHANGE_TOKENS,
    ("DELETE", "/api/v1/plans/{plan_id}"): Verb.CHANGE_TOKENS,
    ("GET", "/api/v1/authorization-hook"): Verb.WEBHOOKS,
    ("PUT", "/api/v1/authorization-hook"): Verb.WEBHOOKS,
    ("DELETE", "/api/v1/authorization-hook"): Verb.WEBHOOKS,
    ("POST", "/api/v1/authorization-hook/rotate-secret"): Verb.WEBHOOKS,
    ("POST", "/api/v1/authorization-hook/test"): Verb.WEBHOOKS,
    ("GET", "/api/v1/contract-roots"): Verb.WEBHOOKS,
    ("POST", "/api/v1/contract-roots"): Verb.WEBHOOKS,
    ("DELETE", "/api/v1/contract-roots/{fingerprint}"): Verb.WEBHOOKS,
    ("GET", "/api/v1/contract-rules"): Verb.WEBHOOKS,
    ("PUT", "/api/v1/contract-rules"): Verb.WEBHOOKS,
    ("POST", "/api/v1/contract-rules/test"): Verb.WEBHOOKS,
    ("GET", "/api/v1/driver-pages"): Verb.READ,
    ("PUT", "/api/v1/driver-pages"): Verb.ORGANISATION,
    ("GET", "/api/v1/driver-pages/codes/{station}/{evse}"): Verb.READ,
    ("GET", "/api/v1/driver-sign-in-provider"): Verb.ORGANISATION,
    ("PUT", "/api/v1/driver-sign-in-provider"): Verb.ORGANISATION,
    ("DELETE", "/api/v1/driver-sign-in-provider"): Verb.ORGANISATION,
    ("GET", "/api/v1/sites/{site}/waiting-list"): Verb.READ,
    ("PUT", "/api/v1/sites/{site}/waiting-list/policy"): Verb.CHANGE_SITES,
    ("DELETE", "/api/v1/sites/{site}/waiting-list/policy"): Verb.CHANGE_SITES,
    ("POST", "/api/v1/sites/{site}/waiting-list/{number}/skip"): Verb.CONTROL,
    ("DELETE", "/api/v1/sites/{site}/waiting-list/{number}"): Verb.CONTROL,
    ("GET", "/api/v1/driver-pages/changing-codes/{station}"): Verb.READ,
    ("PUT", "/api/v1/driver-pages/changing-codes/{station}"): Verb.CHANGE_STATIONS,
    ("POST", "/api/v1/driver-pages/changing-codes/{station}/secret"): Verb.CHANGE_STATIONS,
    ("DELETE", "/api/v1/driver-pages/changing-codes/{station}"): Verb.CHANGE_STATIONS,
    ("GET", "/api/v1/terminal-settlements"): Verb.READ,
    ("GET", "/api/v1/payments"): Verb.READ,
    ("GET", "/api/v1/payments/{payment_id}"): Verb.READ,
    ("POST", "/api/v1/payments/{payment_id}/refund"): Verb.CHANGE_PAYMENTS,
    ("POST", "/api/v1/payments/{payment_id}/write-off"): Verb.CHANGE_PAYMENTS,
    ("GET", "/api/v1/payment-accounts"): Verb.PAYMENT_ACCOUNTS,
    ("POST", "/api/v1/payment-accounts"): Verb.PAYMENT_ACCOUNTS,
    ("GET", "/api/v1/payment-accounts/{account_id}"): Verb.PAYMENT_ACCOUNTS,
    ("PATCH", "/api/v1/payment-accounts/{account_id}"): Verb.PAYMENT_ACCOUNTS,
    ("POST", "/api/v1/payment-accounts/{account_id}/connect"): Verb.PAYMENT_ACCOUNTS,
    ("GET", "/api/v1/card-readers"): Verb.READ,
    ("POST", "/api/v1/card-readers"): Verb.CHANGE_STATIONS,
    ("GET", "/api/v1/card-readers/{reader_id}"): Verb.READ,
    ("DELETE", "/api/v1/card-readers/{reader_id}"): Verb.CHANGE_STATIONS,
    ("POST", "/api/v1/card-readers/{reader_id}/start"): Verb.CONTROL,
    ("POST", "/api/v1/card-readers/{reader_id}/cancel"): Verb.CONTROL,
    ("POST", "/api/v1/hosts/{host_id}/onboarding"): Verb.ONBOARD_HOSTS,
    ("POST", "/api/v1/hosts/{host_id}/look"): Verb.ONBOARD_HOSTS,
    ("POST", "/api/v1/hosts/{host_id}/resume"): Verb.CHANGE_HOSTS,
    ("GET", "/api/v1/webhooks"): Verb.WEBHOOKS,
    ("POST", "/api/v1/webhooks"): Verb.WEBHOOKS,
    ("GET", "/api/v1/webhooks/{webhook_id}"): Verb.WEBHOOKS,
    ("PATCH", "/api/v1/webhooks/{webhook_id}"): Verb.WEBHOOKS,
    ("DELETE", "/api/v1/webhooks/{webhook_id}"): Verb.WEBHOOKS,
    ("POST", "/api/v1/webhooks/{webhook_id}/rotate-secret"): Verb.WEBHOOKS,
    ("POST", "/api/v1/webhooks/{webhook_id}/test"): Verb.WEBHOOKS,
    ("GET", "/api/v1/webhooks/{webhook_id}/deliveries"): Verb.WEBHOOKS,
    ("GET", "/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}"): Verb.WEBHOOKS,
    ("POST", "/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/replay"): Verb.WEBHOOKS,
    ("POST", "/api/v1/webhooks/{webhook_id}/replay"): Verb.WEBHOOKS,
    ("GET", "/api/v1/stream"): Verb.READ,
    ("POST", "/api/v1/sites"): Verb.CHANGE_SITES,
    ("GET", "/api/v1/sites"): Verb.READ,
    ("GET", "/api/v1/sites/{site}"): Verb.READ,
    ("PATCH", "/api/v1/sites/{site}"): Verb.CHANGE_SITES,
    ("DELETE", "/api/v1/sites/{site}"): Verb.CHANGE_SITES,
    ("POST", "/api/v1/stations"): Verb.CHANGE_STATIONS,
    ("GET", "/api/v1/stations"): Verb.READ,
    ("POST", "/api/v1/stations/import"): Verb.CHANGE_STATIONS,
    ("POST", "/api/v1/tokens/import"): Verb.CHANGE_TOKENS,
    ("GET", "/api/v1/stations/{station}"): Verb.READ,
    ("PATCH", "/api/v1/stations/{station}"): Verb.CHANGE_STATIONS,
    ("DELETE", "/api/v1/stations/{station}"): Verb.CHANGE_STATIONS,
    ("GET", "/api/v1/inbox"): Verb.CHANGE_STATIONS,
    ("GET", "/api/v1/inbox/{station}"): Verb.CHANGE_STATIONS,
    ("POST", "/api/v1/inbox/{station}/adopt"): Verb.CHANGE_STATIONS,
    ("DELETE", "/api/v1/inbox/{station}"): Verb.CHANGE_STATIONS,
    ("GET", "/api/v1/inbox-code"): Verb.CHANGE_STATIONS,
    ("POST", "/api/v1/inbox-code/renew"): Verb.ORGANISATION,
    ("GET", "/api/v1/connectors"): Verb.READ,
    ("GET", "/api/v1/evses"): Verb.READ,
    ("GET", "/api/v1/keys/{key_id}"): Verb.KEYS,
    ("GET", "/api/v1/tariffs"): Verb.READ,
    ("POST", "/api/v1/tariffs"): Verb.CHANGE_PRICES,
    ("POST", "/api/v1/tariffs/import"): Verb.CHANGE_PRICES,
    ("GET", "/api/v1/tariffs/{tariff_id}"): Verb.READ,
    ("PUT", "/api/v1/tariffs/{tariff_id}"): Verb.CHANGE_PRICES,
    ("POST", "/api/v1/tariffs/{tariff_id}/end"): Verb.CHANGE_PRICES,
    ("GET", "/api/v1/tariffs/{tariff_id}/versions"): Verb.READ,
    ("GET", "/api/v1/tariffs/{tariff_id}/ocpi"): Verb.READ,
    ("GET", "/api/v1/tariff-assignments"): Verb.READ,
    ("POST", "/api/v1/tariff-assignments"): Verb.CHANGE_PRICES,
    ("DELETE", "/api/v1/tariff-assignments/{assignment_id}"): Verb.CHANGE_PRICES,
    ("GET", "/api/v1/pricing/here"): Verb.READ,
    ("GET", "/api/v1/sessions/{session_id}/cost"): Verb.READ,
    ("POST", "/api/v1/pricing/quote"): Verb.READ,
    ("GET", "/api/v1/ledger/journal"): Verb.READ_MONEY,
    ("GET", "/api/v1/ledger/journal/{entry_id}"): Verb.READ_MONEY,
    ("GET", "/api/v1/ledger/unmatched"): Verb.READ_MONEY,
    ("POST", "/api/v1/ledger/unmatched"): Verb.EXPLAIN_MONEY,
    ("POST", "/api/v1/ledger/unmatched/{entry_id}/take-back"): Verb.EXPLAIN_MONEY,
    ("GET", "/api/v1/ledger/accounts"): Verb.READ_MONEY,
    ("GET", "/api/v1/ledger/accounts/{account}/statement"): Verb.READ_MONEY,
    ("GET", "/api/v1/ledger/receivables"): Verb.READ_MONEY,
    ("GET", "/api/v1/ledger/profit"): Verb.READ_MONEY,
    ("GET", "/api/v1/ledger/vat"): Verb.READ_MONEY,
    ("GET", "/api/v1/ledger/export.beancount"): Verb.READ_MONEY,
    ("GET", "/api/v1/invoicing"): Verb.READ_MONEY,
    ("PUT", "/api/v1/invoicing"): Verb.ORGANISATION,
    ("GET", "/api/v1/fleets/{fleet_id}/account"): Verb.READ_MONEY,
    ("GET", "/api/v1/fleets/{fleet_id}/terms"): Verb.READ_MONEY,
    ("PUT", "/api/v1/fleets/{fleet_id}/terms"): Verb.CHANGE_PAYMENTS,
    ("GET", "/api/v1/fleets/{fleet_id}/mandate"): Verb.READ_MONEY,
    ("PUT", "/api/v1/fleets/{fleet_id}/mandate"): Verb.CHANGE_PAYMENTS,
    ("DELETE", "/api/v1/fleets/{fleet_id}/mandate"): Verb.CHANGE_PAYMENTS,
    ("GET", "/api/v1/fleet-invoices"): Verb.READ_MONEY,
    ("GET", "/api/v1/fleet-invoices/{invoice_id}"): Verb.READ_MONEY,
    ("GET", "/api/v1/fleet-invoices/{invoice_id}/document"): Verb.READ_MONEY,
    ("POST", "/api/v1/fleet-invoices/{invoice_id}/credit"): Verb.CHANGE_PAYMENTS,
    ("POST", "/api/v1/fleet-invoices/{invoice_id}/write-off"): Verb.CHANGE_PAYMENTS,
    ("POST", "/api/v1/fleet-invoices/{invoice_id}/debit-failed"): Verb.CHANGE_PAYMENTS,
    ("POST", "/api/v1/fleet-invoices/{invoice_id}/draw-again"): Verb.CHANGE_PAYMENTS,
    ("GET", "/api/v1/debit-files"): Verb.CHANGE_PAYMENTS,
    ("GET", "/api/v1/debit-files/{file_id}/content"): Verb.CHANGE_PAYMENTS,
    ("POST", "/api/v1/hosts"): Verb.CHANGE_HOSTS,
    ("GET", "/api/v1/hosts"): Verb.READ_HOSTS,
    ("GET", "/api/v1/hosts/{host_id}"): Verb.READ_HOSTS,
    ("PATCH", "/api/v1/hosts/{host_id}"): Verb.CHANGE_HOSTS,
    ("PUT", "/api/v1/hosts/{host_id}/bank"): Verb.CHANGE_HOSTS,
    ("POST", "/api/v1/host-rules"): Verb.CHANGE_HOSTS,
    ("GET", "/api/v1/host-rules"): Verb.READ_HOSTS,
    ("GET", "/api/v1/hosts/{host_id}/lines"): Verb.READ_HOSTS,
    ("GET", "/api/v1/hosts/{host_id}/statement"): Verb.READ_HOSTS,
    ("POST", "/api/v1/hosts/{host_id}/expenses"): Verb.CHANGE_HOSTS,
    ("GET", "/api/v1/payouts"): Verb.READ_HOSTS,
    ("GET", "/api/v1/host-documents"): Verb.READ_HOSTS,
    ("GET", "/api/v1/host-documents/{document_id}/content"): Verb.READ_HOSTS,
    ("POST", "/api/v1/payouts/{payout_id}/bounce"): Verb.CHANGE_HOSTS,
    ("POST", "/api/v1/payouts/{payout_id}/paid-by-hand"): Verb.CHANGE_HOSTS,
    ("POST", "/api/v1/payouts/{payout_id}/booked"): Verb.CHANGE_HOSTS,
    ("POST", "/api/v1/payouts/{payout_id}/not-booked"): Verb.CHANGE_HOSTS,
    ("POST", "/api/v1/payouts/{payout_id}/give-up"): Verb.CHANGE_HOSTS,
    ("POST", "/api/v1/payouts/run"): Verb.CHANGE_HOSTS,
    ("GET", "/api/v1/payout-files"): Verb.CHANGE_HOSTS,
    ("GET", "/api/v1/payout-files/{file_id}/content"): Verb.CHANGE_HOSTS,
    ("GET", "/api/v1/payout-bank"): Verb.CHANGE_HOSTS,
    ("PUT", "/api/v1/payout-bank"): Verb.CHANGE_HOSTS,
    ("GET", "/api/v1/reconciliation"): Verb.READ_MONEY,
    ("POST", "/api/v1/reconciliation/run"): Verb.EXPLAIN_MONEY,
    ("GET", "/api/v1/reconciliation/differences"): Verb.READ_MONEY,
    ("POST", "/api/v1/reconciliation/differences/{difference_id}/explain"): Verb.EXPLAIN_MONEY,
    ("POST", "/api/v1/bank-lines/import"): Verb.EXPLAIN_MONEY,
    ("GET", "/api/v1/bank-lines"): Verb.READ_MONEY,
    ("POST", "/api/v1/bank-lines/{line_id}/assign"): Verb.EXPLAIN_MONEY,
    ("POST", "/api/v1/bank-lines/{line_id}/unmatch"): Verb.EXPLAIN_MONEY,
    ("POST", "/api/v1/bank-reports/import"): Verb.EXPLAIN_MONEY,
    ("GET", "/api/v1/bank-reports"): Verb.READ_MONEY,
    ("POST", "/api/v1/bulk-runs/plan"): Verb.READ,
    ("POST", "/api/v1/bulk-runs/reset"): Verb.RESET,
    ("POST", "/api/v1/bulk-runs/registration"): Verb.CHANGE_STATIONS,
    ("POST", "/api/v1/bulk-runs/site"): Verb.CHANGE_STATIONS,
    ("GET", "/api/v1/bulk-runs"): Verb.READ,
    ("GET", "/api/v1/bulk-runs/{run_id}"): Verb.READ,
    ("GET", "/api/v1/bulk-runs/{run_id}/stations"): Verb.READ,
    ("POST", "/api/v1/bulk-runs/{run_id}/stop"): Verb.CHANGE_STATIONS,
    ("GET", "/api/v1/stations/{station}/variables"): Verb.READ,
    ("GET", "/api/v1/stations/{station}/variables/reading"): Verb.READ,
    ("POST", "/api/v1/stations/{station}/variables"): Verb.CALL,
    ("POST", "/api/v1/stations/{station}/variables/read"): Verb.CALL,
    ("POST", "/api/v1/stations/{station}/availability"): Verb.CALL,
    ("GET", "/api/v1/stations/{station}/desired"): Verb.READ,
    ("GET", "/api/v1/stations/{station}/charging-limits"): Verb.READ,
    ("DELETE", "/api/v1/stations/{station}/charging-limits"): Verb.CALL,
    ("GET", "/api/v1/stations/{station}/plugs"): Verb.READ,
    ("PUT", "/api/v1/stations/{station}/plugs"): Verb.CHANGE_STATIONS,
    ("PUT", "/api/v1/stations/{station}/desired/availability"): Verb.CALL,
    ("DELETE", "/api/v1/stations/{station}/desired/availability"): Verb.CALL,
    ("POST", "/api/v1/stations/{station}/trigger"): Verb.CALL,
    ("GET", "/api/v1/stations/{station}/messages/{number}"): Verb.READ,
    ("GET", "/api/v1/stations/{station}/commands/{command_id}"): Verb.READ,
    ("GET", "/api/v1/quarantine"): Verb.READ,
    ("GET", "/api/v1/quarantine/{number}"): Verb.READ,
    ("POST", "/api/v1/quarantine/{number}/review"): Verb.REVIEW,
    ("GET", "/api/v1/orphan-reports"): Verb.READ,
    ("POST", "/api/v1/orphan-reports/{number}/review"): Verb.REVIEW,
    ("GET", "/api/v1/stations/{station}/messages"): Verb.READ,
    ("GET", "/api/v1/stations/{station}/commands"): Verb.READ,
    ("GET", "/api/v1/stations/{station}/availability"): Verb.READ,
    ("POST", "/api/v1/stations/{station}/calls"): Verb.CALL,
    ("POST", "/api/v1/stations/{station}/unlock"): Verb.CONTROL,
    ("POST", "/api/v1/stations/{station}/reset"): Verb.RESET,
    ("POST", "/api/v1/stations/{station}/start"): Verb.CONTROL,
    ("GET", "/api/v1/stations/{station}/remote-starts"): Verb.READ,
    ("GET", "/api/v1/sessions"): Verb.READ,
    ("GET", "/api/v1/sessions/{session_id}"): Verb.READ,
    ("GET", "/api/v1/sessions/{session_id}/samples"): Verb.READ,
    ("GET", "/api/v1/sessions/{session_id}/cdr"): Verb.READ,
    ("POST", "/api/v1/sessions/{session_id}/stop"): Verb.CONTROL,
    ("GET", "/api/v1/sessions/{session_id}/signed-values"): Verb.READ,
    ("GET", "/api/v1/sessions/{session_id}/signed-values/transparency.xml"): Verb.READ,
    ("POST", "/api/v1/sessions/{session_id}/signed-values/release"): Verb.REVIEW,
    ("GET", "/api/v1/stations/{station}/meter-keys"): Verb.READ,
    ("POST", "/api/v1/stations/{station}/meter-keys"): Verb.CHANGE_STATIONS,
    ("GET", "/api/v1/incidents"): Verb.READ,
    ("GET", "/api/v1/incidents/{incident_id}"): Verb.READ,
    ("POST", "/api/v1/incidents/{incident_id}/acknowledge"): Verb.REVIEW,
    ("POST", "/api/v1/incidents/{incident_id}/snooze"): Verb.REVIEW,
    ("POST", "/api/v1/incidents/{incident_id}/close"): Verb.REVIEW,
    ("GET", "/api/v1/alert-rules"): Verb.READ,
    ("POST", "/api/v1/alert-rules"): Verb.ALERTS,
    ("GET", "/api/v1/alert-rules/{rule_id}"): Verb.READ,
    ("PATCH", "/api/v1/alert-rules/{rule_id}"): Verb.ALERTS,
    ("DELETE", "/api/v1/alert-rules/{rule_id}"): Verb.ALERTS,
    ("POST", "/api/v1/alert-rules/{rule_id}/test"): Verb.ALERTS,
    ("GET", "/api/v1/alerts"): Verb.READ,
    ("GET", "/api/v1/sites/{site}/electrics"): Verb.READ,
    ("PUT", "/api/v1/sites/{site}/electrics"): Verb.CHANGE_ELECTRICS,
    ("GET", "/api/v1/sites/{site}/smart-charging"): Verb.READ,
    ("PUT", "/api/v1/sites/{site}/smart-charging"): Verb.CHANGE_ENERGY,
    ("GET", "/api/v1/sites/{site}/utility-tariff"): Verb.READ,
    ("PUT", "/api/v1/sites/{site}/utility-tariff"): Verb.CHANGE_ENERGY,
    ("GET", "/api/v1/sites/{site}/outlook"): Verb.READ,
    ("GET", "/api/v1/sites/{site}/plan"): Verb.READ,
    ("GET", "/api/v1/sites/{site}/orders"): Verb.READ,
    ("GET", "/api/v1/sites/{site}/excesses"): Verb.READ,
    ("GET", "/api/v1/sites/{site}/savings"): Verb.READ,
    ("GET", "/api/v1/sessions/{session_id}/charging"): Verb.READ,
    ("GET", "/api/v1/sites/{site}/limits"): Verb.READ,
    ("POST", "/api/v1/sites/{site}/limits"): Verb.CHANGE_ENERGY,
    ("DELETE", "/api/v1/sites/{site}/limits/{limit_id}"): Verb.CHANGE_ENERGY,
    ("GET", "/api/v1/sites/{site}/load"): Verb.READ,
    ("GET", "/api/v1/sites/{site}/feeds"): Verb.READ,
    ("POST", "/api/v1/sites/{site}/feeds"): Verb.CHANGE_ENERGY,
    ("GET", "/api/v1/sites/{site}/feeds/{feed_id}"): Verb.READ,
    ("PUT", "/api/v1/sites/{site}/feeds/{feed_id}"): Verb.CHANGE_ENERGY,
    ("DELETE", "/api/v1/sites/{site}/feeds/{feed_id}"): Verb.CHANGE_ENERGY,
    ("POST", "/api/v1/sites/{site}/feeds/{feed_id}/fetch"): Verb.CHANGE_ENERGY,
    ("POST", "/api/v1/sites/{site}/load"): Verb.CHANGE_ENERGY,
    ("GET", "/api/v1/sites/{site}/batteries/{battery}/setpoint"): Verb.READ,
    ("POST", "/api/v1/sites/{site}/batteries/{battery}/state"): Verb.CHANGE_ENERGY,
    ("GET", "/api/v1/energy/series"): Verb.READ,
    ("GET", "/api/v1/energy/prices/{zone}"): Verb.READ,
    ("POST", "/api/v1/energy/prices/{zone}"): Verb.LOAD_SERIES,
    ("GET", "/api/v1/energy/co2/{zone}"): Verb.READ,
    ("POST", "/api/v1/energy/co2/{zone}"): Verb.LOAD_SERIES,
    ("GET", "/api/v1/sessions/{session_id}/needs"): Verb.READ,
    ("PUT", "/api/v1/sessions/{session_id}/needs"): Verb.CONTROL,
    ("DELETE", "/api/v1/sessions/{session_id}/needs"): Verb.CONTROL,
    ("GET", "/api/v1/tokens/{uid}/charging-preferences"): Verb.READ,
    ("PUT", "/api/v1/tokens/{uid}/charging-preferences"): Verb.CHANGE_TOKENS,
}
TENANT_TABLES = (
    "organisations",
    "memberships",
    "person_sessions",
    "providers",
    "provider_people",
    "invitations",
    "api_keys",
    "audit",
    "idempotent_requests",
    "driver_brands",
    "driver_accounts",
    "driver_links",
    "driver_sessions",
    "driver_tokens",
    "driver_tokens_past",
    "token_claims",
    "driver_vehicles",
    "driver_consents",
    "fleets",
    "fleet_members",
    "fleet_sessions",
    "subscription_plans",
    "subscriptions",
    "driver_rules",
    "loyalty_campaigns",
    "loyalty_codes",
    "loyalty_members",
    "loyalty_uses",
    "loyalty_decisions",
    "loyalty_programs",
    "loyalty_points",
    "loyalty_moves",
    "cars_seen",
    "driver_starts",
    "webhooks",
    "webhook_events",
    "webhook_deliveries",
    "webhook_attempts",
    "tokens",
    "authorization_hooks",
    "outside_decisions",
    "sites",
    "stations",
    "station_links",
    "connectors",
    "connector_history",
    "messages",
    "quarantine",
    "commands",
    "connection_gaps",
    "unsupported_actions",
    "desires",
    "knocks",
    "inboxes",
    "sessions",
    "remote_starts",
    "meter_values",
    "orphan_reports",
    "meter_keys",
    "session_signatures",
    "incidents",
    "incident_events",
    "alert_rules",
    "alert_log",
    "load_minutes",
    "energy_sites",
    "electrics",
    "hung_evses",
    "site_tariffs",
    "signal_series",
    "node_limits",
    "site_readings",
    "session_needs",
    "charging_preferences",
    "energy_feeds",
    "clear_skies",
    "battery_states",
    "battery_setpoints",
    "external_limits",
    "car_schedules",
    "profile_checks",
    "held_profiles",
    "dynamic_profiles",
    "priority_asks",
    "session_caps",
    "node_overloads",
    "node_excesses",
    "planning_faults",
)
#: Open to everybody: a driver who stands at a station has no account.
PUBLIC = {
    ("GET", "/api/v1/driver/places/{station}/{evse}"),
    ("GET", "/api/v1/driver/brands/{brand}/places"),
    ("POST", "/api/v1/driver/payments"),
    ("GET", "/api/v1/driver/payments/{payment_id}"),
    ("POST", "/api/v1/driver/payments/{payment_id}/returned"),
    ("POST", "/api/v1/driver/payments/{payment_id}/stop"),
    ("POST", "/api/v1/driver/payments/{payment_id}/give-up"),
    ("PUT", "/api/v1/driver/payments/{payment_id}/departure"),
    ("GET", "/api/v1/driver/places/{station}/{evse}/waiting"),
    ("POST", "/api/v1/driver/places/{station}/{evse}/waiting"),
    ("GET", "/api/v1/driver/waiting/{place_id}"),
    ("POST", "/api/v1/driver/waiting/{place_id}/snooze"),
    ("POST", "/api/v1/driver/waiting/{place_id}/leave"),
    ("PUT", "/api/v1/driver/waiting/{place_id}/email"),
    ("POST", "/api/v1/driver/sign-in"),
    ("POST", "/api/v1/driver/sign-in/enter"),
    ("POST", "/api/v1/driver/sign-in/provider"),
    ("POST", "/api/v1/driver/sign-in/provider/enter"),
    ("POST", "/api/v1/driver/sign-in/provider/nonce"),
    ("POST", "/api/v1/driver/sign-in/provider/token"),
}
#: Of a driver who is signed in, by a token of their own: no key and no person of the console opens these.
DRIVERS = {
    *((method, "/api/v1/driver/me") for method in ("GET", "PATCH", "DELETE")),
    *(
        ("POST", f"/api/v1/driver/me/{name}")
        for name in ("sign-out", "sign-out-everywhere", "top-ups", "debts/pay", "tokens", "vehicles", "consents")
    ),
    *(("GET", f"/api/v1/driver/me/{name}") for name in ("sessions", "money", "things", "preferences", "export")),
    ("GET", "/api/v1/driver/me/plans"),
    ("GET", "/api/v1/driver/me/offers"),
    ("POST", "/api/v1/driver/me/vouchers"),
    ("GET", "/api/v1/driver/me/points"),
    ("POST", "/api/v1/driver/me/points/redeem"),
    *((method, "/api/v1/driver/me/membership") for method in ("GET", "POST", "DELETE")),
    ("PUT", "/api/v1/driver/me/membership/pays-by"),
    ("POST", "/api/v1/driver/me/membership/keep"),
    ("GET", "/api/v1/driver/me/membership/months/{fee_id}/receipt"),
    ("PUT", "/api/v1/driver/me/pays-by"),
    ("PUT", "/api/v1/driver/me/preferences"),
    ("POST", "/api/v1/driver/me/cards"),
    ("POST", "/api/v1/driver/me/card-pages/{setup_id}/returned"),
    ("DELETE", "/api/v1/driver/me/cards/{card_id}"),
    ("POST", "/api/v1/driver/me/payments/{payment_id}/returned"),
    ("POST", "/api/v1/driver/me/places/{station}/{evse}/start"),
    ("GET", "/api/v1/driver/me/places/{station}/{evse}"),
    ("GET", "/api/v1/driver/me/autocharge"),
    ("POST", "/api/v1/driver/me/autocharge"),
    ("DELETE", "/api/v1/driver/me/autocharge/{address}"),
    ("DELETE", "/api/v1/driver/me/tokens/{uid}"),
    ("PUT", "/api/v1/driver/me/vehicles/{vehicle_id}"),
    ("DELETE", "/api/v1/driver/me/vehicles/{vehicle_id}"),
}


def filled(path: str) -> str:
    values = dict.fromkeys(("key_id", "person_id", "invitation_id", "number"), str(2**31 - 1))
    values |= dict.fromkeys(("webhook_id", "delivery_id", "feed_id"), str(2**31 - 1))
    values |= dict.fromkeys(
        ("entry_id", "host_id", "payout_id", "file_id", "difference_id", "line_id", "document_id"), str(2**31 - 1)
    )
    values |= dict.fromkeys(("uid", "site", "station", "zone", "battery", "account", "brand"), "x")
    some_id = "7a0c2f0e-54d1-4a8e-9a55-0c5d0ff3c5de"
    # A stream that is let through never ends: it is asked for in a way that is refused behind the door.
    query = "?rubbish=1" if path == "/api/v1/stream" else ""
    values |= dict.fromkeys(("session_id", "incident_id", "command_id", "run_id", "limit_id"), some_id)
    values |= dict.fromkeys(("alert_id", "change_id"), some_id)
    values |= dict.fromkeys(("tariff_id", "assignment_id"), some_id)
    values |= dict.fromkeys(("payment_id", "account_id", "card_id", "reader_id", "setup_id", "place_id"), some_id)
    values["fee_id"] = some_id
    values |= {"address": "001122AABBCC", "fingerprint": "0" * 64}
    values |= dict.fromkeys(("driver_id", "fleet_id", "plan_id", "vehicle_id", "invoice_id"), str(2**31 - 1))
    values |= dict.fromkeys(("campaign_id", "study_id", "action_id"), str(2**31 - 1))
    values |= dict.fromkeys(("report_id", "report_run_id"), str(2**31 - 1))
    values["form"] = "pdf"
    return path.format(**values, rule_id="1", evse="1") + query


#: What every person who is signed in may do with what is theirs, and no key.
OWN = {
    ("GET", "/api/v1/me/sessions"),
    ("DELETE", "/api/v1/me/sessions"),
    ("DELETE", "/api/v1/me/sessions/{own_session_id}"),
    ("GET", "/api/v1/me/factors"),
    ("DELETE", "/api/v1/me/passkeys/{passkey_id}"),
}


async def test_the_table_names_every_route(house: House) -> None:
    document = (await house.document()).content
    routes = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
        if method in ("get", "post", "put", "patch", "delete")
    }
    assert routes == set(NEEDS) | OWN | PUBLIC | DRIVERS


@pytest.mark.parametrize("role", Role)
async def test_a_person_sees_to_what_is_theirs_whatever_their_role_and_a_key_does_not(
    house: House, tenant: Tenant, role: Role
) -> None:
    key, person = await tenant.client(role), await signed_in(house, tenant, await tenant.operator(role))
    for method, path in OWN:
        where = path.format(own_session_id=2**60, passkey_id=2**30)
        problem(await key.request(method, where), 403, "people-only")
        assert (await person.request(method, where)).status_code in (200, 404), where


async def test_nobody_gets_nowhere(house: House) -> None:
    client = house.client()
    own = [(method, path.format(own_session_id=2**60, passkey_id=2**30)) for method, path in OWN]
    for method, path in [*((method, filled(path)) for method, path in NEEDS), *own]:
        answer = await client.request(method, path, json={})
        problem(answer, 401, "unauthenticated")


async def test_what_is_a_drivers_is_closed_to_nobody_and_to_every_key(house: House, tenant: Tenant) -> None:
    for client in (house.client(), await tenant.client()):
        for method, path in DRIVERS:
            # A body is looked at first, and one that is no good is refused as such to whoever sends it.
            empty = method in ("GET", "DELETE") or path.endswith(("sign-out", "everywhere", "returned", "keep"))
            answer = await client.request(method, filled(path), json=None if empty else {"rubbish": True})
            assert answer.status_code == 401 if empty else answer.status_code == 400, f"{method} {path}: {answer.text}"


async def test_a_driver_without_an_account_is_answered_and_sees_nobodys_secrets(house: House) -> None:
    client = house.client()
    for method, path in PUBLIC:
        answer = await client.request(method, filled(path), json={"rubbish": True} if method != "GET" else None)
        assert answer.status_code in (400, 404), f"{method} {path}: {answer.text}"


@pytest.mark.parametrize("role", Role)
async def test_a_role_passes_where_its_verbs_lead_and_nowhere_else(tenant: Tenant, role: Role) -> None:
    client = await tenant.client(role)
    for (method, path), verb in NEEDS.items():
        answer = await client.request(method, filled(path), json={"rubbish": True})
        if may(role, verb):
            assert answer.status_code in (200, 202, 204, 400, 404), f"{method} {path}: {answer.text}"
        else:
            assert problem(answer, 403, "forbidden")["needs"] == roles_for(verb)


def test_a_site_host_reads_and_an_owner_does_everything() -> None:
    assert [verb for verb in Verb if may(Role.SITE_HOST, verb)] == [
        Verb.READ,
        Verb.READ_HOSTS,
        Verb.ONBOARD_HOSTS,
    ]
    assert all(may(Role.OWNER, verb) for verb in Verb)


def as_app(house: House, tenant_id: int | None) -> psycopg.Connection[Any]:
    """The application's login in its role: what a route would see if it forgot every check."""
    connection = psycopg.connect(house.database.url, autocommit=True)
    connection.execute("SET ROLE forecourt_app")
    if tenant_id is not None:
        connection.execute("SELECT set_config('forecourt.tenant', %s, false)", (str(tenant_id),))
    return connection


async def test_without_a_tenant_the_database_shows_and_takes_nothing(house: House, tenant: Tenant) -> None:
    await tenant.operator()
    await (await tenant.client()).post("/api/v1/stations", json={"id": f"here-{tenant.tenant_id}"})
    with as_app(house, None) as connection:
        for table in TENANT_TABLES:
            rows = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
            assert rows == (0,), table
        for statement in (
            f"INSERT INTO tokens (tenant_id, uid_key, uid, type, status)"
            f" VALUES ({tenant.tenant_id}, 'a', 'a', 'b', 'accepted')",
            f"INSERT INTO stations (tenant_id, identity) VALUES ({tenant.tenant_id}, 'nobodys')",
            f"INSERT INTO audit (tenant_id, actor, action, object) VALUES ({tenant.tenant_id}, 'a', 'b', 'c')",
        ):
            with pytest.raises(InsufficientPrivilege, match="row-level security"):
                connection.execute(statement.encode())


async def test_for_another_tenant_the_database_shows_and_takes_nothing(
    house: House, tenant: Tenant, stranger: Tenant
) -> None:
    await tenant.operator()
    await (await tenant.client()).post("/api/v1/stations", json={"id": f"mine-{tenant.tenant_id}"})
    await (await stranger.client()).post("/api/v1/stations", json={"id": f"theirs-{stranger.tenant_id}"})
    with as_app(house, stranger.tenant_id) as connection:
        for table in TENANT_TABLES:
            rows = connection.execute(
                f"SELECT count(*) FROM {table} WHERE tenant_id <> {stranger.tenant_id}".encode()
            ).fetchone()
            assert rows == (0,), table
        with pytest.raises(InsufficientPrivilege, match="row-level security"):
            connection.execute(
                "INSERT INTO stations (tenant_id, identity) VALUES (%s, 'smuggled')", (tenant.tenant_id,)
            )
        with pytest.raises(InsufficientPrivilege, match="row-level security"):
            connection.execute("UPDATE stations SET tenant_id = %s", (tenant.tenant_id,))


async def test_what_a_station_said_of_a_session_can_not_be_rewritten(house: House, tenant: Tenant) -> None:
    with as_app(house, tenant.tenant_id) as connection:
        connection.execute("UPDATE sessions SET notes = '{}', closed_at = NULL")
        for column in ("meter_stop_wh", "ended_at", "token_uid", "tenant_id"):
            with pytest.raises(InsufficientPrivilege, match="permission denied"):
                connection.execute(f"UPDATE sessions SET {column} = NULL".encode())


async def test_the_audit_can_be_added_to_and_never_changed(house: House, tenant: Tenant) -> None:
    await (await tenant.client()).post("/api/v1/sites", json={"name": "Yard"})
    with as_app(house, tenant.tenant_id) as connection:
        assert connection.execute("SELECT action FROM audit").fetchall() == [("create site",)]
        for statement in (b"UPDATE audit SET actor = 'another'", b"DELETE FROM audit", b"TRUNCATE audit"):
            with pytest.raises(InsufficientPrivilege, match="permission denied"):
                connection.execute(statement)


async def test_the_lookups_before_a_tenant_is_known_pass_no_list_and_no_other_role(
    house: House, tenant: Tenant
) -> None:
    email = await tenant.operator()
    with house.admin() as connection:
        row = connection.execute(
            "SELECT rolsuper OR rolbypassrls OR rolcanlogin FROM pg_roles WHERE rolname = 'forecourt_lookup'"
        ).fetchone()
        assert row == (False,)
        owned = connection.execute(
            "SELECT proname FROM pg_proc WHERE proowner = 'forecourt_lookup'::regrole ORDER BY 1"
        ).fetchall()
        assert owned == [
            ("access_invitation",),
            ("access_key",),
            ("access_passkey",),
            ("access_person",),
            ("access_providers",),
            ("access_session",),
            ("access_step",),
            ("access_take_step",),
            ("care_tenants",),
            ("driver_brand_taken",),
            ("driver_only_brand",),
            # These rename and delete, for an erasure, what is of the tenant that the transaction acts for.
            ("driver_rename_token",),
            # Tells numbers of tenants and sites, and nothing of who waits there.
            ("driver_sites_with_waiting",),
            ("driver_tenant_of_brand",),
            ("driver_tenant_of_pages",),
            ("driver_tenant_of_payment",),
            ("driver_tenant_of_station",),
            ("driver_tenant_of_waiting",),
            ("driver_unsend",),
            ("drivers_tenant_of_link",),
            ("drivers_tenant_of_session",),
            ("energy_planned_sites",),
            ("energy_tenants",),
            ("insight_tenants",),
            ("payments_of_deployment",),
            ("payments_setup_of_deployment",),
            ("payments_tenant_of_account",),
            ("payments_tenants",),
            ("sessions_tenants_with_due_starts",),
            ("sessions_tenants_with_open",),
            ("sessions_tenants_with_reckoners",),
            ("sessions_tenants_with_sharing",),
            ("sessions_tenants_with_silence",),
            # These two see a tenant's rows only, by their own condition: see the test of the search.
            ("stations_by_part",),
            # Tells a number of whose strangers are that say nothing of it, where there is one organisation only.
            ("stations_only_organisation",),
            ("tokens_by_part",),
        ]
        for role in ("forecourt_ingest", "forecourt_worker"):
            connection.execute(f"SET ROLE {role}".encode())
            with pytest.raises(InsufficientPrivilege):
                connection.execute("SELECT * FROM access_person(%s)", (email,))
            connection.execute("RESET ROLE")
    with as_app(house, None) as connection:
        found = connection.execute("SELECT name FROM access_person(%s)", (email,)).fetchall()
        assert found == [("Someone",)]
        assert connection.execute("SELECT * FROM access_person('%')").fetchall() == []
