"""OCPP 2.1: its messages, and what it adds to 2.0.1."""
