"""The verbs of the room. Each runs in the caller's transaction, in which it also writes the audit."""
