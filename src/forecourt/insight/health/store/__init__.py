"""What connector health asks: of a lake, days; of PostgreSQL, what was found, alerts, models."""
