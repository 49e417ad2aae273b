"""What is bounded, what it costs and how long it takes: numbers that a reader looks for."""

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400

#: The version of the API whose shapes are spoken; that of the SDK in the lock file.
API_VERSION = "2026-10-28.endive"

# What a request may bring.
MAX_BODY = 64 * 1024
MAX_PARAMS, MAX_DEPTH, MAX_TEXT = 500, 6, 5000
MAX_METADATA, MAX_METADATA_NAME, MAX_METADATA_TEXT = 50, 40, 500
MAX_KEY, MAX_LINE_ITEMS, MAX_EXPANDS, MAX_EXPAND_DEPTH = 255, 100, 20, 4
DEFAULT_PAGE, MAX_PAGE = 10, 100
#: Requests in work at once, those that hang by a fault among them.
MAX_IN_WORK = 500

# What is kept.
MAX_ACCOUNTS, MAX_CONNECTED, MAX_OBJECTS = 200, 20_000, 5_000_000
MAX_HISTORY = 2_000_000
MAX_ENDPOINTS, MAX_EXTERNAL_ACCOUNTS, MAX_METHODS = 16, 10, 50
KEYS_KEPT_S, EVENTS_KEPT_S = DAY_S, 30 * DAY_S

# Money.
MAX_AMOUNT = 99_999_999
MIN_AMOUNTS = {
    "usd": 50, "eur": 50, "gbp": 30, "chf": 50, "sek": 300, "nok": 300, "dkk": 250, "pln": 200, "czk": 1500,
    "huf": 17_500, "ron": 200, "aud": 50, "cad": 50, "jpy": 50, "krw": 100, "kwd": 20,
}  # fmt: skip
#: Currencies without minor units, and those with thousandths, of which the last digit must be 0.
ZERO_DECIMAL = frozenset(
    ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf")
)
THREE_DECIMAL = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))
TWO_DECIMAL = frozenset((
    "usd", "eur", "gbp", "chf", "sek", "nok", "dkk", "pln", "czk", "huf", "ron", "bgn", "isk", "aud", "cad", "nzd",
    "inr", "sgd", "hkd", "mxn", "brl", "zar", "aed", "sar", "thb", "ils", "try",
))  # fmt: skip
#: Fee of a payment: ten-thousandths of the amount, and a fixed part in minor units by currency.
ONLINE_FEE, TERMINAL_FEE = 150, 140
FIXED_FEES = {"eur": 25, "gbp": 20, "usd": 30, "chf": 30, "jpy": 0, "kwd": 100}
TERMINAL_FIXED_FEES = {"eur": 10, "gbp": 10, "usd": 10, "chf": 10, "jpy": 0, "kwd": 50}
DEFAULT_FIXED_FEE = 25
DISPUTE_FEES = {"eur": 2000, "gbp": 2000, "usd": 1500, "chf": 2000, "jpy": 1500, "kwd": 5000}
DEFAULT_DISPUTE_FEE = 2000

# Holds.
ONLINE_HOLD_S, TERMINAL_HOLD_S = 7 * DAY_S, 2 * DAY_S
MAX_INCREMENTS = 10
INCREMENT_BRANDS = frozenset({"visa", "mastercard", "amex", "discover"})
#: How far above the hold may be captured, in per cent; other brands have it only for other trades than charging.
OVERCAPTURE_PERCENT = {"visa": 15}

# Time it takes, by this server's own clock.
SETTLE_DAYS = 2
PAYOUT_DAYS = 1
DISPUTE_ANSWER_S = 7 * DAY_S
DISPUTE_DECISION_S = 3 * DAY_S
SESSION_S, MIN_SESSION_S = DAY_S, 30 * MINUTE_S
ACCOUNT_LINK_S = 5 * MINUTE_S
READER_S = 60
#: The clock may be set ahead this far from the real one, never back.
MAX_AHEAD_S = 400 * DAY_S

# Webhooks.
RETRIES_S = (5, 60, 5 * MINUTE_S, 30 * MINUTE_S, 2 * HOUR_S, 5 * HOUR_S, 10 * HOUR_S, 12 * HOUR_S, 12 * HOUR_S, DAY_S)
DELIVERY_TIMEOUT_S = 10.0
DELIVERIES_AT_ONCE, DELIVERIES_A_ROUND = 8, 200
MAX_DELAY_S = 3600.0
#: A signature that shall be too old is dated so far back.
STALE_S = 900

# Faults.
MAX_SCRIPTED = 100
MAX_LATENCY_S, HANG_S = 30.0, 120.0
#: How often a call that hangs is looked at, whether somebody still waits for it.
HANG_LOOK_S = 0.1
