"""What drivers' banks dispute: how each dispute stands, and until when it may be answered. `intents` reads of it at the
provider and posts it; nobody answers a bank from here."""
