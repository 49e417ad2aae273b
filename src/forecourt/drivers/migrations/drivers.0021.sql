-- Apps of an organisation sign their drivers in by its provider: where they are led back to, and what they are called there.
-- depends: drivers.0020

ALTER TABLE driver_providers
    ADD COLUMN app_redirects text[] NOT NULL DEFAULT '{}' CHECK (cardinality(app_redirects) <= 10),
    ADD COLUMN app_clients text[] NOT NULL DEFAULT '{}' CHECK (cardinality(app_clients) <= 10);
COMMENT ON COLUMN driver_providers.app_redirects IS 'redirect URIs that apps may name';
COMMENT ON COLUMN driver_providers.app_clients IS 'client ids of apps whose ID tokens are believed';
GRANT UPDATE (app_redirects, app_clients) ON driver_providers TO forecourt_app;
