-- The gateway sees when a connector says otherwise than is wanted of it.
-- depends: stations.0019

GRANT SELECT (kind, key, state, wanted) ON desires TO forecourt_ingest;
