"""Cards that drivers leave with the provider: added without paying, and given up there when they are removed.

Owns the pages on which cards are left. Never knows more of a card than its brand and last four digits.
"""
