-- Drivers begin a membership themselves, of those plans that are offered to them, and say what pays for it.
-- depends: drivers.0014

ALTER TABLE subscription_plans
    ADD COLUMN offered bool NOT NULL DEFAULT false,
    ADD COLUMN gives text NOT NULL DEFAULT '' CHECK (length(gives) <= 1000),
    ADD COLUMN terms_url text CHECK (length(terms_url) <= 500);
COMMENT ON COLUMN subscription_plans.offered IS 'drivers see it and may begin it by themselves; else an operator gives it to them';
COMMENT ON COLUMN subscription_plans.gives IS 'what drivers are told that it gives, in the operator''s words';
GRANT UPDATE (offered, gives, terms_url) ON subscription_plans TO forecourt_app;

ALTER TABLE subscriptions
    ADD COLUMN by_driver bool NOT NULL DEFAULT false,
    ADD COLUMN pays_by text CHECK (pays_by IN ('card', 'wallet')),
    ADD COLUMN pays_method uuid,
    ADD CONSTRAINT pays_by_a_card CHECK ((pays_by IS NOT DISTINCT FROM 'card') = (pays_method IS NOT NULL));
COMMENT ON COLUMN subscriptions.by_driver IS 'the driver began it: a first month that is not paid ends it at once';
COMMENT ON COLUMN subscriptions.pays_by IS 'what pays for its months; NULL: what the account pays by';
GRANT UPDATE (pays_by, pays_method) ON subscriptions TO forecourt_app;
