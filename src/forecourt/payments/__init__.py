"""Money that moves: holds and captures at payment providers, the ledger, hosts and what they are owed, invoices.

It owns accounts at providers, payment intents, the journal and its postings, share rules and payouts, and what a
provider's account says of all that. Says `payment.authorised`, `.captured`, `.refunded`, `.refund_failed`, `.released`,
`.failed` and `.disputed` through the outbox. It never makes a price (`pricing` does), and never sees a card number.
"""
