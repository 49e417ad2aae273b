"""OCPP 2.0.1: its messages, and which of them stations send."""
