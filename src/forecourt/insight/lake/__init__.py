"""The lake: PostgreSQL's facts as Parquet files, for questions that look at years.

A snapshot is a manifest that names its files; files are never changed, so a reader sees one snapshot whole whatever is
written meanwhile. It can always be made anew from PostgreSQL. Drivers are in it by pseudonyms, and an erasure reaches
every snapshot that is kept. Each organisation has a folder of its own.
"""
