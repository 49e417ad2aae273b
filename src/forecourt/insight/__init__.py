"""Owns what past use tells: imported history, the lake of Parquet files, usage, and what is reckoned from them.

Reads what other rooms publish as views, never their tables; the lake can always be made anew from PostgreSQL.
Says nothing through the outbox but that drivers are to be erased from the lake.
Never changes a session, a station or a price, and knows drivers by pseudonyms only.
"""
