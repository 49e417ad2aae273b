"""What drivers owed, by which payments that was paid later, and what of that went back."""
