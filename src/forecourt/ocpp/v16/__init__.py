"""OCPP 1.6J with its security extensions: its messages, and what they mean in the neutral language."""
