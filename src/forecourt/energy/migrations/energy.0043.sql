-- Whether stations of a site are told limits as dynamic profiles: only where each change is known to renew them.
-- depends: energy.0042

ALTER TABLE energy_sites ADD COLUMN dynamic_profiles bool NOT NULL DEFAULT false;
COMMENT ON COLUMN energy_sites.dynamic_profiles IS
    'its stations of OCPP 2.1 are told limits as dynamic profiles: all of them know K28.FR.13';
