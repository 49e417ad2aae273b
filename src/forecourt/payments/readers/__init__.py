"""Card readers: where each stands, and having one ask for a card for a session. What is asked for is a payment as any
other, and lives by the same rules.
"""
