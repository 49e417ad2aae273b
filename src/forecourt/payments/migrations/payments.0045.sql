-- A membership whose month failed for good is over, though its end was set to that of the month or taken back since.
-- depends: payments.0033

ALTER TABLE subscriptions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE subscription_fees NO FORCE ROW LEVEL SECURITY;
UPDATE subscriptions s SET ends_at = greatest(s.began_at, now())
WHERE (s.ends_at IS NULL OR s.ends_at > now())
    AND EXISTS (SELECT FROM subscription_fees f WHERE f.tenant_id = s.tenant_id
        AND f.subscription_id = s.subscription_id AND f.state = 'failed');
ALTER TABLE subscriptions FORCE ROW LEVEL SECURITY;
ALTER TABLE subscription_fees FORCE ROW LEVEL SECURITY;
