-- Drivers with an account: what they see of payments, whose pages they sign in on, and how a token is forgotten.
-- depends: driver.0001 drivers.0008 payments.0010 sessions.0007 sessions.0002 platform.0002

-- Who acts as a driver sees no payment and no saved card of anybody else.
CREATE POLICY of_driver ON payment_intents AS RESTRICTIVE TO forecourt_app
    USING ((SELECT forecourt_driver()) IS NULL OR payer = 'driver:' || (SELECT forecourt_driver()));
CREATE POLICY of_driver ON payment_methods AS RESTRICTIVE TO forecourt_app
    USING ((SELECT forecourt_driver()) IS NULL OR payer = 'driver:' || (SELECT forecourt_driver()));
CREATE INDEX payment_intents_of_payer ON payment_intents (tenant_id, payer, number) WHERE payer IS NOT NULL;

-- Whose pages drivers sign in on: by their name, or by the host that was asked; they need not be on the map.
CREATE FUNCTION driver_tenant_of_pages(said text, host text) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$ SELECT tenant_id FROM driver_brands WHERE slug = said OR (said = '' AND domain = host) LIMIT 1 $body$;

-- A driver is erased: what stations said of a token gets another name, within the organisation that the transaction
-- acts for. What is charged and paid by it stays as it is. Letters that wait for the address are not sent.
CREATE POLICY of_erasure ON sessions FOR UPDATE TO forecourt_lookup USING (tenant_id = forecourt_tenant());
CREATE POLICY of_erasure_read ON sessions FOR SELECT TO forecourt_lookup USING (tenant_id = forecourt_tenant());
CREATE POLICY of_erasure ON remote_starts FOR UPDATE TO forecourt_lookup USING (tenant_id = forecourt_tenant());
CREATE POLICY of_erasure_read ON remote_starts FOR SELECT TO forecourt_lookup USING (tenant_id = forecourt_tenant());
CREATE POLICY of_erasure ON letters FOR DELETE TO forecourt_lookup USING (tenant_id = forecourt_tenant());
CREATE POLICY of_erasure_read ON letters FOR SELECT TO forecourt_lookup USING (tenant_id = forecourt_tenant());
GRANT SELECT (tenant_id, token_uid), UPDATE (token_uid) ON sessions, remote_starts TO forecourt_lookup;
GRANT SELECT (tenant_id, recipient), DELETE ON letters TO forecourt_lookup;

CREATE FUNCTION driver_rename_token(uid text, instead text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
DECLARE renamed bigint;
BEGIN
    UPDATE sessions SET token_uid = instead
    WHERE tenant_id = forecourt_tenant() AND token_uid IN (uid, lower(uid), upper(uid));
    GET DIAGNOSTICS renamed = ROW_COUNT;
    UPDATE remote_starts SET token_uid = instead
    WHERE tenant_id = forecourt_tenant() AND token_uid IN (uid, lower(uid), upper(uid));
    RETURN renamed;
END
$body$;

CREATE FUNCTION driver_unsend(address text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
AS $body$ DELETE FROM letters WHERE tenant_id = forecourt_tenant() AND lower(recipient) = address $body$;

DO $owner$
DECLARE f text;
BEGIN
    GRANT CREATE ON SCHEMA public TO forecourt_lookup;
    FOREACH f IN ARRAY ARRAY['driver_tenant_of_pages(text, text)', 'driver_rename_token(text, text)',
        'driver_unsend(text)']
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO forecourt_lookup', f);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO forecourt_app', f);
    END LOOP;
    REVOKE CREATE ON SCHEMA public FROM forecourt_lookup;
END
$owner$;

-- What names a driver in payments goes, the amounts stay: the payer is a number that leads to nobody any more.
GRANT DELETE ON payment_methods TO forecourt_app;
