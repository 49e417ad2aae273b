-- Who merges an event into a row that stands already must hold that row until the commit (see platform/outbox.py).
-- depends: platform.0002

GRANT UPDATE (written_at) ON outbox TO forecourt_app, forecourt_ingest;
