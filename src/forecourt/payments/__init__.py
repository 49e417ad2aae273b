"""Money that moves: holds and captures at payment providers, the ledger, hosts and what they are owed, invoices.

It owns payment intents, the journal and its postings, share rules and payouts, and what a provider's account says of
all that. It never makes a price (`pricing` does), and never keeps a card number.
"""
