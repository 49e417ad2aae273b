"""The monthly fee of a membership: whole months from when it began, each paid ahead by what the account pays by.

Owns which months are due, asked for and paid, and when a membership ends because nobody pays. It never says which
tariff a membership leads to: that is `pricing`.
"""
