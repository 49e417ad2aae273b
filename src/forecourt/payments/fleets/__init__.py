"""Fleets that are billed by the month: what they owe line by line, invoices and credit notes, and how these are paid.

An invoice is made of entries of the ledger and changes nothing there; what is paid, credited or written off does. It
never changes once it is issued. Which sessions a fleet pays for is said by the room `drivers`.
"""
