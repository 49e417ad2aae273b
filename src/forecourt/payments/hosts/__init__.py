"""Hosts: who owns a site, what share of its earnings is theirs, and how and when they are paid.

It owns hosts, their share rules in versions, the lines of what they are owed, and payouts. Every line is one leg of the
ledger, so that what a host is told is what the books say. Public: `shares.follow`, `payouts`, `jobs.HostJobs`.
"""
