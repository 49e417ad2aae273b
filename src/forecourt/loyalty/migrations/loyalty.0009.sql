-- Campaigns begin and end by themselves at the times that are said, and it is kept when they were paused.
-- depends: loyalty.0008

ALTER TABLE loyalty_campaigns DROP CONSTRAINT loyalty_campaigns_state_check,
    ADD CONSTRAINT loyalty_campaigns_state_check CHECK (state IN ('draft', 'scheduled', 'running', 'paused', 'ended')),
    ADD COLUMN turns_at timestamptz,
    ADD COLUMN paused_at timestamptz,
    ADD COLUMN paused tstzmultirange NOT NULL DEFAULT '{}';
COMMENT ON COLUMN loyalty_campaigns.turns_at IS 'when it begins or ends by itself; NULL: it does neither';
COMMENT ON COLUMN loyalty_campaigns.paused_at IS 'since when it is paused';
COMMENT ON COLUMN loyalty_campaigns.paused IS 'when it was paused before, which is no part of its effect';

ALTER TABLE loyalty_campaigns NO FORCE ROW LEVEL SECURITY;
UPDATE loyalty_campaigns SET turns_at = (terms ->> 'ends_at')::timestamptz,
    paused_at = CASE WHEN state = 'paused' THEN now() END
WHERE state IN ('running', 'paused');
ALTER TABLE loyalty_campaigns FORCE ROW LEVEL SECURITY;

CREATE INDEX loyalty_campaigns_turning ON loyalty_campaigns (turns_at) WHERE turns_at IS NOT NULL;
CREATE POLICY of_worker ON loyalty_campaigns FOR SELECT TO forecourt_worker USING (true);
GRANT SELECT (tenant_id, turns_at) ON loyalty_campaigns TO forecourt_worker;
