"""What drivers' banks dispute: how each dispute stands, until when it may be answered, and what of it is posted. It is
told by the provider alone, hears of it by `intents`, and never answers a bank itself."""
